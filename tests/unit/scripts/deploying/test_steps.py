"""The steps of a pipeline, with a fake Terraform."""

import hashlib
import json
from pathlib import Path
from typing import Any, Self

import pytest

import localcloud
from scripts import build_zip
from scripts.bootstrap import infra, terraform
from scripts.bootstrap.layout import HERE, Layout
from scripts.deploying import pipeline
from scripts.deploying.github import GitHub
from scripts.deploying.plans import TerraformPlan

PLAY = """#!/bin/sh
[ "$1" != console ] || exec "{real}" "$@" # evaluates tfvars files
echo "$*" >> "{log}"
case "$*" in
  *" init "*) mkdir -p "$TF_DATA_DIR" ;;
  *" plan "*) for word in "$@"; do case "$word" in -out=*) echo plan > "${{word#-out=}}" ;; esac; done
              [ ! -e "{broken}" ] || {{ echo "Error: no credentials" >&2; exit 1; }} ;;
  *" show "*) cat "{shown}" ;;
  *" apply "*) for file in "$@"; do :; done; cat "$file"; exit 7 ;;
esac
"""

RESIZED = {
    "resource_changes": [
        {
            "address": "aws_kinesis_stream.this",
            "change": {"actions": ["update"], "before": {"shards": 2}, "after": {"shards": 4}},
        }
    ]
}
FINGERPRINT = TerraformPlan.of(RESIZED).fingerprint


class Told:
    """A GitHub that records its requests."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def comment(self, pull_request: int, topic: str, text: str) -> None:
        self.calls.append(("comment", str(pull_request), topic, text))

    def open_issue(self, title: str, text: str) -> None:
        self.calls.append(("open", title, text))

    def close_issue(self, title: str, why: str) -> None:
        self.calls.append(("close", title, why))


class Stage:
    """A checkout, the fake Terraform's answers, and its recorded runs."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root / "project")
        self.program = root / "terraform"
        self.log, self.shown, self.broken = root / "log", root / "shown", root / "broken"
        environments = self.layout.root / "infra" / "environments"
        environments.mkdir(parents=True)
        (self.layout.root / "infra" / "main.tf").touch()
        (self.layout.root / "infra" / "variables.tf").write_text(
            'variable "lambda_architecture" { type = string }\n'
        )
        (self.layout.root / "infra" / ".terraform.lock.hcl").touch()
        for name, architecture in (("dev", "arm64"), ("local", "arm64"), ("prod", "x86_64")):
            (environments / f"{name}.tfvars").write_text(f'lambda_architecture = "{architecture}"\n')
            (environments / f"{name}.s3.tfbackend").write_text('bucket = "state"\n')
        self.program.write_text(
            PLAY.format(log=self.log, shown=self.shown, broken=self.broken, real=terraform.ensure(HERE))
        )
        self.program.chmod(0o755)
        self.plans(RESIZED)

    def plans(self, document: dict[str, Any]) -> None:
        """Set the next plan."""
        self.shown.write_text(json.dumps(document))

    @property
    def runs(self) -> list[str]:
        """The recorded runs of Terraform, except init."""
        return [line for line in self.log.read_text().splitlines() if " init " not in line]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(tmp_path)

    def build(layout: Layout, target: build_zip.BuildTarget) -> Path:
        folder = layout.root / "dist" / target.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "writer.zip").write_text(target.name)
        (folder / "manifest.json").write_text("{}")
        return folder

    for name in (
        "GITHUB_OUTPUT",
        "GITHUB_STEP_SUMMARY",
        "GITHUB_TOKEN",
        "LOCALCLOUD_ENDPOINT_URL",
        "PULL_REQUEST",
        "RELEASE",
        infra.PLUGIN_DIR_VARIABLE,
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pipeline, "HERE", stage.layout)
    monkeypatch.setattr(terraform, "ensure", lambda _layout: stage.program)
    monkeypatch.setattr(build_zip, "build_and_report", build)
    return stage


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    monkeypatch.setattr(GitHub, "from_environment", lambda: told)
    return told


def test_a_release_has_the_archives_of_every_environment_but_the_local_one(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))

    assert pipeline.main(["release"]) == 0

    release = stage.layout.root / "dist" / "release.json"
    assert {name.split("/")[0] for name in json.loads(release.read_text())["files"]} == {"arm64", "x86_64"}
    assert (
        tmp_path / "output"
    ).read_text() == f"release={hashlib.sha256(release.read_bytes()).hexdigest()}\n"


def test_a_review_only_reads_and_removes_its_plan(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert pipeline.main(["review", "dev"]) == 0

    plan, show = stage.runs
    assert " plan " in plan
    assert f"-var-file={stage.layout.root}/infra/environments/dev.tfvars" in plan
    assert "-lock=false" in plan
    assert " show -json " in show
    assert "`shards` 2 → 4" in capsys.readouterr().out
    assert list((stage.layout.root / ".state" / "plans").iterdir()) == []


@pytest.mark.usefixtures("stage")
def test_a_review_of_a_pull_request_is_its_comment(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.main(["review", "dev"])
    assert told.calls == []

    monkeypatch.setenv("PULL_REQUEST", "12")
    pipeline.main(["review", "dev"])
    (call,) = told.calls
    assert call[:3] == ("comment", "12", "plan for dev")
    assert "`shards` 2 → 4" in call[3]


def test_a_deployment_applies_the_plan_that_it_made(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    assert pipeline.main(["deploy", "dev"]) == 7  # what Terraform's apply exits with

    plan, _, apply = stage.runs
    assert "-lock-timeout=10m" in plan
    assert " apply " in apply
    assert "-var-file" not in apply
    assert capfd.readouterr().out.endswith("plan\n")
    assert list((stage.layout.root / ".state" / "plans").iterdir()) == []


def test_a_deployment_applies_only_the_reviewed_plan(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pipeline.main(["deploy", "prod", "--plan", FINGERPRINT]) == 7

    stage.plans({"resource_changes": []})
    stage.log.unlink()
    assert pipeline.main(["deploy", "prod", "--plan", FINGERPRINT]) == 1
    assert not any(" apply " in run for run in stage.runs)
    assert "not the plan that was approved" in capsys.readouterr().err


def test_a_deployment_takes_the_archives_of_the_release_or_none(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.main(["release"])
    digest = hashlib.sha256((stage.layout.root / "dist" / "release.json").read_bytes()).hexdigest()
    monkeypatch.delattr(build_zip, "build_and_report")

    monkeypatch.setenv("RELEASE", digest)
    assert pipeline.main(["deploy", "dev"]) == 7

    monkeypatch.setenv("RELEASE", "0" * 64)
    stage.log.unlink()
    assert pipeline.main(["deploy", "dev"]) == 1
    assert not stage.log.exists()
    assert "nothing is deployed" in capsys.readouterr().err


def test_drift_fails_and_keeps_an_issue_open_until_it_is_over(
    stage: Stage, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pipeline.main(["drift", "prod"]) == 2
    assert told.calls == []

    monkeypatch.setenv("GITHUB_TOKEN", "given")
    assert pipeline.main(["drift", "prod"]) == 2
    stage.plans({"resource_changes": []})
    assert pipeline.main(["drift", "prod"]) == 0

    (opened, closed) = told.calls
    assert opened[:2] == ("open", "prod differs from the code")
    assert "`shards` 2 → 4" in opened[2]
    assert closed[:2] == ("close", "prod differs from the code")
    assert all("-lock=false" in run for run in stage.runs if " plan " in run)


@pytest.mark.parametrize("step", ["review", "deploy", "drift"])
def test_a_failed_plan_says_why_in_one_line_and_changes_nothing(
    stage: Stage, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.broken.touch()

    assert pipeline.main([step, "dev"]) == 1

    assert "could not plan: no credentials" in capsys.readouterr().err
    assert not any(" apply " in run for run in stage.runs)
    assert list((stage.layout.root / ".state" / "plans").iterdir()) == []


def test_the_local_environment_can_be_deployed_the_same_way(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    aimed: list[str] = []
    monkeypatch.setattr(localcloud, "aim", lambda: aimed.append("here"))

    assert pipeline.main(["deploy", "local"]) == 7

    assert aimed == ["here"]
    assert f"-var=artifact_directory={stage.layout.root}/dist/host" in stage.runs[0]
