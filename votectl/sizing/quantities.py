"""Amounts and durations as typed: 20k, 1.5M, 1e9; 90s, 10m, 1h30m."""

import math
import re

from votectl.sizing.errors import InvalidInput

_AMOUNT = re.compile(
    r"([+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*)(?:\.[0-9]+)?(?:e\+?[0-9]+)?)([kMB]?)"
)
_FACTORS = {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9}
_NUMBER = r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_DURATION = re.compile("".join(f"(?:{_NUMBER}{unit})?" for unit in "dhms"))
_SECONDS = (86_400.0, 3_600.0, 60.0, 1.0)


def amount(text: str) -> float:
    """Return a number; k, M and B mean thousands, millions and billions.

    Raises:
        InvalidInput: the text is not a number. The message shows how a decimal comma should be written.
    """
    stripped = text.strip()
    if found := _AMOUNT.fullmatch(stripped):
        value = float(found[1].replace("_", "").replace(",", "")) * _FACTORS[found[2]]
        if math.isinf(value):
            raise InvalidInput(f"{text!r} is too large")
        return value
    if re.fullmatch(r"[0-9]+,[0-9]+[kMB]?", stripped):
        fraction, whole = stripped.replace(",", "."), stripped.replace(",", "")
        problem = (
            f"a comma separates groups of three digits; write {fraction} for a fraction, or {whole} without"
        )
        raise InvalidInput(f"{text!r} is ambiguous: {problem} a comma", examples=[fraction, whole])
    problem = "is not a number; write for example 20000, 20k, 1.5M, 1B or 1e9"
    raise InvalidInput(f"{text!r} {problem}", examples=["20000", "20k", "1.5M", "1B", "1e9"])


def seconds(text: str) -> float:
    """Return a duration in seconds. Raises InvalidInput: the text is not a duration, or lacks a unit."""
    stripped = text.strip()
    found = _DURATION.fullmatch(stripped)
    if found is not None and any(found.groups()):
        return sum(float(part) * unit for part, unit in zip(found.groups(), _SECONDS, strict=True) if part)
    if _DURATION.fullmatch(f"{stripped}s"):
        example = f"{stripped}s"
        problem = f"has no unit at its end; write for example {example}"
        raise InvalidInput(f"{text!r} {problem}", examples=[example])
    problem = "is not a duration; write for example 90s, 10m, 1h30m or 2d"
    raise InvalidInput(f"{text!r} {problem}", examples=["90s", "10m", "1h30m", "2d"])


def spoken(value: float) -> str:
    """Return a duration for a person: 12 s, 10 min, 3.5 h."""
    if value < 120:
        return f"{value:,.3g} s"
    return f"{value / 60:,.3g} min" if value < 7_200 else f"{value / 3600:,.3g} h"
