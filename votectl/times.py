"""Points in time and durations, as an operator types and reads them. All numbers are epoch ms or ms."""

import re
from datetime import UTC, datetime, timedelta

from votectl.errors import OperatorError
from voting.polls import END_OF_TIME_MS

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_UNIT_NAMES = {"d": "d", "h": "h", "m": "min", "s": "s"}
_DURATION = re.compile(r"(?:[0-9]{1,9}[smhd])+")
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_OFFSET = r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
_MOMENT = re.compile(f"{_DATE}[T ]{_TIME}{_OFFSET}")
_EVENING = "20:15"


def parse_duration(text: str) -> int:
    """Return ms for ``90s``, ``10m``, ``2h``, ``1d`` or a sum like ``1h30m``.

    Raises:
        OperatorError: it is not written like that.
    """
    if not _DURATION.fullmatch(text):
        meant = [f"{text}s", f"{text}m"] if re.fullmatch("[0-9]{1,9}", text) else []
        unit = f"; did you mean {' or '.join(meant)}?" if meant else ""
        raise OperatorError(
            f"{text!r} is not a duration: write it like 90s, 10m, 2h or 1h30m{unit}",
            examples=["90s", "10m", "2h", "1h30m", *meant],
        )
    return sum(int(number) * _UNITS_MS[unit] for number, unit in re.findall(r"([0-9]+)([smhd])", text))


def parse_moment(text: str, now_ms: int) -> int:
    """Return epoch ms for ``+10m`` (from now) or ISO 8601 with an offset, ``2026-11-28T20:15+01:00``.

    Raises:
        OperatorError: it is neither, or it lies before 1970 or after 2099. Each example in the text is accepted.
    """
    moment_ms = now_ms + _parse_ahead(text) if text.startswith("+") else _parse_iso(text, now_ms)
    if not 0 <= moment_ms < END_OF_TIME_MS:
        words, examples = _examples(now_ms)
        raise OperatorError(f"{text!r} lies outside the years 1970 to 2099: write {words}", examples=examples)
    return moment_ms


def _parse_ahead(text: str) -> int:
    try:
        return parse_duration(text[1:])
    except OperatorError as error:
        raise OperatorError(
            f"{text!r} is not a time from now: write it like +90s, +10m, +2h or +1h30m",
            examples=["+90s", "+10m", "+2h", "+1h30m"],
        ) from error


def _parse_iso(text: str, now_ms: int) -> int:
    parsed = _read(text)
    if parsed is not None:
        return parsed
    # Likely mistakes get their own message. Each proposed text is parsed before it is printed.
    for missing, candidate in (
        ("time of day", f"{text}T{_EVENING}{_local_offset(text, now_ms)}"),
        ("offset from UTC", f"{text}{_local_offset(text, now_ms)}"),
    ):
        if _in_range(candidate):
            raise OperatorError(f"{text!r} has no {missing}: write {candidate}", examples=[candidate])
    words, examples = _examples(now_ms)
    raise OperatorError(f"{text!r} is not a time: write {words}", examples=examples)


def _read(text: str) -> int | None:
    if not _MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # there is no 30 February
        return None
    # Not timestamp(): it fails near the ends of the calendar.
    return round((moment.replace(tzinfo=None) - datetime(1970, 1, 1)) / timedelta(milliseconds=1)) - round(  # noqa: DTZ001
        (moment.utcoffset() or timedelta()) / timedelta(milliseconds=1)
    )


def _in_range(text: str) -> bool:
    parsed = _read(text)
    return parsed is not None and 0 <= parsed < END_OF_TIME_MS


def _examples(now_ms: int) -> tuple[str, list[str]]:
    """Return a text with both ways to write a time, and its examples."""
    tomorrow = (_local(now_ms) + timedelta(days=1)).replace(hour=20, minute=15, second=0, microsecond=0)
    example = f"{tomorrow:%Y-%m-%dT%H:%M%:z}"
    return f"{example}, or +10m for ten minutes from now", [example, "+10m"]


def _local_offset(text: str, now_ms: int) -> str:
    """Return the terminal's offset at the date that the text begins with; today's if it begins with none."""
    try:
        day = datetime.fromisoformat(text[:10]).astimezone()
    except (ValueError, OverflowError, OSError):
        day = _local(now_ms)
    return f"{day:%:z}"[:6]  # zones of the nineteenth century have offsets with seconds


def _local(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).astimezone()


def show_moment(epoch_ms: int) -> str:
    """Return a time in the terminal's zone, to the second and with its offset: ``2026-11-28 20:15:00+01:00``."""
    try:
        return f"{_local(epoch_ms):%Y-%m-%d %H:%M:%S%:z}"
    except (ValueError, OverflowError, OSError):  # a row of an older release may hold any number
        return f"{epoch_ms} ms"


def iso_utc(epoch_ms: int) -> str:
    """Return a time for machines, in UTC to the millisecond: ``2026-11-28T19:15:00.000Z``."""
    try:
        moment = datetime.fromtimestamp(epoch_ms // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{epoch_ms} ms"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03}Z"


def relative(epoch_ms: int, now_ms: int) -> str:
    """Return a time's distance from now: ``in 12 min``, ``2 h 5 min ago``, ``now``."""
    seconds = round(abs(epoch_ms - now_ms) / 1000)
    if seconds == 0:
        return "now"
    return f"in {duration(seconds)}" if epoch_ms > now_ms else f"{duration(seconds)} ago"


def duration(seconds: int) -> str:
    """Return a duration in its two largest units: ``3 d 4 h``, ``12 min``, ``59 s``."""
    parts: list[str] = []
    left = seconds
    for unit, name in _UNIT_NAMES.items():
        size = _UNITS_MS[unit] // 1000
        if left >= size or parts:
            parts.append(f"{left // size} {name}" if left >= size else "")
            left %= size
        if len(parts) == 2:  # two units are exact enough for people
            break
    return " ".join(part for part in parts if part) or "0 s"
