"""Headers of requests. Locust's client is not httpx, which the other tools use."""

import httpx

_NAMES = ("Content-Type", "Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Api-Key")


class Headers:
    """Makes the headers of requests."""

    def __init__(self, auth: httpx.Auth | None) -> None:
        """Take the signer of requests, or None where requests are not signed."""
        self._auth = auth

    def of(self, method: str, url: str, body: bytes, content_type: str) -> dict[str, str]:
        """Return the headers of a request, including its content type."""
        headers = {"Content-Type": content_type}
        if self._auth is None:
            return headers
        request = next(self._auth.auth_flow(httpx.Request(method, url, content=body, headers=headers)))
        return {name: request.headers[name] for name in _NAMES if name in request.headers}
