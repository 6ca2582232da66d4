"""What is typed: amounts (20k, 1.5M, 1e9), durations (90s, 10m, 1h30m), named choices; and errors about them."""

import math
import re
from collections.abc import Mapping
from enum import StrEnum

from votectl.errors import OperatorError
from votectl.times import parse_duration

# (share of the duration, share of the peak); straight lines between them.
type Points = tuple[tuple[float, float], ...]

_AMOUNT = re.compile(
    r"([+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*)(?:\.[0-9]+)?(?:e\+?[0-9]+)?)([kMB]?)"
)
_FACTORS = {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9}


class InvalidInput(OperatorError):
    """An event or a setting is negative, absurd or contradictory; the message names the field."""


class LimitExceeded(OperatorError):
    """No setting can meet the goals: ``limit``, which cannot be raised, forbids what was asked."""

    def __init__(self, limit: str, explanation: str) -> None:
        super().__init__(f"impossible: {explanation} Binding limit: {limit}.")


class RateShape(StrEnum):
    """Named curves of the rate over the event."""

    FLAT = "flat"
    RAMP = "ramp"  # a load generator: rises within the first tenth, then flat
    SPIKE = "spike"  # "vote now": full rate at once, half after a tenth, then a tail
    SHOW = "show"  # a long vote that peaks in the last tenth


CURVES: Mapping[RateShape, Points] = {
    RateShape.FLAT: ((0.0, 1.0), (1.0, 1.0)),
    RateShape.RAMP: ((0.0, 0.0), (0.1, 1.0), (1.0, 1.0)),
    RateShape.SPIKE: ((0.0, 0.0), (0.02, 1.0), (0.1, 1.0), (0.2, 0.5), (0.5, 0.1), (1.0, 0.02)),
    RateShape.SHOW: ((0.0, 0.1), (0.1, 0.25), (0.8, 0.3), (0.9, 0.6), (0.95, 1.0), (1.0, 1.0)),
}


class Preference(StrEnum):
    """What to prefer where several settings meet the deadline."""

    COST = "cost"  # the cheapest
    SPEED = "speed"  # the writer keeps up with the peak: never a backlog
    HANDS_OFF = "hands-off"  # on-demand tables, and an on-demand stream where a new one takes the peak


def amount(text: str) -> float:
    """Return a number; k, M and B mean thousands, millions and billions. Raises InvalidInput: it is not a number."""
    stripped = text.strip()
    if found := _AMOUNT.fullmatch(stripped):
        value = float(found[1].replace("_", "").replace(",", "")) * _FACTORS[found[2]]
        if math.isinf(value):
            raise InvalidInput(f"{text!r} is too large")
        return value
    if re.fullmatch(r"[0-9]+,[0-9]+[kMB]?", stripped):
        examples = [stripped.replace(",", "."), stripped.replace(",", "")]
        problem = "is ambiguous: a comma separates groups of three digits"
        remedy = f"write {examples[0]} for a fraction, or {examples[1]} without a comma"
        raise InvalidInput(f"{text!r} {problem}; {remedy}", examples=examples)
    problem = "is not a number; write for example 20000, 20k, 1.5M, 1B or 1e9"
    raise InvalidInput(f"{text!r} {problem}", examples=["20000", "20k", "1.5M", "1B", "1e9"])


def seconds(text: str) -> float:
    """Return a duration in seconds. Raises OperatorError: the text is not a duration."""
    return parse_duration(text.strip()) / 1000


def spoken(value: float) -> str:
    """Return a duration for a person: 12 s, 10 min, 3.5 h."""
    if value < 120:
        return f"{value:,.3g} s"
    return f"{value / 60:,.3g} min" if value < 7_200 else f"{value / 3600:,.3g} h"
