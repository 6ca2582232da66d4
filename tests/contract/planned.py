"""What Terraform would deploy, as data: what runs of its own tests plan, made without a cloud."""

import fcntl
import hashlib
import json
import subprocess
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from contract.terraform_source import INFRA, PROJECT
from scripts.bootstrap import infra, terraform
from scripts.bootstrap.layout import Layout


def kept(name: str, make: Callable[[], Any]) -> Any:
    """Return what ``make`` returns, as JSON, cached in .state until a file changes that plans depend on.

    Tests run in several processes. One of them plans, the others wait for it.
    """
    folder = PROJECT / ".state" / "planned"
    folder.mkdir(parents=True, exist_ok=True)
    current = folder / f"{name}.{_fingerprint()}.json"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not current.exists():
            made = json.dumps(make())
            for old in folder.glob(f"{name}.*.json"):
                old.unlink()
            fresh = current.with_suffix(".part")
            fresh.write_text(made, encoding="utf-8")
            fresh.replace(current)
    return json.loads(current.read_text(encoding="utf-8"))


@cache
def _fingerprint() -> str:
    """Return a digest of all inputs of plans: Terraform files, the pages that they upload, and this code."""
    here = Path(__file__).parent
    files = [
        path
        for path in (
            here / "planned.py",
            here / "everything.py",
            *INFRA.rglob("*"),
            *(PROJECT / "web").rglob("*"),
        )
        if path.is_file() and not {".terraform", "__pycache__"} & {*path.parts}
    ]
    digest = hashlib.sha256()
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PROJECT)} {len(content)} ".encode() + content)
    return digest.hexdigest()[:32]


def data_of(folder: str) -> tuple[Layout, Path]:
    """Return the project's layout, and where Terraform keeps the modules and the provider of a folder."""
    layout = Layout(PROJECT)
    data = infra.data_dir(layout, "test-" + folder.replace("/", "-"))
    if not data.is_dir():
        infra.init_for_tests(layout, folder)
    return layout, data


def plans_of(folder: str, test_files: Iterable[str], home: Path) -> dict[str, list[dict[str, Any]]]:
    """Return what each run of test files plans: Terraform's resource changes, by the run's name.

    ``terraform test`` prints a run's plan only with -verbose, and as data only with -json. ``home`` is a copy of the
    project. One process reads the provider's schema once for all of the files, which takes seconds.
    """
    layout, data = data_of(folder)
    command = ["test", "-json", "-verbose", *(f"-filter={file}" for file in test_files)]
    with infra.shared_provider(data) as attached:
        done = subprocess.run(
            [str(terraform.ensure(layout, for_tests=True)), f"-chdir={home / folder}", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=terraform.environment(**attached, TF_DATA_DIR=str(data)),
            check=False,
        )
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    problems = [
        f"{message['@message']} {message.get('diagnostic', '')}"
        for message in messages
        if message["@level"] == "error"
    ]
    assert done.returncode == 0, "\n".join(problems) + done.stderr
    return {
        message["@testrun"]: message["test_plan"].get("resource_changes", [])
        for message in messages
        if message["type"] == "test_plan"
    }
