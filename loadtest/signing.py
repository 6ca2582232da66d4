"""What a request needs where back ends vouch for voters (voter_auth iam)."""

import httpx

from votectl.signing import Signing


class Signer:
    """Signs requests as `votectl` does. Locust's client is not httpx, so it is given the headers."""

    def __init__(self) -> None:
        """Find this machine's credentials.

        Raises:
            OperatorError: there are none.
        """
        self._signing = Signing()

    def headers(self, method: str, url: str, body: bytes, content_type: str) -> dict[str, str]:
        """Return the headers that a request needs, its content type among them."""
        request = httpx.Request(method, url, content=body, headers={"Content-Type": content_type})
        signed = next(self._signing.auth_flow(request))
        names = ("Content-Type", "Authorization", "X-Amz-Date", "X-Amz-Security-Token")
        return {name: signed.headers[name] for name in names if name in signed.headers}
