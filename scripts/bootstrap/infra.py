"""`terraform init` with the provider from a mirror, a cache or the registry, and the module tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Mapping, Sequence

from scripts.bootstrap import terraform
from scripts.bootstrap.console import CommandFailed, UserError, run
from scripts.bootstrap.layout import Layout

PLUGIN_DIR_VARIABLE = "TERRAFORM_PLUGIN_DIR"

# The provider in an unpacked mirror: a folder for each version, with one for each platform in it.
PROVIDER = Path("registry.terraform.io/hashicorp/aws")

# Messages of Terraform and OpenTofu if they cannot reach the provider's registry.
# How long a provider may take to stop. It never does by itself if the shell that started us ignores interrupts.
STOP_SECONDS = 10.0

_NO_REGISTRY = re.compile(
    r"failed to query available provider packages|failed to install provider|could not connect to registry"
    r"|failed to retrieve (the list of|cryptographic)|inconsistent dependency lock",
    re.IGNORECASE,
)


def data_dir(layout: Layout, name: str) -> Path:
    """Returns Terraform's data folder for one purpose, separate from all others."""
    return layout.root / ".state" / "terraform" / name


def init(
    layout: Layout,
    tool: Path,
    folder: Path,
    data: Path,
    arguments: Sequence[str],
    env: Mapping[str, str] | None = None,
) -> None:
    """Runs `terraform init` quietly.

    The provider comes from the directory that TERRAFORM_PLUGIN_DIR names, or named the last time that it was set.
    Otherwise it comes from its registry, through a cache in .tools: the provider has some 700 MB.

    Args:
        layout: the checkout.
        tool: Terraform or OpenTofu.
        folder: what to initialise.
        data: its TF_DATA_DIR.
        arguments: those for the backend.
        env: variables to add to ours.

    Raises:
        UserError: it fails; one line if the provider is unavailable, else Terraform's output.
    """
    command: list[str | os.PathLike[str]] = [
        tool,
        f"-chdir={folder}",
        "init",
        "-input=false",
        "-no-color",
        *arguments,
    ]
    settings = terraform.environment(**(env or {}), TF_DATA_DIR=str(data))
    is_locked = folder in (layout.root / "infra", layout.root / "infra" / "bootstrap")
    if is_locked and (folder / ".terraform.lock.hcl").exists() and tool.name == "terraform":
        # The committed lock decides. OpenTofu has to add its own registry's name for the same provider to it.
        command.append("-lockfile=readonly")
    mirror = _plugin_dir(layout)
    cache = layout.tools / "terraform-plugins"
    if mirror:
        command.append(f"-plugin-dir={mirror}")
    elif (cache / PROVIDER).is_dir() and folder != layout.root / "infra":
        # Terraform's cache takes one writer at a time: the root fills it, the modules only read.
        command.append(f"-plugin-dir={cache}")
    else:
        cache.mkdir(parents=True, exist_ok=True)
        settings["TF_PLUGIN_CACHE_DIR"] = str(cache)
    log = layout.logs / f"terraform-init-{data.name}.log"
    try:
        run(command, doing=f"initialise {layout.shown(folder)}", log=log, env=settings)
    except CommandFailed as failure:
        if _NO_REGISTRY.search(failure.output) and not mirror:
            raise UserError(
                f"the AWS provider is not installed and its registry is out of reach: connect to the network, or set "
                f"{PLUGIN_DIR_VARIABLE} to a directory that holds {PROVIDER} (the whole output: {log})"
            ) from None
        raise UserError(f"could not initialise {layout.shown(folder)}:\n{failure.output.strip()}") from None


def _plugin_dir(layout: Layout) -> Path | None:
    """Returns the directory with the provider, and remembers it for shells without the variable; "" forgets it."""
    remembered = layout.tools / "terraform-plugin-dir"
    named = os.environ.get(PLUGIN_DIR_VARIABLE)
    if named is None:
        before = Path(remembered.read_text(encoding="utf-8")) if remembered.exists() else None
        return before if before and (before / PROVIDER).is_dir() else None
    if not named:
        remembered.unlink(missing_ok=True)
        return None
    mirror = Path(named).resolve()
    if not (mirror / PROVIDER).is_dir():
        raise UserError(
            f"{PLUGIN_DIR_VARIABLE}={named} has no {PROVIDER} in it: name the directory above that, or unset it"
        )
    layout.tools.mkdir(parents=True, exist_ok=True)
    remembered.write_text(str(mirror), encoding="utf-8")
    return mirror


def init_for_tests(layout: Layout, module: str) -> None:
    """Initialises the root ("infra") or a module without a backend.

    Raises:
        UserError: see `init`.
    """
    tool = terraform.ensure(layout, for_tests=True)
    data = _test_data(layout, module)
    shutil.rmtree(data, ignore_errors=True)
    init(layout, tool, layout.root / module, data, ["-backend=false"])


def test(layout: Layout, module: str) -> str:
    """Validates the root or a module, runs its tests, and returns one line that says how many passed.

    Raises:
        UserError: something failed. It carries everything that Terraform printed.
    """
    tool = terraform.ensure(layout, for_tests=True)
    data = _test_data(layout, module)
    with shared_provider(data) as attached:
        # `terraform test` validates the configuration before it plans the first run.
        done = subprocess.run(
            [str(tool), f"-chdir={layout.root / module}", "test", "-no-color"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=terraform.environment(**attached, TF_DATA_DIR=str(data)),
            check=False,
        )
    if done.returncode:
        raise UserError(f"{module}: terraform test failed\n{done.stdout.strip()}")
    match = re.search(r"Success! (\d+) passed", done.stdout)
    if not match or match.group(1) == "0":
        raise UserError(f"{module} has no tests: add {module}/tests/*.tftest.hcl")
    return f"{module}: valid, {match.group(1)} tests passed"


@contextmanager
def shared_provider(data: Path) -> Iterator[dict[str, str]]:
    """Starts the provider of an initialised data folder, and yields the variable with which Terraform uses it.

    Without that, `terraform test` starts and stops a provider for each validation and each plan. Over all folders, this
    took most of its time. A folder without a provider yields nothing.

    Raises:
        UserError: the provider does not start.
    """
    program = next((data / "providers" / PROVIDER).glob("*/*/terraform-provider-aws_*"), None)
    if program is None:
        yield {}
        return
    with subprocess.Popen(
        [str(program), "-debug"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=terraform.environment(),
    ) as provider:
        try:
            # It prints how to attach to it as soon as it listens.
            lines = (re.search(r"(TF_REATTACH_PROVIDERS)='(.+)'", line) for line in provider.stdout or ())
            found = next(filter(None, lines), None)
            if found is None:
                raise UserError(f"{program} does not start: run it with -debug to see why")
            yield {found.group(1): found.group(2)}
        finally:
            provider.send_signal(signal.SIGINT)  # it then removes its socket
            try:
                provider.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                provider.kill()


def _test_data(layout: Layout, module: str) -> Path:
    return data_dir(layout, "test-" + module.replace("/", "-"))
