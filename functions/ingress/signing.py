"""AWS Signature Version 4 for one kind of request: POST / to Kinesis or DynamoDB.

Source: IAM user guide, "Create a signed AWS API request". We do not use botocore's,
because its import takes longer than a whole cold start may (docs/decisions). A contract test compares the two.
"""

import hashlib
import hmac
import time
from typing import NamedTuple


class Service(NamedTuple):
    """A service whose calls are JSON in a POST.

    Attributes:
        name: in signatures and host names.
        content_type: of its calls.
        target: the prefix of action names.
    """

    name: str
    content_type: str
    target: str


KINESIS = Service("kinesis", "application/x-amz-json-1.1", "Kinesis_20131202.")
DYNAMODB = Service("dynamodb", "application/x-amz-json-1.0", "DynamoDB_20120810.")


class RoleCredentials(NamedTuple):
    """The credentials of the function's role, as Lambda puts them into its environment."""

    access_key_id: str
    secret_access_key: str
    session_token: str


class RequestSigner:
    """Signs requests to one host; it keeps the key that it derives once a day."""

    def __init__(self, service: Service, credentials: RoleCredentials, region: str, host: str) -> None:
        """Take the service, the credentials, and the endpoint."""
        self._service = service
        self._credentials = credentials
        self._region = region
        self._host = host
        self._day = ""
        self._key = b""

    def headers(self, action: str, body: bytes, now: float) -> dict[str, str]:
        """Return the headers of a call at this time (seconds since the epoch)."""
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        day = moment[:8]
        if day != self._day:
            self._key, self._day = self._derived_key(day), day
        # Sorted by lower-case name, as the signature requires.
        headers = {"content-type": self._service.content_type, "host": self._host, "x-amz-date": moment}
        if self._credentials.session_token:
            headers["x-amz-security-token"] = self._credentials.session_token
        headers["x-amz-target"] = self._service.target + action
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{day}/{self._region}/{self._service.name}/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        signature = hmac.digest(
            self._key, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}".encode(), "sha256"
        ).hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._credentials.access_key_id}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return headers

    def _derived_key(self, day: str) -> bytes:
        key = f"AWS4{self._credentials.secret_access_key}".encode()
        for part in (day, self._region, self._service.name, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key
