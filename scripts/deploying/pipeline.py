"""The command line of the pipelines: `python -m scripts deploying.pipeline <step>`, one step each."""

from __future__ import annotations

import argparse
import json
import os

import localcloud
from localcloud.errors import LocalCloudError
from scripts.bootstrap import process, terraform
from scripts.bootstrap.console import UserError, run, say
from scripts.bootstrap.layout import HERE, Layout
from scripts.deploying import assets, deploy, foundation, release
from scripts.deploying.github import GitHub, tell
from scripts.deploying.plans import TerraformPlan, markdown

# How long a deployment waits for another one to let go of the state.
LOCK_TIMEOUT = "-lock-timeout=10m"

DRIFT_EXIT_CODE = 2  # Terraform's own for "there are changes"


class Terraform:
    """Terraform for one environment in a pipeline: quiet, without questions."""

    def __init__(self, layout: Layout, environment: str) -> None:
        """Initialises the environment and builds its archives.

        Raises:
            UserError: a precondition is missing.
        """
        deploy.variables_file(layout, environment)
        deploy.require_place(layout, environment)
        tool = terraform.ensure(layout)
        self._inputs = deploy.input_arguments(layout, environment)
        self._settings = deploy.init(layout, environment, tool)
        self._layout, self._tool = layout, tool
        self._command = [str(tool), f"-chdir={layout.root / 'infra'}"]
        self._log = layout.logs / f"plan-{environment}.log"
        folder = layout.root / ".state" / "plans"
        folder.mkdir(parents=True, exist_ok=True)
        self._plan_file = folder / f"{environment}.tfplan"

    def plan(self, *, lock: bool) -> TerraformPlan:
        """Plans into a file and reads it.

        Args:
            lock: whether to lock the state; a read-only role can't.

        Raises:
            UserError: the plan fails.
        """
        run(
            [
                *self._command,
                "plan",
                *self._inputs,
                f"-out={self._plan_file}",
                "-input=false",
                "-no-color",
                LOCK_TIMEOUT if lock else "-lock=false",
            ],
            doing="plan",
            log=self._log,
            env=self._settings,
        )
        shown = run(
            [*self._command, "show", "-json", str(self._plan_file)],
            doing="read the plan",
            log=self._log,
            env=self._settings,
        )
        return TerraformPlan.of(json.loads(shown))

    def apply(self) -> int:
        """Applies the plan in the file, and nothing else; returns Terraform's exit code."""
        command = [*self._command, "apply", "-input=false", "-no-color", LOCK_TIMEOUT, str(self._plan_file)]
        return deploy.run_terraform(command, self._settings)

    def publish_pages(self) -> None:
        """Publishes the pages, if the environment has pages."""
        deploy.publish_pages(self._layout, self._tool, self._settings)

    def forget_plan(self) -> None:
        """Removes the file: it holds every value in plain text."""
        self._plan_file.unlink(missing_ok=True)


def environments(layout: Layout) -> list[str]:
    """Every environment that is deployed to AWS."""
    folder = layout.root / "infra" / "environments"
    return sorted({path.stem for path in folder.glob("*.tfvars")} - {deploy.LOCAL})


def make_release(layout: Layout) -> int:
    """Builds the archives that all environments need, once."""
    targets = {
        target.name: target for target in (deploy.target_of(layout, name) for name in environments(layout))
    }
    digest = release.make(layout, [targets[name] for name in sorted(targets)])
    tell(f"Release `{digest}`", {"release": digest})
    return 0


def review(layout: Layout, environment: str) -> int:
    """Shows the changes of a deployment; on a pull request as its comment."""
    at_work = Terraform(layout, environment)
    try:
        plan = at_work.plan(lock=False)
    finally:
        at_work.forget_plan()
    told = markdown(plan, environment)
    tell(told, {"plan": plan.fingerprint})
    if number := os.environ.get("PULL_REQUEST"):
        with GitHub.from_environment() as github:
            github.comment(int(number), f"plan for {environment}", told)
    return 0


def apply(layout: Layout, environment: str, expected: str) -> int:
    """Plans, and applies that plan; if a plan was reviewed, only if it is the same.

    Raises:
        UserError: it is another one.
    """
    at_work = Terraform(layout, environment)
    try:
        plan = at_work.plan(lock=True)
        tell(markdown(plan, environment), {"plan": plan.fingerprint})
        if expected and plan.fingerprint != expected:
            raise UserError(
                f"this is not the plan that was approved ({expected[:16]}): {environment} has changed since, so "
                "nothing was applied; run the pipeline again to review what it would do now"
            )
        result = at_work.apply()
        if result == 0:
            at_work.publish_pages()
        return result
    finally:
        at_work.forget_plan()


def drift(layout: Layout, environment: str) -> int:
    """Fails if an environment differs from the code; with a token, keeps one issue about it."""
    at_work = Terraform(layout, environment)
    try:
        plan = at_work.plan(lock=False)
    finally:
        at_work.forget_plan()
    told, title = markdown(plan, environment), f"{environment} differs from the code"
    tell(told, {})
    if os.environ.get("GITHUB_TOKEN"):
        with GitHub.from_environment() as github:
            if plan.is_empty:
                github.close_issue(title, "It is again.")
            else:
                why = (
                    "It was changed by hand, or merged changes are not deployed yet. `make review "
                    f"ENV={environment}` shows this; a deployment repairs it.\n\n"
                )
                github.open_issue(title, why + told)
    return 0 if plan.is_empty else DRIFT_EXIT_CODE


def main(arguments: list[str] | None = None) -> int:
    """Takes a step; returns 1 after one clear line if it fails."""
    parser = argparse.ArgumentParser(prog="pipeline", description="Take a step of a deployment.")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("release", help="build the archives of all environments, once")
    published = what.add_parser("assets", help="build the files that a published release consists of")
    published.add_argument("tag", help="v and the version in pyproject.toml")
    for name, help_text in (
        ("review", "show the changes of a deployment"),
        ("deploy", "plan and apply without asking"),
        ("drift", "fail if an environment differs from the code"),
        ("bootstrap", "create the foundation of an environment, before its first deployment"),
    ):
        step = what.add_parser(name, help=help_text)
        step.add_argument("environment")
        if name == "deploy":
            step.add_argument("--plan", default="", help="apply only the plan with this SHA-256")
        if name == "bootstrap":
            step.add_argument("more", nargs="*", help="more arguments for terraform apply, after --")
    asked = parser.parse_args(arguments)
    try:
        if asked.what == "release":
            return make_release(HERE)
        if asked.what == "assets":
            print(HERE.shown(assets.make(HERE, asked.tag)))
            return 0
        if asked.environment == deploy.LOCAL:
            localcloud.aim()
        if asked.what == "review":
            return review(HERE, asked.environment)
        if asked.what == "deploy":
            return apply(HERE, asked.environment, asked.plan)
        if asked.what == "bootstrap":
            return foundation.main(HERE, asked.environment, asked.more)
        return drift(HERE, asked.environment)
    except (LocalCloudError, UserError) as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    process.run("scripts.deploying.pipeline:main")
