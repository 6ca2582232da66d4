"""What Terraform would deploy, as data: what a run of its own tests plans, made without a cloud."""

import fcntl
import hashlib
import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from contract.terraform_source import INFRA, PROJECT
from scripts.bootstrap import infra, terraform
from scripts.bootstrap.layout import Layout

# Runs whose plans are of use: of the platform, and of what `make bootstrap` makes.
PLATFORM = ("infra", "observability", "alarms_and_dashboard_as_they_are_deployed")
FOUNDATION = ("infra/bootstrap", "roles", "roles_stay_within_the_boundary_and_their_own_names")
ENVIRONMENT = "test"


class Metric(NamedTuple):
    """A metric as an alarm or a widget names it."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: dict[str, str]) -> "Metric":
        return cls(namespace, name, frozenset(dimensions.items()))


class Observed(NamedTuple):
    """The alarms by their name behind the prefix, as planned, and the dashboard's body."""

    alarms: dict[str, dict[str, Any]]
    dashboard: dict[str, Any]


@cache
def observed() -> Observed:
    """Return what module.observability plans to deploy."""
    module = "module.observability."
    resources = {
        address.removeprefix(module): after
        for address, after in resources_of(*PLATFORM).items()
        if address.startswith(module)
    }
    prefix = 'aws_cloudwatch_metric_alarm.this["'
    return Observed(
        alarms={
            address.removeprefix(prefix).removesuffix('"]'): after
            for address, after in resources.items()
            if address.startswith(prefix)
        },
        dashboard=json.loads(resources["aws_cloudwatch_dashboard.this"]["dashboard_body"]),
    )


def metrics_of_alarm(alarm: dict[str, Any]) -> dict[str, Metric]:
    """Return the metrics that an alarm reads, by their id in its expression; one without an id when it has none."""
    if alarm["metric_name"]:
        return {"": Metric.of(alarm["namespace"], alarm["metric_name"], alarm["dimensions"])}
    return {
        query["id"]: Metric.of(metric["namespace"], metric["metric_name"], metric["dimensions"])
        for query in alarm["metric_query"]
        for metric in query["metric"]
    }


def expression_of(alarm: dict[str, Any]) -> str | None:
    """Return the expression whose value an alarm compares, or None when it compares a metric."""
    returned = [query["expression"] for query in alarm["metric_query"] if query["return_data"]]
    assert len(returned) <= 1
    return returned[0] if returned else None


def metrics_of_widget(widget: dict[str, Any]) -> dict[str, Metric]:
    """Return the metrics that a widget shows, by their id, or by their number where they have none."""
    found = {}
    for number, entry in enumerate(widget["properties"].get("metrics", [])):
        options = entry[-1] if isinstance(entry[-1], dict) else {}
        names = [part for part in entry if not isinstance(part, dict)]
        if names:
            namespace, name, *dimensions = names
            pairs = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
            found[options.get("id", str(number))] = Metric.of(namespace, name, pairs)
    return found


def expressions_of_widget(widget: dict[str, Any]) -> list[str]:
    """Return the expressions that a widget shows."""
    return [entry[0]["expression"] for entry in widget["properties"].get("metrics", []) if len(entry) == 1]


@cache
def resources_of(folder: str, test_file: str, run: str) -> dict[str, dict[str, Any]]:
    """Return the resources that a run of the tests in a folder plans, by their address."""
    name = f"{folder}/{test_file}".replace("/", "-")
    plans = kept(name, lambda: plans_of(folder, f"tests/{test_file}.tftest.hcl", PROJECT))
    return {change["address"]: change["change"]["after"] for change in plans[run]}


def kept(name: str, make: Callable[[], Any]) -> Any:
    """Return what ``make`` returns, as JSON, from .state until a file changes that decides over plans.

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
    """Return a digest of all that decides over plans: Terraform files, the pages they upload, and this package."""
    files = [
        path
        for top in (INFRA, PROJECT / "web", Path(__file__).parent)
        for path in top.rglob("*")
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


def plans_of(folder: str, test_file: str, home: Path) -> dict[str, list[dict[str, Any]]]:
    """Return what each run of a test file plans: Terraform's resource changes, by the run's name.

    ``terraform test`` prints a run's plan only with -verbose, and as data only with -json. ``home`` is the project or a
    copy of it.
    """
    layout, data = data_of(folder)
    command = ["test", "-json", "-verbose", f"-filter={test_file}"]
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
