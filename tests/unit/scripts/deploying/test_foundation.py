"""The foundation of a first deployment: who owns it, and a second run that finds it."""

import io
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from scripts import build_zip
from scripts.bootstrap import infra, terraform
from scripts.bootstrap.layout import Layout
from scripts.deploying import deploy, foundation, pipeline
from scripts.deploying.foundation import StateBucket

ACCOUNT = "111122223333"
PLACE = StateBucket("dev", "votestream", ACCOUNT, "eu-west-1", f"tfstate-votestream-dev-{ACCOUNT}")
ROLES = {"plan": f"arn:aws:iam::{ACCOUNT}:role/p", "deploy": f"arn:aws:iam::{ACCOUNT}:role/d"}

PLAY = """#!/bin/sh
echo "$*" >> "{log}"
case "$*" in
  *" init "*) mkdir -p "$TF_DATA_DIR" ;;
  *" output -json role_arns") cat "{roles}" ;;
  *" output -json") cat "{outputs}" ;;
  *" state list") cat "{resources}" ;;
esac
"""


def error(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "call")  # type: ignore[typeddict-item]


class S3:
    """Buckets by name, with their owner."""

    class exceptions:  # noqa: N801 - boto3's name
        BucketAlreadyExists = type("BucketAlreadyExists", (ClientError,), {})

    def __init__(self, **owners: str) -> None:
        self.owners = owners
        self.created: list[dict[str, Any]] = []

    def head_bucket(self, *, Bucket: str, ExpectedBucketOwner: str) -> None:  # noqa: N803 - boto3's names
        owner = self.owners.get(Bucket)
        if owner is None:
            raise error("404", 404)
        if owner != ExpectedBucketOwner:
            raise error("403", 403)

    def create_bucket(self, **bucket: Any) -> None:
        self.created.append(bucket)
        self.owners[bucket["Bucket"]] = ACCOUNT


class Aws:
    """A fake AWS: the account of the credentials, the buckets, and the trusted providers."""

    def __init__(self) -> None:
        self.account = ACCOUNT
        self.s3 = S3()
        self.providers: list[str] = []

    def client(self, service: str, **_: Any) -> Any:
        return self.s3 if service == "s3" else self

    def get_caller_identity(self) -> dict[str, str]:
        if not self.account:
            raise NoCredentialsError
        return {"Account": self.account}

    def list_open_id_connect_providers(self) -> dict[str, Any]:
        return {"OpenIDConnectProviderList": [{"Arn": arn} for arn in self.providers]}


class Stage:
    """A checkout, and a fake Terraform."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root / "project")
        environments = self.layout.root / "infra" / "environments"
        environments.mkdir(parents=True)
        (self.layout.root / "infra" / "bootstrap").mkdir()
        for name in ("dev", "local"):
            (environments / f"{name}.tfvars").write_text(f'environment = "{name}"\n')
            backend = f'# Where.\nkey          = "votestream/{name}/terraform.tfstate"\nregion       = "eu-west-1"\n'
            (environments / f"{name}.s3.tfbackend").write_text(backend)
        self.program = root / "terraform"
        self.log, files = root / "log", [root / name for name in ("roles", "outputs", "resources")]
        self.roles, self.outputs, self.resources = files
        self.program.write_text(
            PLAY.format(log=self.log, roles=self.roles, outputs=self.outputs, resources=self.resources)
        )
        self.program.chmod(0o755)
        self.roles.write_text(json.dumps(ROLES))
        self.outputs.write_text("{}")
        self.resources.write_text("")

    @property
    def backend(self) -> Path:
        return self.layout.root / "infra" / "environments" / "dev.s3.tfbackend"

    def run_of(self, command: str) -> str:
        (found,) = [line for line in self.log.read_text().splitlines() if f" {command} " in line]
        return found


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    aws = Aws()
    monkeypatch.setattr(boto3, "client", aws.client)
    return aws


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(tmp_path)
    for name in ("GITHUB_REPOSITORY", "GITHUB_REPOSITORY_ID", infra.PLUGIN_DIR_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pipeline, "HERE", stage.layout)
    monkeypatch.setattr(terraform, "ensure", lambda _layout: stage.program)
    return stage


def bootstrap_dev() -> int:
    return pipeline.main(["bootstrap", "dev", "--", "-auto-approve"])


def test_the_first_run_creates_the_bucket_and_saves_its_name(
    aws: Aws, stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap_dev() == 0

    (made,) = aws.s3.created
    assert made["Bucket"] == PLACE.bucket
    assert made["CreateBucketConfiguration"] == {"LocationConstraint": "eu-west-1"}
    assert deploy.setting(stage.backend, "bucket") == PLACE.bucket
    assert deploy.setting(stage.backend, "key") == "votestream/dev/terraform.tfstate"
    init = stage.run_of("init")
    assert init.index(f"-backend-config={stage.backend}") < init.index(
        "-backend-config=key=votestream/dev/bootstrap.tf"
    )
    apply = stage.run_of("apply")
    assert f"-var=state_bucket={PLACE.bucket}" in apply
    assert "github" not in apply
    printed = capfd.readouterr().out
    assert "git add infra/environments/dev.s3.tfbackend" in printed
    assert "make apply ENV=dev" in printed
    assert "GitHub may not deploy" in printed


def test_a_second_run_finds_the_existing_resources(
    aws: Aws, stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    bootstrap_dev()
    backend = stage.backend.read_text()
    capfd.readouterr()

    assert bootstrap_dev() == 0

    assert len(aws.s3.created) == 1
    assert stage.backend.read_text() == backend
    assert "git add" not in capfd.readouterr().out


@pytest.mark.usefixtures("aws")
def test_a_repository_gets_roles_and_their_names_are_printed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "somebody/votes")
    monkeypatch.setenv("GITHUB_REPOSITORY_ID", "4711")

    bootstrap_dev()

    apply = stage.run_of("apply")
    assert (
        "-var=github_repository=somebody/votes -var=owns_github_provider=true -var=github_repository_id=4711"
        in apply
    )
    printed = capfd.readouterr().out
    assert f"gh variable set AWS_DEPLOY_ROLE_DEV --repo somebody/votes --body {ROLES['deploy']}" in printed
    assert f"gh variable set AWS_PLAN_ROLE_DEV --repo somebody/votes --body {ROLES['plan']}" in printed
    assert "gh variable set AWS_REGION --repo somebody/votes --body eu-west-1" in printed


@pytest.mark.parametrize(
    ("exists", "in_state", "owns"),
    [
        pytest.param(False, False, "true", id="the-first-in-its-account"),
        pytest.param(True, False, "false", id="the-second-in-its-account"),
        pytest.param(True, True, "true", id="the-first-again"),
    ],
)
def test_an_account_is_connected_to_github_once(
    aws: Aws, stage: Stage, monkeypatch: pytest.MonkeyPatch, exists: bool, in_state: bool, owns: str
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "somebody/votes")
    if exists:
        aws.providers.append(f"arn:aws:iam::{ACCOUNT}:{foundation.GITHUB_PROVIDER}")
    if in_state:
        stage.outputs.write_text(json.dumps({"github_repository": {"value": "somebody/votes"}}))
        stage.resources.write_text("aws_s3_bucket.state\naws_iam_openid_connect_provider.github[0]\n")

    bootstrap_dev()

    assert f"-var=owns_github_provider={owns}" in stage.run_of("apply")


def test_credentials_of_another_account_are_refused(
    aws: Aws, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap_dev()
    stage.log.unlink()
    aws.account = "444455556666"

    assert bootstrap_dev() == 1

    said = capsys.readouterr().err
    assert f"lives in account {ACCOUNT}, and these credentials are for 444455556666" in said
    assert not stage.log.exists()


@pytest.mark.usefixtures("stage")
def test_missing_credentials_are_reported(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.account = ""

    assert bootstrap_dev() == 1

    assert "no AWS account to prepare" in capsys.readouterr().err


def test_a_bucket_of_another_account_is_never_used(
    aws: Aws, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.s3.owners[PLACE.bucket] = "444455556666"

    assert bootstrap_dev() == 1

    assert "is not account 111122223333's" in capsys.readouterr().err
    assert not stage.log.exists()
    assert deploy.setting(stage.backend, "bucket") is None


def test_a_bucket_in_us_east_1_gets_no_location_constraint() -> None:
    s3 = S3()

    foundation.ensure_bucket(StateBucket("dev", "votestream", ACCOUNT, "us-east-1", "b"), s3)  # type: ignore[arg-type]

    assert s3.created == [{"Bucket": "b"}]


@pytest.mark.usefixtures("aws", "stage")
def test_no_question_is_asked_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())

    assert pipeline.main(["bootstrap", "dev"]) == 1

    assert "run it in a terminal, or with ARGS=-auto-approve" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environ", "before", "origin", "repository"),
    [
        pytest.param({"GITHUB_REPOSITORY": "a/b"}, "c/d", "https://github.com/e/f", "a/b", id="named"),
        pytest.param({}, "c/d", "https://github.com/e/f", "c/d", id="as-before"),
        pytest.param({}, None, "https://github.com/e/f.git", "e/f", id="cloned-by-https"),
        pytest.param({}, None, "git@github.com:e/f.git", "e/f", id="cloned-by-ssh"),
        pytest.param({}, None, "https://example.com/e/f", None, id="cloned-from-elsewhere"),
        pytest.param({}, None, None, None, id="no-origin"),
        pytest.param(
            {"GITHUB_REPOSITORY": "none"}, "c/d", "https://github.com/e/f", None, id="none-on-purpose"
        ),
    ],
)
def test_the_repository_is_named_known_or_the_clones_origin(
    tmp_path: Path,
    environ: dict[str, str],
    before: str | None,
    origin: str | None,
    repository: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\nexit 2\n" if origin is None else f"#!/bin/sh\necho {origin}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert foundation.repository_of(Layout(tmp_path), {"github_repository": before}, environ) == repository


def test_an_environment_without_a_state_bucket_says_how_to_get_one(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "HERE", stage.layout)
    monkeypatch.delattr(build_zip, "build_and_report")  # nothing is built for it first

    for answer in (deploy.main(["apply", "dev"]), pipeline.main(["deploy", "dev"])):
        assert answer == 1
    assert capsys.readouterr().err.count("run `make bootstrap ENV=dev` once") == 2
