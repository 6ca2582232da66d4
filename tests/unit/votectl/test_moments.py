import pytest

from votectl.errors import OperatorError
from votectl.moments import parse_duration, parse_moment, show_moment

NOW = 1_795_000_000_000


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        pytest.param("90s", 90_000, id="seconds"),
        pytest.param("10m", 600_000, id="minutes"),
        pytest.param("1h30m", 5_400_000, id="a-sum"),
        pytest.param("1d", 86_400_000, id="days"),
    ],
)
def test_durations_are_read(text: str, expected_ms: int) -> None:
    assert parse_duration(text) == expected_ms


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "-10m", "10m later", "1.5h"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(OperatorError, match="90s, 10m"):
        parse_duration(text)


def test_moments_are_relative_or_carry_their_offset() -> None:
    assert parse_moment("+10m", NOW) == NOW + 600_000
    assert parse_moment("2026-11-28T20:15:00+01:00", NOW) == parse_moment("2026-11-28T19:15:00Z", NOW)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        pytest.param("tomorrow", "is no time", id="words"),
        pytest.param("2026-11-28T20:15", "no time zone", id="no-offset"),
        pytest.param("+soon", "is no duration", id="no-duration"),
    ],
)
def test_unclear_moments_are_refused(text: str, advice: str) -> None:
    with pytest.raises(OperatorError, match=advice):
        parse_moment(text, NOW)


def test_moments_are_shown_in_utc() -> None:
    assert show_moment(parse_moment("2026-11-28T20:15:00+01:00", NOW)) == "2026-11-28 19:15:00Z"
