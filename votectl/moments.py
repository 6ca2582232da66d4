"""Points in time and durations as an operator types them. All results are epoch ms."""

import re
from datetime import UTC, datetime

from votectl.errors import OperatorError

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_duration(text: str) -> int:
    """Return ms for ``90s``, ``10m``, ``2h``, ``1d`` or a sum like ``1h30m``."""
    parts = re.findall(r"(\d+)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise OperatorError(f"{text!r} is no duration: write it like 90s, 10m, 2h or 1h30m")
    return sum(int(number) * _UNITS_MS[unit] for number, unit in parts)


def parse_moment(text: str, now_ms: int) -> int:
    """Return epoch ms for ``+10m`` (from now) or ISO 8601 with an offset, ``2026-11-28T20:15+01:00``."""
    if text.startswith("+"):
        return now_ms + parse_duration(text[1:])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise OperatorError(
            f"{text!r} is no time: write 2026-11-28T20:15+01:00, or +10m for ten minutes from now"
        ) from None
    if moment.tzinfo is None:
        raise OperatorError(f"{text!r} has no time zone: add one, for example {text}+00:00")
    return round(moment.timestamp() * 1000)


def show_moment(epoch_ms: int) -> str:
    """Return a UTC time to the second: ``2026-11-28 19:15:00Z``."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
