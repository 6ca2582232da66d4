"""CloudWatch's alarms as far as ours go: enough to say which of them ring in a given course of minutes.

From the user guide, "Alarm evaluation", "Configuring how CloudWatch alarms treat missing data" and "Metric math
syntax and functions": an expression has no value in a minute in which one of its metrics has none, or where it
divides by nought; an alarm rings when M of the last N datapoints breach, where missing ones count as the alarm says.
What the guide leaves open (older datapoints instead of missing ones) does not occur in these tests.
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contract.planned import expression_of, metrics_of_alarm

# What CloudWatch has of a minute: the value of the statistic that alarms take, by metric name.
type Minute = dict[str, float]

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
