"""Terraform for one environment: `deploy.py {init,plan,apply,destroy,output} ENV [-- arguments]`.

Each environment has its own variables and backend (infra/environments/<env>.tfvars and <env>.s3.tfbackend) and
its own Terraform data folder, so that working on one never touches another's.

The environment "local" is the cloud on this machine, or the endpoint in AWS_ENDPOINT_URL: its functions run on this
machine's platform, its state bucket is created automatically, and no call may hang. Any other one is AWS itself.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

import localcloud
from localcloud.environment import external_endpoint
from localcloud.errors import LocalCloudError
from localcloud.settings import CloudSettings
from scripts import build_zip
from scripts.bootstrap import infra, process, terraform
from scripts.bootstrap.console import UserError, say
from scripts.bootstrap.layout import HERE, Layout
from scripts.deploying import publish, release
from votectl import deployment
from votectl.doctor import checks, screen
from votectl.doctor.findings import Health, worst
from votectl.errors import OperatorError
from votectl.settings import tfvars
from votectl.terminal import console

LOCAL = "local"

# SHA-256 of the release to deploy, as `make release` prints it.
RELEASE_VARIABLE = "RELEASE"

# The door for clients of the environment "local", in place of the one in its tfvars file (`make demo DOOR=url`).
# Others that stay open follow after commas.
DOOR_VARIABLE = "DOOR"

# Of the function behind that door; each runs in its own process on this machine.
LOCAL_INGRESS_CONCURRENCY = 16

# Terraform would wait for hours for an emulator that never finishes.
LOCAL_TIMEOUT_SECONDS = 300

_SETTING = r'^\s*{}\s*=\s*"([^"]*)"'


def setting(file: Path, name: str) -> str | None:
    """A string that a tfvars or tfbackend file sets, or None."""
    match = re.search(_SETTING.format(re.escape(name)), file.read_text(encoding="utf-8"), re.MULTILINE)
    return match.group(1) if match else None


def variables_file(layout: Layout, environment: str) -> Path:
    """The tfvars file of an environment.

    Raises:
        UserError: there is no such environment.
    """
    folder = layout.root / "infra" / "environments"
    file = folder / f"{environment}.tfvars"
    if not file.exists():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.tfvars")))
        raise UserError(f"there is no environment {environment!r}; infra/environments has {known or 'none'}")
    return file


def backend_file(layout: Layout, environment: str) -> Path:
    """The file that says where an environment's state is."""
    return layout.root / "infra" / "environments" / f"{environment}.s3.tfbackend"


def data_dir(layout: Layout, environment: str) -> Path:
    """Terraform's data folder for an environment. The local one's belongs to its cloud: there may be several."""
    if environment == LOCAL:
        return CloudSettings.from_environment().directory / "terraform" / LOCAL
    return infra.data_dir(layout, environment)


def require_place(layout: Layout, environment: str) -> None:
    """Checks that an environment has a state bucket, before anything is built for it.

    Raises:
        UserError: it has none.
    """
    if not setting(backend_file(layout, environment), "bucket"):
        raise UserError(
            f"{environment} has no bucket for its state yet: run `make bootstrap ENV={environment}` once"
        )


def target_of(layout: Layout, environment: str) -> build_zip.BuildTarget:
    """The target of an environment's archives."""
    if environment == LOCAL:
        host = build_zip.target_named("host")
        return (
            build_zip.target_named(host.architecture) if localcloud.runs_functions_in_containers() else host
        )
    return build_zip.target_named(
        setting(variables_file(layout, environment), "lambda_architecture") or "arm64"
    )


def ensure_state_bucket(backend: Path) -> None:
    """Creates the bucket for the local environment's state at an endpoint that `localcloud up` did not start.

    Raises:
        UserError: the endpoint does not answer.
    """
    bucket = setting(backend, "bucket")
    if not bucket:
        raise UserError(f"{backend.name} names no bucket")
    # Not every emulator's host name resolves with the bucket's in front of it.
    client = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    try:
        client.create_bucket(Bucket=bucket)
    except client.exceptions.BucketAlreadyOwnedByYou:
        return
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"the endpoint creates no bucket for Terraform's state: {error}") from None


def init(layout: Layout, environment: str, tool: Path, *, force: bool = False) -> dict[str, str]:
    """Initialises an environment unless it is already initialised for the present files.

    Returns:
        The variables that Terraform has to run with.

    Raises:
        UserError: the provider or the state cannot be reached.
    """
    backend, data = backend_file(layout, environment), data_dir(layout, environment)
    require_place(layout, environment)
    if environment == LOCAL and external_endpoint():
        ensure_state_bucket(backend)
    folder = layout.root / "infra"
    # The provider's origin does not matter: an installed one works without network.
    inputs = hashlib.sha256(str(tool).encode())
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        inputs.update(f"{name}={os.environ.get(name)}".encode())
    modules = [*folder.glob("modules/*/main.tf"), *folder.glob("modules/*/terraform.tf")]
    files = [*folder.glob("*.tf"), *modules, folder / ".terraform.lock.hcl"]
    for file in [*sorted(files), backend]:
        inputs.update(file.read_bytes())
    stamp = data / "initialised"
    if force or not stamp.exists() or stamp.read_text(encoding="ascii") != inputs.hexdigest():
        stamp.unlink(missing_ok=True)
        infra.init(layout, tool, folder, data, ["-reconfigure", f"-backend-config={backend}"])
        stamp.write_text(inputs.hexdigest(), encoding="ascii")
    return terraform.environment(TF_DATA_DIR=str(data), TF_IN_AUTOMATION="1")


def input_arguments(layout: Layout, environment: str, more: Sequence[str] = ()) -> list[str]:
    """The inputs of an environment's plan: its variables, and the functions' archives, which are built first.

    If the variable RELEASE is set, the archives must be those of that release.

    Args:
        layout: the checkout.
        environment: its name.
        more: further arguments for Terraform; variable files among them are checked, too.

    Raises:
        UserError: there is no such environment, a tfvars file sets an unknown variable, or the archives cannot be
            built, or are not those of the release.
    """
    variables, target = variables_file(layout, environment), target_of(layout, environment)
    door = os.environ.get(DOOR_VARIABLE)
    if door and environment != LOCAL:
        raise UserError(f"DOOR={door} is for the environment {LOCAL} only: set api.vote_door in {variables}")
    more_files = [Path(word.partition("=")[2]) for word in more if word.startswith("-var-file=")]
    for file in [variables, *(file for file in more_files if file.suffix == ".tfvars")]:
        tfvars.known(file, layout.root / "infra" / "variables.tf")
    expected = os.environ.get(RELEASE_VARIABLE)
    folder = (
        release.folder(layout, target, expected) if expected else build_zip.build_and_report(layout, target)
    )
    arguments = [f"-var-file={variables}"]
    if environment == LOCAL:
        arguments += [
            f"-var=artifact_directory={folder}",
            f"-var=lambda_architecture={target.architecture}",
            *(door_arguments(layout, variables, door) if door else ()),
        ]
    return arguments


def door_arguments(layout: Layout, variables: Path, door: str) -> list[str]:
    """The variables that give the local environment another door than its tfvars file does.

    Terraform takes an object as a whole, so the file's other settings of the API are handed over again, without
    origins of any port: the doors match whole origins.
    """
    given = tfvars.parse(variables, layout.root / "infra" / "variables.tf").given
    door, *kept = door.split(",")
    api = {**given.get("api", {}), "vote_door": door, "kept_vote_doors": kept}
    if {door, *kept} != {"rest"}:
        api["allowed_origins"] = [
            origin for origin in api.get("allowed_origins", ()) if not origin.endswith(":*")
        ]
    ingress = {"reserved_concurrency": LOCAL_INGRESS_CONCURRENCY}
    return [f"-var=api={json.dumps(api)}", f"-var=ingress={json.dumps(ingress)}"]


def run_terraform(command: list[str], variables: Mapping[str, str]) -> int:
    """Runs Terraform in the foreground, and returns its exit code."""
    process = subprocess.Popen(command, env=variables)
    while True:
        # The terminal has told Terraform, too: it now writes its state and releases its lock.
        with contextlib.suppress(KeyboardInterrupt):
            return process.wait()


def run_terraform_briefly(command: list[str], variables: Mapping[str, str], timeout: float) -> int:
    """Runs `terraform apply` or `destroy` behind a progress bar, and returns its exit code.

    It shows the coming changes, the progress, warnings and errors, and the changes made; not the whole plan, which has
    more than a thousand lines. After the timeout it asks Terraform to stop.

    Args:
        command: with -json, so that Terraform reports its progress, one JSON object per line.
        variables: its environment.
        timeout: seconds.
    """
    columns = (
        TextColumn("  {task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[at]}", markup=False),
    )
    with (
        subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process,
        Progress(*columns, transient=True, console=console()) as progress,
    ):
        task = progress.add_task("terraform", total=None, at="")

        def stop() -> None:
            outside = external_endpoint()
            logs = f"the logs of {outside}" if outside else CloudSettings.from_environment().logs
            progress.console.print(
                f"terraform is not done after {timeout:.0f} s, so it is stopped: see {logs}"
            )
            process.send_signal(signal.SIGINT)

        timer = threading.Timer(timeout, stop)
        timer.start()
        try:
            for line in process.stdout or ():
                report = _report(line)
                kind, message = report.get("type"), str(report.get("@message", line.rstrip()))
                if kind == "change_summary":
                    changes = report["changes"]
                    progress.update(task, total=changes["add"] + changes["change"] + changes["remove"])
                    progress.console.print(f"  {message}", soft_wrap=True)
                elif kind == "apply_complete":
                    progress.update(task, advance=1, at=report["hook"]["resource"]["addr"])
                elif kind == "diagnostic":
                    diagnostic = report["diagnostic"]
                    where = f" ({diagnostic['address']})" if "address" in diagnostic else ""
                    text = f"{message}{where}\n{diagnostic.get('detail', '')}".rstrip()
                    progress.console.print(text, soft_wrap=True)
                elif kind is None:
                    progress.console.print(message, soft_wrap=True)
        except KeyboardInterrupt:
            progress.console.print("  stopping terraform")
        finally:
            timer.cancel()
        return process.wait()


def _report(line: str) -> dict[str, Any]:
    """One of Terraform's machine-readable messages; empty if the line is not one."""
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def terraform_command(layout: Layout, what: str, environment: str, more: list[str]) -> int:
    """Runs a Terraform command; returns its exit code.

    Raises:
        UserError: a precondition is missing, or a tfvars file sets an unknown variable.
    """
    variables_file(layout, environment)
    require_place(layout, environment)
    tool = terraform.ensure(layout)
    inputs = input_arguments(layout, environment, more) if what in ("plan", "apply", "destroy") else []
    settings = init(layout, environment, tool, force=what == "init")
    if what == "init":
        return 0
    if what == "apply" and environment != LOCAL and not quotas_suffice(environment):
        return 1
    command = [str(tool), f"-chdir={layout.root / 'infra'}", what, *inputs]
    if environment == LOCAL and what in ("apply", "destroy"):
        # Elsewhere Terraform shows its plan and asks before it changes anything.
        result = run_terraform_briefly(
            [*command, "-auto-approve", "-json", *more], settings, LOCAL_TIMEOUT_SECONDS
        )
    else:
        result = run_terraform([*command, *more], settings)
    if what == "apply" and result == 0:
        publish_pages(layout, tool, settings)
    return result


def publish_pages(layout: Layout, tool: Path, variables: Mapping[str, str]) -> None:
    """Publishes the pages of the environment that was just applied, if it has pages.

    Raises:
        UserError: the bucket refuses them.
    """
    command = [str(tool), f"-chdir={layout.root / 'infra'}", "output", "-json", "pages"]
    read = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    # Without the output there is no bucket: an apply with -target may not have created it.
    pages = json.loads(read.stdout) if read.returncode == 0 else None
    if pages is None:
        return
    client = boto3.client("s3", region_name=pages["region"], config=Config(s3={"addressing_style": "path"}))
    version = publish.publish(
        client, pages["bucket"], layout.root / "web" / "site", datetime.datetime.now(datetime.UTC)
    )
    say(f"the pages are published, version {version}")


def quotas_suffice(environment: str) -> bool:
    """Compares the account's quotas with the tfvars before a first apply, and asks whether to continue with low quotas.

    Without a terminal, it only prints the command for the comparison.
    """
    with contextlib.suppress(OperatorError):
        deployment.find(environment)
        return True
    if not sys.stdin.isatty():
        say(
            f"this is the first apply of {environment}: `make preflight ENV={environment}` checks the account's quotas"
        )
        return True
    found = checks.preflight(environment)
    console().print(screen.table(environment, found, "preflight"), screen.summary(found))
    if worst(found) not in {Health.WARNING, Health.WRONG}:
        return True
    return input('Apply anyway? Only "yes" continues: ').strip() == "yes"


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns 1 after one clear line if it fails."""
    parser = argparse.ArgumentParser(description="Run Terraform for one environment.")
    parser.add_argument("what", choices=["init", "plan", "apply", "destroy", "output"])
    parser.add_argument("environment")
    parser.add_argument("more", nargs="*", help="more arguments for terraform, after --")
    asked = parser.parse_args(arguments)
    try:
        if asked.environment == LOCAL:
            localcloud.aim()
        return terraform_command(HERE, asked.what, asked.environment, asked.more)
    except (LocalCloudError, UserError) as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    process.run("scripts.deploying.deploy:main")
