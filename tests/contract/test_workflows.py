"""The rules of the pipelines: one make target per step, pinned actions, no long-lived key."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.makefile import commands
from contract.terraform_source import PROJECT

FOLDER = PROJECT / ".github"
WORKFLOWS = sorted(FOLDER.glob("workflows/*.yml"))
FILES = [*WORKFLOWS, *sorted(FOLDER.glob("actions/*/action.yml"))]
ENVIRONMENTS = {path.stem for path in (PROJECT / "infra" / "environments").glob("*.tfvars")} - {"local"}
# Only the workflow that publishes a release may write to the repository.
PUBLISHES = ("release", {"contents"})


def workflow(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return dict(workflow(path)["jobs"])


def steps(path: Path) -> list[dict[str, Any]]:
    if "runs" in (document := workflow(path)):
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job.get("steps", [])]


def named(path: Path) -> str:
    return str(path.relative_to(FOLDER))


def test_every_pipeline_is_found() -> None:
    assert {path.stem for path in WORKFLOWS} >= {
        "pull-request",
        "deploy",
        "deploy-environment",
        "drift",
        "release",
    }


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_command_is_one_existing_make_target(path: Path) -> None:
    for step in steps(path):
        if "run" in step:
            found = re.fullmatch(r"make ([a-z][a-z0-9-]*)", step["run"])
            assert found, f"logic belongs into the Makefile: {step['run']}"
            assert found[1] in commands()


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_action_is_pinned_to_a_commit_and_names_its_version(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        if (uses := re.search(r"\buses: (\S+)(.*)", line)) and not uses[1].startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", uses[1]), line
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", uses[2]), line


def test_one_version_of_an_action_is_used_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in FILES:
        for step in steps(path):
            action, _, pin = step.get("uses", "").partition("@")
            if pin:
                pins.setdefault(action, set()).add(pin)
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_every_job_lists_its_permissions(path: Path) -> None:
    assert workflow(path)["permissions"] == {}
    for name, job in jobs(path).items():
        assert set(job["permissions"].values()) <= {"read", "write"}, name
        writes = {scope for scope, access in job["permissions"].items() if access == "write"}
        assert writes <= {"id-token", "issues", "pull-requests"} or (path.stem, writes) == PUBLISHES, name


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_no_long_lived_key_is_used(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "secrets." not in text
    assert "secrets: inherit" not in text
    assert not re.search(r"aws-(access-key-id|secret-access-key)", text)


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_every_job_has_a_time_limit(path: Path) -> None:
    for name, job in jobs(path).items():
        assert "uses" in job or job["timeout-minutes"] <= 60, name


def test_deployments_are_neither_cancelled_nor_concurrent() -> None:
    (job,) = jobs(FOLDER / "workflows" / "deploy-environment.yml").values()

    assert job["environment"] == "${{ inputs.environment }}"
    assert job["concurrency"] == {
        "group": "environment-${{ inputs.environment }}",
        "cancel-in-progress": False,
    }


def test_the_deploy_workflow_builds_one_release() -> None:
    deploy = jobs(FOLDER / "workflows" / "deploy.yml")
    built = [
        name
        for name, job in deploy.items()
        for step in job.get("steps", [])
        if step.get("run") == "make release"
    ]

    assert built == ["release"]
    for name in ENVIRONMENTS:
        assert deploy[name]["with"]["release"] == "${{ needs.release.outputs.release }}"
    (at_work,) = jobs(FOLDER / "workflows" / "deploy-environment.yml").values()
    (step,) = [step for step in at_work["steps"] if step.get("run") == "make deploy"]
    assert step["env"]["RELEASE"] == "${{ inputs.release }}"


def test_prod_follows_dev_and_gets_the_reviewed_plan() -> None:
    deploy = jobs(FOLDER / "workflows" / "deploy.yml")

    assert {"test", "release"} <= set(deploy["dev"]["needs"])
    assert "dev" in deploy["review"]["needs"]
    assert "review" in deploy["prod"]["needs"]
    assert deploy["prod"]["with"]["plan"] == "${{ needs.review.outputs.plan }}"


@pytest.mark.parametrize(("name", "job"), [("pull-request", "plan"), ("drift", "drift")])
def test_every_environment_is_planned_and_checked_for_drift(name: str, job: str) -> None:
    matrix = jobs(FOLDER / "workflows" / f"{name}.yml")[job]["strategy"]["matrix"]["include"]

    assert {entry["environment"] for entry in matrix} == ENVIRONMENTS
    for entry in matrix:
        assert entry["role"] == f"${{{{ vars.AWS_PLAN_ROLE_{entry['environment'].upper()} }}}}"
