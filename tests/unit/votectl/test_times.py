import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from votectl.errors import OperatorError
from votectl.times import iso_utc, parse_duration, parse_moment, relative, show_moment
from voting.polls import END_OF_TIME_MS

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
def test_an_invalid_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(OperatorError, match="90s, 10m"):
        parse_duration(text)


def test_moments_are_relative_or_carry_their_offset() -> None:
    assert parse_moment("+10m", NOW) == NOW + 600_000
    assert parse_moment("2026-11-28T20:15:00+01:00", NOW) == parse_moment("2026-11-28T19:15:00Z", NOW)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        pytest.param("tomorrow", "is not a time", id="words"),
        pytest.param("2026-11-29", "no time of day", id="date-only"),
        pytest.param("2026-11-28T20:15", "no offset", id="no-offset"),
        pytest.param("2027-11-29+01:00", "is not a time", id="date-with-offset"),
        pytest.param("2027-11-29+01:00+00:00", "is not a time", id="offset-as-a-time-of-day"),
        pytest.param("2026-02-30T20:15Z", "is not a time", id="no-such-day"),
        pytest.param("20261128T201500Z", "is not a time", id="basic-format"),
        pytest.param("9999-12-31T23:59:59-05:00", "1970 to 2099", id="after-the-calendar"),
        pytest.param("0001-01-01T00:00:00+05:00", "1970 to 2099", id="before-the-calendar"),
        pytest.param("2100-01-01T00:00:00Z", "1970 to 2099", id="too-late"),
        pytest.param("+9999999d", "1970 to 2099", id="too-far"),
        pytest.param("+soon", "is not a time from now", id="not-a-duration"),
        pytest.param("+\u0967\u0966m", "is not a time from now", id="other-digits"),
    ],
)
def test_unclear_moments_are_refused(text: str, advice: str) -> None:
    with pytest.raises(OperatorError, match=advice):
        parse_moment(text, NOW)


def test_a_space_may_replace_the_t() -> None:
    assert parse_moment("2026-11-28 20:15+01:00", NOW) == parse_moment("2026-11-28T20:15+01:00", NOW)


@given(st.integers(0, END_OF_TIME_MS - 1))
def test_a_displayed_time_can_be_read_back(moment: int) -> None:
    assert parse_moment(show_moment(moment), NOW) == moment // 1000 * 1000
    assert parse_moment(iso_utc(moment), NOW) == moment


@given(st.integers(-(2**63), 2**63))
def test_every_number_can_be_shown_as_a_time(epoch_ms: int) -> None:
    assert show_moment(epoch_ms)
    assert iso_utc(epoch_ms)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        pytest.param("UTC", "2026-11-28 19:15:00+00:00", id="utc"),
        pytest.param("Europe/Berlin", "2026-11-28 20:15:00+01:00", id="berlin"),
        pytest.param("Asia/Kathmandu", "2026-11-29 01:00:00+05:45", id="kathmandu"),
    ],
)
def test_moments_are_shown_in_the_terminals_zone(
    zone: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        assert show_moment(parse_moment("2026-11-28T19:15:00Z", NOW)) == shown
    time.tzset()


@pytest.mark.parametrize(
    ("distance_ms", "said"),
    [
        pytest.param(0, "now", id="now"),
        pytest.param(59_000, "in 59 s", id="seconds"),
        pytest.param(720_000, "in 12 min", id="minutes"),
        pytest.param(-7_500_000, "2 h 5 min ago", id="hours-ago"),
        pytest.param(86_400_000 * 3 + 60_000, "in 3 d", id="days-without-hours"),
    ],
)
def test_a_duration_has_two_units_at_most(distance_ms: int, said: str) -> None:
    assert relative(NOW + distance_ms, NOW) == said
