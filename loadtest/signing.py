"""AWS signatures for requests, where the front door asks for them (AWS_IAM)."""

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from votectl.errors import OperatorError

SERVICE = "execute-api"


class Signer:
    """Signs requests with this machine's AWS credentials (Signature Version 4)."""

    def __init__(self, region: str) -> None:
        """Take the region of the API.

        Raises:
            OperatorError: there are no credentials.
        """
        credentials = boto3.Session().get_credentials()
        if credentials is None:
            raise OperatorError(
                "the front door takes signed requests only (AWS_IAM), and this machine has no AWS credentials"
            )
        # Frozen for each request: credentials of a role are renewed while a run goes on.
        self._credentials = credentials
        self._region = region

    def headers(self, method: str, url: str, body: bytes, content_type: str) -> dict[str, str]:
        """Return the headers that a request needs."""
        request = AWSRequest(method=method, url=url, data=body, headers={"Content-Type": content_type})
        SigV4Auth(self._credentials.get_frozen_credentials(), SERVICE, self._region).add_auth(request)
        return dict(request.headers.items())
