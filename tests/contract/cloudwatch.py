"""Planned alarms and dashboard, and CloudWatch's evaluation of alarms: enough to tell which ring after given minutes.

From the user guide, "Alarm evaluation", "Configuring how CloudWatch alarms treat missing data" and "Metric math
syntax and functions": an expression has no value in a minute in which one of its metrics has none, or where it divides
by zero; an alarm rings when M of the last N datapoints breach, where missing ones count as the alarm says.
What the guide leaves open (older datapoints instead of missing ones) does not occur in these tests.
"""

import ast
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from contract.everything import PLATFORM, resources_of

# CloudWatch's data of one minute: the value of the statistic that alarms use, by metric name.
type Minute = dict[str, float]

# The environment of that run.
ENVIRONMENT = "test"

# An account starts with a thousand invocations at once.
QUOTA = 1000.0

_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
}


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
        for address, after in resources_of(PLATFORM).items()
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


def rings(alarm: dict[str, Any], minutes: Sequence[Minute]) -> bool:
    """Return whether an alarm is in ALARM at the end of these minutes."""
    names = {identifier: metric.name for identifier, metric in metrics_of_alarm(alarm).items()}
    expression = expression_of(alarm)

    def datapoint(minute: Minute) -> float | None:
        values = {identifier: minute[name] for identifier, name in names.items() if name in minute}
        return values.get("") if expression is None else evaluate(expression, values)

    def breaches(value: float | None) -> bool:
        if value is None:
            return str(alarm["treat_missing_data"]) == "breaching"
        return _COMPARISONS[alarm["comparison_operator"]](value, float(alarm["threshold"]))

    last = [datapoint(minute) for minute in minutes[-alarm["evaluation_periods"] :]]
    return sum(breaches(value) for value in last) >= int(alarm["datapoints_to_alarm"])


def names_in(expression: str) -> set[str]:
    """Return the ids that an expression uses."""
    tree = ast.parse(expression, mode="eval")
    functions = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call)}  # type: ignore[attr-defined]
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - functions


def evaluate(expression: str, values: Mapping[str, float]) -> float | None:
    """Return an expression's value in a minute, or None where it has none. Its grammar is a part of Python's."""
    return _value(ast.parse(expression, mode="eval").body, values)


def _value(node: ast.expr, values: Mapping[str, float]) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values.get(name)
        case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
            one, other = _value(left, values), _value(right, values)
            if one is None or other is None or (isinstance(op, ast.Div) and other == 0):
                return None
            return float(_OPERATORS[type(op)](one, other))
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            holds = _value(condition, values)
            return None if holds is None else _value(then if holds else otherwise, values)
        case ast.Call(func=ast.Name(id="ABS"), args=[argument]):
            value = _value(argument, values)
            return None if value is None else abs(value)
        case ast.Call(func=ast.Name(id="SERVICE_QUOTA"), args=[ast.Name()]):
            return QUOTA
        case ast.Call(func=ast.Name(id="PERIOD"), args=[ast.Name()]):
            return 60.0
    raise AssertionError(f"this part of an expression is not known here: {ast.unparse(node)}")
