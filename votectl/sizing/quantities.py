"""Amounts and durations as people type them: 20k, 1.5M, 1e9; 90s, 10m, 1h30m."""

import re

from votectl.sizing.errors import Nonsense

_AMOUNT = re.compile(r"([+-]?[0-9][0-9_]*(?:\.[0-9]+)?(?:e[0-9]+)?)([kMB]?)")
_FACTORS = {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9}
_DURATION = re.compile(r"(?:([0-9.]+)d)?(?:([0-9.]+)h)?(?:([0-9.]+)m)?(?:([0-9.]+)s?)?")
_SECONDS = (86_400.0, 3_600.0, 60.0, 1.0)


def amount(text: str) -> float:
    """Return a number; k, M and B stand for thousands, millions and billions.

    Raises:
        Nonsense: it is no number.
    """
    found = _AMOUNT.fullmatch(text.strip().replace(",", "_"))
    if found is None:
        raise Nonsense(f"{text!r} is no number: 20000, 20k, 1.5M, 1B and 1e9 are")
    return float(found[1].replace("_", "")) * _FACTORS[found[2]]


def seconds(text: str) -> float:
    """Return a duration in seconds.

    Raises:
        Nonsense: it is no duration.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise Nonsense(f"{text!r} is no duration: 90, 90s, 10m, 1h30m and 2d are")
    try:
        return sum(float(part) * unit for part, unit in zip(found.groups(), _SECONDS, strict=True) if part)
    except ValueError:
        raise Nonsense(f"{text!r} is no duration: 90, 90s, 10m, 1h30m and 2d are") from None


def spoken(value: float) -> str:
    """Return a duration for a person: 12 s, 10 min, 3.5 h."""
    if value < 120:
        return f"{value:,.3g} s"
    if value < 7_200:
        return f"{value / 60:,.3g} min"
    return f"{value / 3600:,.3g} h"
