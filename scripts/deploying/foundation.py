"""`make bootstrap`: creates the foundation of an environment, once, before its first deployment.

One call creates the bucket. infra/bootstrap then imports it, and keeps its own state in it. So no state is migrated or
stored on a person's machine, and a second run on any machine finds everything.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from scripts.bootstrap import infra, terraform
from scripts.bootstrap.console import UserError, run, say
from scripts.bootstrap.layout import Layout
from scripts.deploying import deploy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GITHUB_PROVIDER = "oidc-provider/token.actions.githubusercontent.com"
PROJECT = "votestream"

# Not every emulator's host name resolves with the bucket's in front of it.
_S3 = Config(s3={"addressing_style": "path"})


@dataclass(frozen=True)
class StateBucket:
    """The place of an environment's state: account, region and bucket."""

    environment: str
    project: str
    account: str
    region: str
    bucket: str

    @property
    def key(self) -> str:
        """The key of the foundation's own state, next to the environment's."""
        return f"{self.project}/{self.environment}/bootstrap.tfstate"


def place_of(layout: Layout, environment: str) -> StateBucket:
    """Reads an environment's files, and asks AWS for the account of the credentials.

    Raises:
        UserError: no such environment, no credentials, or credentials of another account than the one in the files.
    """
    variables, backend = deploy.variables_file(layout, environment), deploy.backend_file(layout, environment)
    region = deploy.setting(variables, "aws_region") or deploy.setting(backend, "region")
    if not region:
        raise UserError(f"{layout.shown(backend)} names no region")
    try:
        account = boto3.client("sts", region_name=region).get_caller_identity()["Account"]
    except (ClientError, BotoCoreError) as error:
        raise UserError(
            f"no AWS account to prepare: {error}; log in as for every other AWS tool, then try again"
        ) from None
    project = deploy.setting(variables, "project") or PROJECT
    named = deploy.setting(backend, "bucket")
    if named and (other := re.search(r"-(\d{12})$", named)) and other[1] != account:
        raise UserError(
            f"{layout.shown(backend)} says that {environment} lives in account {other[1]}, and these credentials are "
            f"for {account}: log in to the other one, or remove the line `bucket` to start again in this one"
        )
    bucket = named or f"tfstate-{project}-{environment}-{account}"
    return StateBucket(environment, project, account, region, bucket)


def ensure_bucket(place: StateBucket, client: S3Client | None = None) -> bool:
    """Creates the state's bucket unless it exists; returns whether it was created.

    Raises:
        UserError: the name belongs to another account, or S3 refuses.
    """
    client = client or boto3.client("s3", region_name=place.region, config=_S3)
    try:
        client.head_bucket(Bucket=place.bucket, ExpectedBucketOwner=place.account)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 403:
            raise UserError(_taken(place)) from None
        if status != 404:
            raise UserError(f"S3 does not say whether {place.bucket} exists: {error}") from None
    except BotoCoreError as error:
        raise UserError(f"S3 does not say whether {place.bucket} exists: {error}") from None
    else:
        return False
    where: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": place.region}}
    try:
        # The oldest region must not be named.
        client.create_bucket(Bucket=place.bucket, **({} if place.region == "us-east-1" else where))
    except client.exceptions.BucketAlreadyExists:
        raise UserError(_taken(place)) from None
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"S3 can't create the bucket {place.bucket}: {error}") from None
    return True


def _taken(place: StateBucket) -> str:
    return (
        f"the bucket {place.bucket} is not account {place.account}'s, or these credentials may not use it: put another "
        f"name into infra/environments/{place.environment}.s3.tfbackend (bucket names are global)"
    )


def write_bucket(backend: Path, bucket: str) -> bool:
    """Puts the bucket's name into a backend file that has none; returns whether the file was changed."""
    if deploy.setting(backend, "bucket"):
        return False
    text = backend.read_text(encoding="utf-8")
    line = f'bucket       = "{bucket}"\n'
    fresh, placed = re.subn(r"^(?=key\s*=)", line, text, count=1, flags=re.MULTILINE)
    backend.write_text(fresh if placed else text + line, encoding="utf-8")
    return True


def repository_of(
    layout: Layout, outputs: Mapping[str, Any], environ: Mapping[str, str] = os.environ
) -> str | None:
    """The repository whose workflows may deploy: the named one, or the present one, or the origin of this clone.

    Args:
        layout: the checkout.
        outputs: of an earlier run; empty at the first.
        environ: GITHUB_REPOSITORY is owner/name, or "none" for no workflows.
    """
    named = environ.get("GITHUB_REPOSITORY") or outputs.get("github_repository")
    if named:
        return None if named == "none" else str(named)
    try:
        origin = subprocess.run(
            ["git", "-C", str(layout.root), "remote", "get-url", "origin"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.fullmatch(r"(?:https://|ssh://git@|git@)github\.com[/:]([^/]+/[^/]+?)(?:\.git)?/?", origin)
    return found[1] if found else None


def has_github_provider(place: StateBucket) -> bool:
    """Whether the account is connected to GitHub already.

    Raises:
        UserError: IAM does not answer.
    """
    try:
        listed = boto3.client("iam", region_name=place.region).list_open_id_connect_providers()
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"IAM does not list the account's connections: {error}") from None
    return any(entry["Arn"].endswith(GITHUB_PROVIDER) for entry in listed["OpenIDConnectProviderList"])


def lay(layout: Layout, environment: str, more: list[str]) -> int:
    """Creates or changes an environment's foundation; returns Terraform's exit code.

    Terraform shows its plan and asks, except on the local cloud.

    Args:
        layout: the checkout.
        environment: its name.
        more: further arguments for `terraform apply`.

    Raises:
        UserError: a precondition is missing, or a name belongs to another account.
    """
    place = place_of(layout, environment)
    backend = deploy.backend_file(layout, environment)
    made = ensure_bucket(place)
    say(f"state of {environment}: bucket {place.bucket} ({'created' if made else 'exists already'})")
    wrote = write_bucket(backend, place.bucket)

    tool = terraform.ensure(layout)
    folder, data = layout.root / "infra" / "bootstrap", infra.data_dir(layout, f"bootstrap-{environment}")
    where = [f"-backend-config={backend}", f"-backend-config=key={place.key}"]
    infra.init(layout, tool, folder, data, ["-reconfigure", *where])
    settings = terraform.environment(TF_DATA_DIR=str(data), TF_IN_AUTOMATION="1")
    command = [str(tool), f"-chdir={folder}"]

    def ask(*question: str) -> str:
        log = layout.logs / f"bootstrap-{environment}.log"
        return run([*command, *question], doing="read the foundation's state", log=log, env=settings)

    outputs = {name: output["value"] for name, output in json.loads(ask("output", "-json")).items()}
    repository = repository_of(layout, outputs)
    inputs = {
        "aws_region": place.region,
        "environment": environment,
        "project": place.project,
        "state_bucket": place.bucket,
    }
    if repository:
        # "No state file was found!" is Terraform's message for a state that was never written.
        owned = (
            bool(outputs) and "aws_iam_openid_connect_provider.github[0]" in ask("state", "list").splitlines()
        )
        number = os.environ.get("GITHUB_REPOSITORY_ID") or outputs.get("github_repository_id")
        inputs |= {
            "github_repository": repository,
            "owns_github_provider": str(owned or not has_github_provider(place)).lower(),
            **({"github_repository_id": str(number)} if number else {}),
        }
    answer = [] if environment != deploy.LOCAL else ["-auto-approve"]
    variables = [f"-var={name}={value}" for name, value in inputs.items()]
    code = deploy.run_terraform([*command, "apply", *variables, *answer, *more], settings)
    if code == 0:
        roles = json.loads(ask("output", "-json", "role_arns"))
        print(next_steps(layout, place, repository, roles, wrote=wrote))
    return code


def next_steps(
    layout: Layout, place: StateBucket, repository: str | None, roles: Mapping[str, str], *, wrote: bool
) -> str:
    """The next commands for the operator."""
    environment = place.environment
    lines = ["", f"{environment} is prepared in account {place.account}, {place.region}. Next:"]
    if wrote:
        backend = layout.shown(deploy.backend_file(layout, environment))
        lines += ["", f"  git add {backend}    # it names the state's bucket now: commit it"]
    lines += ["", f"  make apply ENV={environment}", f"  make smoke ENV={environment}"]
    if repository:
        lines += ["", f"For deployments from github.com/{repository} (docs/deploying.md):", ""]
        lines += [
            f"  gh variable set AWS_{role.upper()}_ROLE_{environment.upper()} --repo {repository} --body {arn}"
            for role, arn in sorted(roles.items())
        ]
        if place.region != "us-east-1":
            lines.append(f"  gh variable set AWS_REGION --repo {repository} --body {place.region}")
        lines.append(
            f"  gh api -X PUT repos/{repository}/environments/{environment}    # approvals are set in its settings"
        )
    else:
        lines += [
            "",
            f"GitHub may not deploy: `GITHUB_REPOSITORY=owner/name make bootstrap ENV={environment}` allows it.",
        ]
    return "\n".join(lines)


def main(layout: Layout, environment: str, more: list[str]) -> int:
    """Creates a foundation from a terminal, because Terraform asks a question.

    Raises:
        UserError: see `lay`; or there is no terminal.
    """
    asked_for = environment != deploy.LOCAL and "-auto-approve" not in more
    if asked_for and not sys.stdin.isatty():
        raise UserError("this shows a plan and asks: run it in a terminal, or with ARGS=-auto-approve")
    return lay(layout, environment, more)
