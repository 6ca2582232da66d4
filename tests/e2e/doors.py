"""The other front doors: Terraform puts them in front of the deployment's stream."""

import base64
import fcntl
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import boto3
import httpx

from e2e import issuer
from e2e.observing import new_id
from scripts.bootstrap import infra, terraform
from scripts.bootstrap.layout import HERE
from scripts.deploying import deploy
from votectl import deployment as deployments
from votectl.deployment import Deployment
from votectl.signing import Signing

FOLDER = HERE.root / "tests/e2e/front_doors"
APPLY_SECONDS = 240

KINDS = ("rest", "http", "url")

ORIGINS = ("https://vote.example.org", "https://example.org")
PASSWORD = "Only-for-tests-1"


@dataclass(frozen=True)
class Voter:
    """A voter who has signed in."""

    sub: str
    id_token: str
    access_token: str

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

    def __init__(self, pool_id: str, client_id: str) -> None:
        """Take the pool's id, and that of the client through which tests sign in."""
        self.pool_id = pool_id
        self._cognito = boto3.client("cognito-idp")
        self._client_id = client_id

    def another_client(self) -> Self:
        """Return the pool with a client of its own, whose tokens no door accepts."""
        client = self._cognito.create_user_pool_client(
            UserPoolId=self.pool_id,
            ClientName="another",
            ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        )
        return type(self)(self.pool_id, client["UserPoolClient"]["ClientId"])

    def user(self) -> str:
        """Return the name of a new user, whose password is `PASSWORD`."""
        created = self._cognito.admin_create_user(
            UserPoolId=self.pool_id, Username=f"{new_id('voter')}@example.org", MessageAction="SUPPRESS"
        )
        name: str = created["User"]["Username"]
        self._cognito.admin_set_user_password(
            UserPoolId=self.pool_id, Username=name, Password=PASSWORD, Permanent=True
        )
        return name

    def voter(self) -> Voter:
        """Return a new user who has just signed in."""
        name = self.user()
        signed_in = self._cognito.admin_initiate_auth(
            UserPoolId=self.pool_id,
            ClientId=self._client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        tokens = signed_in["AuthenticationResult"]
        return Voter(claims_of(tokens["IdToken"])["sub"], tokens["IdToken"], tokens["AccessToken"])


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a token, unchecked."""
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


class SignInPages(NamedTuple):
    """The pages whose voters sign in to the pool, in front of the REST API."""

    url: str
    bucket: str
    # The address of the pool's own pages on AWS.
    sign_in_url: str


@dataclass(frozen=True)
class Doors:
    """The doors: `narrow` with a low limit, `vouched` for signed back ends, and for voters who sign in a REST API.

    The latter, and the user pool, are missing if the cloud has no user pools.
    """

    sign_in: tuple[str, Pool, SignInPages] | None
    narrow: str
    vouched: Deployment
    api_key: str
    # The doors "http" and "url" by kind and voter_auth, each as the deployment that has it, and what belongs to it.
    others: Mapping[tuple[str, str], Deployment]
    functions: Mapping[tuple[str, str], str]
    policies: Mapping[tuple[str, str], str]

    def url(self, kind: str, voter_auth: str) -> str:
        """Return where votes are posted at a door of this kind, with voters who are identified in this way.

        The tests deploy no REST door without voter identity, because the deployment under test has one.
        """
        if kind == "rest":
            return self.iam if voter_auth == "iam" else self.cognito
        return self.others[kind, voter_auth].votes_door

    @property
    def cognito(self) -> str:
        """The base URL where voters sign in. A test that uses it has the mark or a fixture that names Cognito."""
        assert self.sign_in is not None
        return self.sign_in[0]

    @property
    def pool(self) -> Pool:
        """The user pool of the voters."""
        assert self.sign_in is not None
        return self.sign_in[1]

    @property
    def pages(self) -> SignInPages:
        """The pages whose voters sign in there."""
        assert self.sign_in is not None
        return self.sign_in[2]

    @property
    def iam(self) -> str:
        """The base URL for back ends that vouch for voters."""
        return self.vouched.front_door

    def batches(self, kind: str) -> str:
        """Return where batches are posted at a door of this kind."""
        return self.url(kind, "iam" if kind == "url" else "cognito")

    def signed(self, door: str, **more: Any) -> httpx.Client:
        """Return a client that signs its requests to one of the doors."""
        return httpx.Client(base_url=door, auth=Signing(service=service_of(door)), timeout=30, **more)


def service_of(door: str) -> str:
    """Return the service and the region in a door's signatures."""
    return "lambda" if "/url/" in door or ".lambda-url." in door else "execute-api"


def is_of_aws(answer: httpx.Response) -> bool:
    """Return whether AWS itself answered, and not the function behind a door: docs/api.md lists the cases."""
    return answer.status_code in {401, 403, 404, 413, 429} and [*answer.json()] in (["message"], ["Message"])


@contextmanager
def in_front_of(deployment: Deployment, *, user_pools: bool, http_apis: bool) -> Iterator[Doors]:
    """Deploy the doors that the cloud can have, and remove them afterwards; on the local cloud they stay."""
    tool, data = terraform.ensure(HERE), deploy.data_dir(HERE, deployment.environment) / "front_doors"
    data.mkdir(parents=True, exist_ok=True)
    target = deploy.target_of(HERE, deployment.environment)
    pages_environment = f"{deployment.environment}-doors"
    # Cognito sends voters back to https, or to this name of the machine.
    port = urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).port or 443
    pages = {
        "parameter": f"/{deployments.PROJECT}/{pages_environment}/deployment",
        "url": f"http://localhost:{port}/_votestream/pages/{pages_environment}",
    }
    variables = {
        "user_pools": json.dumps(user_pools),
        "http_apis": json.dumps(http_apis),
        "architecture": target.architecture,
        "artifact_directory": HERE.root / "dist" / target.name,
        "deployment": f"/{deployments.PROJECT}/{deployment.environment}/deployment",
        "name_prefix": f"{deployments.PROJECT}-{deployment.environment}-doors",
        "pages": json.dumps(pages),
    }
    # AWS could not reach an issuer on this machine.
    if deployment.environment == deployments.LOCAL:
        variables["issuer"] = json.dumps(issuer.ADDRESS._asdict())
    given = [f"-var={variable}={value}" for variable, value in variables.items()]
    try:
        # Tests of several files run side by side: the first process that asks for the doors applies them for all.
        with (data / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            applied, run = data / "applied-by-run", os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
            if not run or not applied.exists() or applied.read_text() != run:
                backend = ["-reconfigure", f"-backend-config=path={data / 'doors.tfstate'}"]
                infra.init(HERE, tool, FOLDER, data, backend)
                _terraform(tool, data, "apply", "-auto-approve", *given)
                applied.write_text(run)
        outputs = json.loads(_terraform(tool, data, "output", "-json"))
        apis = {
            name: Deployment.model_validate(deployment.model_dump() | api)
            for name, api in outputs["doors"]["value"].items()
        }
        vouched = apis["iam"]
        (key_id,) = vouched.api_key_ids.values()
        key = boto3.client("apigateway").get_api_key(apiKey=key_id, includeValue=True)["value"]
        sign_in = None
        if user_pools:
            pool = Pool(outputs["user_pool_id"]["value"], outputs["user_pool_client_id"]["value"])
            sign_in = (
                apis["cognito"].front_door,
                pool,
                SignInPages(pages["url"], outputs["pages_bucket"]["value"], outputs["sign_in_url"]["value"]),
            )
        others = {
            _kind_and_auth(name): Deployment.model_validate(deployment.model_dump() | more)
            for name, more in outputs["vote_doors"]["value"].items()
        }
        functions, policies = (
            {_kind_and_auth(name): value for name, value in outputs[output]["value"].items()}
            for output in ("ingress_functions", "back_end_policy_arns")
        )
        yield Doors(sign_in, apis["narrow"].front_door, vouched, key, others, functions, policies)
    finally:
        if deployment.environment != deployments.LOCAL:
            _terraform(tool, data, "destroy", "-auto-approve", *given)


def _kind_and_auth(name: str) -> tuple[str, str]:
    kind, _, voter_auth = name.partition("-")
    return kind, voter_auth


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
