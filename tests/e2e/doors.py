"""The other front doors: Terraform puts them in front of the deployment's stream."""

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import boto3
import httpx

from e2e.observing import new_id
from scripts.bootstrap import infra, terraform
from scripts.bootstrap.layout import HERE
from scripts.deploying import deploy
from votectl import deployment as deployments
from votectl.deployment import Deployment
from votectl.signing import Signing

FOLDER = HERE.root / "tests/e2e/front_doors"
APPLY_SECONDS = 240

ORIGINS = ("https://vote.example.org", "https://example.org")
PASSWORD = "Only-for-tests-1"


@dataclass(frozen=True)
class Voter:
    """A voter who has signed in."""

    sub: str
    id_token: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers that carry the token."""
        return {"Authorization": f"Bearer {self.id_token}"}

    def claiming(self, **claims: str) -> Self:
        """Return the voter with other claims in the token, under the old signature."""
        header, _, signature = self.id_token.split(".")
        changed = base64.urlsafe_b64encode(json.dumps(claims_of(self.id_token) | claims).encode())
        return replace(self, id_token=f"{header}.{changed.decode().rstrip('=')}.{signature}")


class Pool:
    """A user pool, with a client through which tests sign in without a browser."""

    def __init__(self, pool_id: str) -> None:
        """Take the pool's id."""
        self.pool_id = pool_id
        self._cognito = boto3.client("cognito-idp")
        client = self._cognito.create_user_pool_client(
            UserPoolId=pool_id,
            ClientName="tests",
            ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        )
        self._client_id = client["UserPoolClient"]["ClientId"]

    def voter(self) -> Voter:
        """Return a new user who has just signed in."""
        name = f"{new_id('voter')}@example.org"
        self._cognito.admin_create_user(UserPoolId=self.pool_id, Username=name, MessageAction="SUPPRESS")
        self._cognito.admin_set_user_password(
            UserPoolId=self.pool_id, Username=name, Password=PASSWORD, Permanent=True
        )
        signed_in = self._cognito.admin_initiate_auth(
            UserPoolId=self.pool_id,
            ClientId=self._client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        id_token = signed_in["AuthenticationResult"]["IdToken"]
        return Voter(claims_of(id_token)["sub"], id_token)


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says, unchecked."""
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


@dataclass(frozen=True)
class Doors:
    """The doors: `cognito` for voters who sign in, `narrow` with a low limit, `vouched` for signed back ends."""

    cognito: str
    narrow: str
    vouched: Deployment
    pool: Pool
    api_key: str

    @property
    def iam(self) -> str:
        """Where back ends vouch: the base URL."""
        return self.vouched.front_door

    def signed(self, door: str, **more: Any) -> httpx.Client:
        """Return a client that signs its requests to one of the doors."""
        return httpx.Client(base_url=door, auth=Signing(), timeout=30, **more)


@contextmanager
def in_front_of(deployment: Deployment) -> Iterator[Doors]:
    """Deploy the doors, and remove them afterwards; on the local cloud they stay until it stops."""
    tool, data = terraform.ensure(HERE), infra.data_dir(HERE, deployment.environment) / "front_doors"
    infra.init(HERE, tool, FOLDER, data, ["-reconfigure", f"-backend-config=path={data / 'doors.tfstate'}"])
    target = deploy.target_of(HERE, deployment.environment)
    variables = {
        "architecture": target.architecture,
        "artifact_directory": HERE.root / "dist" / target.name,
        "deployment": f"/{deployments.PROJECT}/{deployment.environment}/deployment",
        "name_prefix": f"{deployments.PROJECT}-{deployment.environment}-doors",
    }
    given = [f"-var={variable}={value}" for variable, value in variables.items()]
    try:
        _terraform(tool, data, "apply", "-auto-approve", *given)
        outputs = json.loads(_terraform(tool, data, "output", "-json"))
        cognito, vouched, narrow = (
            Deployment.model_validate(deployment.model_dump() | outputs["doors"]["value"][door])
            for door in ("cognito", "iam", "narrow")
        )
        (key_id,) = vouched.api_key_ids.values()
        key = boto3.client("apigateway").get_api_key(apiKey=key_id, includeValue=True)["value"]
        pool = Pool(outputs["user_pool_id"]["value"])
        yield Doors(cognito.front_door, narrow.front_door, vouched, pool, key)
    finally:
        if deployment.environment != deployments.LOCAL:
            _terraform(tool, data, "destroy", "-auto-approve", *given)


def _terraform(tool: Path, data: Path, command: str, *arguments: str) -> str:
    done = subprocess.run(
        [tool, f"-chdir={FOLDER}", command, "-no-color", *arguments],
        env=terraform.environment(TF_DATA_DIR=str(data), TF_IN_AUTOMATION="1"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=APPLY_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return done.stdout
