"""Requests signed for API Gateway (AWS Signature Version 4), where back ends vouch for voters."""

from collections.abc import Generator

import boto3
import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from votectl.errors import OperatorError


class Signing(httpx.Auth):
    """Signs every request with the credentials that boto3 finds."""

    requires_request_body = True

    def __init__(self, session: boto3.Session | None = None, service: str = "execute-api") -> None:
        """Take a session (None: boto3's default) and the service of the signature.

        Raises:
            OperatorError: there are no credentials, or no region.
        """
        session = session or boto3.Session()
        credentials = session.get_credentials()
        if credentials is None or session.region_name is None:
            raise OperatorError(
                "this deployment takes signed votes only (voter_auth iam), and there are no AWS credentials or no "
                "region: set them as for every AWS tool"
            )
        self._service = service
        self._credentials, self._region = credentials, session.region_name

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Add the signature's headers."""
        signer = SigV4Auth(self._credentials.get_frozen_credentials(), self._service, self._region)
        # Only necessary headers are signed: a client may add its own later.
        headers = {"Host": request.headers["Host"], "Content-Type": request.headers.get("Content-Type", "")}
        signed = AWSRequest(
            request.method, str(request.url), {k: v for k, v in headers.items() if v}, request.content
        )
        signer.add_auth(signed)
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
            if name in signed.headers:
                request.headers[name] = signed.headers[name]
        yield request
