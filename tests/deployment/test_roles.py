"""Creates, changes and destroys a platform with the pipeline's own roles; the local cloud refuses all else.

It takes some minutes, so it is not part of `make test`: run `make test-pipeline`. `integration/localcloud` has a short
form of its needs of the cloud.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

import localcloud
from scripts import build_zip
from scripts.bootstrap.layout import HERE, Layout
from scripts.deploying import deploy, foundation, pipeline

ENVIRONMENT, REPOSITORY = "dev", "somebody/votes"
# What infra/ needs besides itself; a deployment writes everything else into the copy.
SHARED = (".tools", "functions", "requirements", "scripts", "pyproject.toml", ".python-version")


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A checkout whose files may be changed, and whose functions run on this machine."""
    ignored = shutil.ignore_patterns(".terraform", "*.tfstate*")
    shutil.copytree(HERE.root / "infra", tmp_path / "infra", ignore=ignored)
    for name in SHARED:
        (tmp_path / name).symlink_to(HERE.root / name)
    host = build_zip.target_named("host")
    monkeypatch.setattr(deploy, "target_of", lambda _layout, _environment: host)
    layout = Layout(tmp_path)
    change(
        layout, r"\Z", f'lambda_architecture = "{host.architecture}"\nartifact_directory = "../dist/host"\n'
    )
    backend = deploy.backend_file(layout, ENVIRONMENT)
    backend.write_text(re.sub(r"(?m)^bucket.*\n", "", backend.read_text("utf-8")), "utf-8")
    return layout


@pytest.fixture(autouse=True)
def aimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aim everything at the local cloud, as the account's owner."""
    for name, value in localcloud.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)


def change(layout: Layout, pattern: str, to: str) -> None:
    """Change the environment's tfvars in one place."""
    file = deploy.variables_file(layout, ENVIRONMENT)
    text, times = re.subn(pattern, to, file.read_text("utf-8"), count=1)
    assert times == 1
    file.write_text(text, "utf-8")


def token(**claims: str) -> str:
    """Return what GitHub gives to a job, without its signature."""
    said = {"iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com"} | claims
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({}, said, {})]
    return b".".join(parts).decode()


def job(**claims: str) -> str:
    """Return the token of a job of the repository's."""
    return token(repository=REPOSITORY, **claims)


MAIN = "refs/heads/main"
PULL_REQUEST = job(sub=f"repo:{REPOSITORY}:pull_request", ref="refs/pull/7/merge")
AFTER_APPROVAL = {
    "sub": f"repo:{REPOSITORY}:environment:{ENVIRONMENT}",
    "environment": ENVIRONMENT,
    "ref": MAIN,
}


def assume(monkeypatch: pytest.MonkeyPatch, role: str, shown: str) -> None:
    """Act with a role from now on, as a job does that shows its token."""
    arn = f"arn:aws:iam::000000000000:role/pipeline/votestream-{ENVIRONMENT}-{role}"
    answer = boto3.client("sts").assume_role_with_web_identity(
        RoleArn=arn, RoleSessionName="job", WebIdentityToken=shown
    )
    keys = answer["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
    boto3.DEFAULT_SESSION = None


def test_the_pipelines_roles_can_create_change_and_destroy_the_platform(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert foundation.lay(layout, ENVIRONMENT, ["-auto-approve"]) == 0
    tags = {"Project": "votestream", "Environment": "prod"}
    others_api = boto3.client("apigateway").create_rest_api(name="votestream-prod", tags=tags)["id"]
    capfd.readouterr()
    assert foundation.lay(layout, ENVIRONMENT, ["-auto-approve"]) == 0
    assert "0 added, 0 changed, 0 destroyed" in capfd.readouterr().out

    for wrong in (
        PULL_REQUEST,
        job(**AFTER_APPROVAL | {"ref": "refs/heads/other"}),
        token(repository="somebody/else", **AFTER_APPROVAL),
        job(**AFTER_APPROVAL | {"iss": "https://example.org"}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            assume(monkeypatch, "deploy", wrong)

    assume(monkeypatch, "deploy", job(**AFTER_APPROVAL))
    assert pipeline.apply(layout, ENVIRONMENT, "") == 0
    smoke()

    # Another environment's API in the same account is out of reach.
    with pytest.raises(ClientError, match="not authorized"):
        boto3.client("apigateway").delete_rest_api(restApiId=others_api)

    # More room, in place: shards and lanes. The role may read which polls hold lanes.
    change(layout, r"shard_count = 2", "shard_count = 4")
    change(layout, r"\Z", "vote_writer = { parallelization_factor = 2 }\n")
    assert pipeline.apply(layout, ENVIRONMENT, "") == 0

    assume(monkeypatch, "plan", PULL_REQUEST)
    assert pipeline.drift(layout, ENVIRONMENT) == 0
    with pytest.raises(ClientError, match="not authorized"):
        boto3.client("kinesis").delete_stream(StreamName=f"votestream-{ENVIRONMENT}-votes")

    assume(monkeypatch, "deploy", job(**AFTER_APPROVAL))
    assert deploy.terraform_command(layout, "destroy", ENVIRONMENT, ["-auto-approve"]) == 0


def smoke() -> None:
    """Run a poll on the deployment, with the role that has deployed it."""
    command = [sys.executable, "-m", "votectl", "smoke", "--environment", ENVIRONMENT]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
