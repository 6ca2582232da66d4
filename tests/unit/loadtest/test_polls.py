"""Senders' estimate of the cloud's time."""

import pytest

from loadtest.polls import cloud_ahead_ms


@pytest.mark.parametrize(
    ("date", "ahead_ms"),
    [
        pytest.param("Wed, 13 Jan 2027 08:00:00 GMT", 0, id="as-here"),
        pytest.param("Wed, 13 Jan 2027 08:01:00 GMT", 60_000, id="a-minute-ahead"),
        pytest.param("Wed, 13 Jan 2027 07:59:58 GMT", -2_000, id="behind"),
        pytest.param(None, 0, id="not-told"),
    ],
)
def test_the_date_header_gives_the_clocks_difference(date: str | None, ahead_ms: float) -> None:
    eight = 1_799_827_200_000
    assert cloud_ahead_ms(date, eight + 450, eight + 550) == pytest.approx(ahead_ms, abs=500)
