"""What requests carry, as headers: Locust's client is not httpx, which the rest of the tools use."""

import httpx

_NAMES = ("Content-Type", "Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Api-Key")


class Headers:
    """Makes the headers of requests."""

    def __init__(self, auth: httpx.Auth | None) -> None:
        """Take what gives credentials to a request; None where none are asked for."""
        self._auth = auth

    def of(self, method: str, url: str, body: bytes, content_type: str) -> dict[str, str]:
        """Return what a request needs, its content type among it."""
        headers = {"Content-Type": content_type}
        if self._auth is None:
            return headers
        request = next(self._auth.auth_flow(httpx.Request(method, url, content=body, headers=headers)))
        return {name: request.headers[name] for name in _NAMES if name in request.headers}
