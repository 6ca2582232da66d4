"""What Terraform would deploy, as data: what a run of its own tests plans, made without a cloud."""

import json
import subprocess
from functools import cache
from typing import Any, NamedTuple

from contract.terraform_source import PROJECT
from scripts.bootstrap import infra, terraform
from scripts.bootstrap.layout import Layout

# Runs whose plans are of use: of the platform, and of what `make bootstrap` makes.
PLATFORM = ("infra", "observability", "alarms_and_dashboard_as_they_are_deployed")
FOUNDATION = ("infra/bootstrap", "boundary", "makes_roles_within_the_boundary_only")
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
    """Return the resources that a run of the tests in a folder plans, by their address.

    `terraform test` prints a run's plan only with -verbose, and as data only with -json.
    """
    layout = Layout(PROJECT)
    data = infra.data_dir(layout, "test-" + folder.replace("/", "-"))
    if not data.is_dir():
        infra.init_for_tests(layout, folder)
    command = ["test", "-json", "-verbose", f"-filter=tests/{test_file}.tftest.hcl"]
    done = subprocess.run(
        [str(terraform.ensure(layout, for_tests=True)), f"-chdir={PROJECT / folder}", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=terraform.environment(TF_DATA_DIR=str(data)),
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    (plan,) = [
        message["test_plan"]
        for message in messages
        if message["type"] == "test_plan" and message["@testrun"] == run
    ]
    return {change["address"]: change["change"]["after"] for change in plan["resource_changes"]}
