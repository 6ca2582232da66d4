"""The credentials of a vote: a back end's signature, a client's key, both or neither."""

from collections.abc import Generator

import boto3
import httpx
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict

from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.signing import Signing
from voting.settings import VoterAuth


class WithKey(httpx.Auth):
    """Adds a client's key to every request, before other credentials."""

    requires_request_body = True

    def __init__(self, key: str, more: httpx.Auth | None) -> None:
        """Take the key, and the requests' other credentials."""
        self._key, self._more = key, more

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Add the header."""
        request.headers["X-Api-Key"] = self._key
        if self._more is None:
            yield request
        else:
            yield from self._more.auth_flow(request)


class Credentials(BaseModel):
    """The required credentials, without any secret. So this may be stored, and sent to other machines.

    Attributes:
        service: the service in a signature; a function URL needs another one than an API.
        signed: requests carry a signature by AWS credentials (voter_auth iam).
        api_key_id: id of the key (api.clients); None: no key is needed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    signed: bool = False
    service: str = "execute-api"
    api_key_id: str | None = None

    def find(self) -> httpx.Auth | None:
        """Return the authentication for requests, from this machine's AWS credentials; None if none is needed.

        Raises:
            OperatorError: there are no AWS credentials, or they may not read the key.
        """
        signing = Signing(service=self.service) if self.signed else None
        return signing if self.api_key_id is None else WithKey(_key(self.api_key_id), signing)


def _key(key_id: str) -> str:
    try:
        return boto3.client("apigateway").get_api_key(apiKey=key_id, includeValue=True)["value"]
    except (BotoCoreError, ClientError) as error:
        raise OperatorError(
            f"votes need a client's key here, and key {key_id} can't be read ({error}): you need AWS credentials with "
            f"apigateway:GET on /apikeys/{key_id}"
        ) from None


def for_voters_of(deployment: Deployment, client: str | None = None) -> Credentials:
    """Return the credentials of requests that vote for any voter.

    Args:
        deployment: the deployment.
        client: the client whose key and limits they use, if clients have keys; None: the first by name.

    Raises:
        OperatorError: requests can't vote for other voters there, or there is no such client.
    """
    if deployment.voter_auth in (VoterAuth.COGNITO, VoterAuth.OIDC):
        raise OperatorError(
            f"in environment {deployment.environment!r} voters sign in themselves (voter_auth "
            f"{deployment.voter_auth}), so that nobody can vote for invented ones"
        )
    if deployment.voter_auth is VoterAuth.CODES:
        raise OperatorError(
            f"in environment {deployment.environment!r} people vote with codes (voter_auth codes), so that nobody can "
            "vote for invented voters: make codes with `votectl codes create`"
        )
    clients = deployment.api_key_ids
    if client is not None and client not in clients:
        known = (
            f"choose one of {', '.join(sorted(clients))}"
            if clients
            else "votes need no key there, leave it out"
        )
        raise OperatorError(
            f"environment {deployment.environment!r} has no client {client!r} (api.clients): {known}"
        )
    client = client or min(clients, default=None)
    return Credentials(
        signed=deployment.voter_auth is VoterAuth.IAM,
        service=deployment.signed_service,
        api_key_id=None if client is None else clients[client],
    )
