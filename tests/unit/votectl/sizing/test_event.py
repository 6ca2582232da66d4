import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from votectl.sizing.event import VotingEvent, event
from votectl.sizing.inputs import InvalidInput, RateShape, amount, seconds, spoken


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("20000", 20_000), ("20k", 20_000), ("1.5M", 1.5e6), ("1B", 1e9), ("1e9", 1e9), ("1_000", 1_000)),
        *(("1,000", 1_000), ("1,500,000", 1.5e6), ("1,500.5k", 1_500_500)),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, value: float) -> None:
    assert amount(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("90s", 90), ("10m", 600), ("1h30m", 5_400), (" 2d ", 172_800), ("0s", 0)],
)
def test_durations_are_read_as_people_write_them(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "many", "20kk", "1 000 000", "k", "1__0", "1_", "1,00,000", "0,5x"])
def test_other_amounts_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a number"):
        amount(text)


@pytest.mark.parametrize(
    ("text", "message"), [("1,5M", "write 1.5M for a fraction, or 15M"), ("12,34", "write 12.34")]
)
def test_a_decimal_comma_is_refused_with_both_readings(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        amount(text)


@given(st.from_regex(r"[0-9.,_kMB]{0,8}", fullmatch=True))
def test_every_example_in_an_error_is_accepted(text: str) -> None:
    message = ""
    try:
        assert amount(text) >= 0
    except InvalidInput as error:
        message = str(error)
    for example in re.findall(r"(?<![\w.])[0-9.][0-9.,a-zA-Z]*[0-9a-zA-Z]", message.partition("; write ")[2]):
        assert amount(example) >= 0
    assert not message or "write " in message


@pytest.mark.parametrize(("value", "text"), [(9.31, "9.31 s"), (600, "10 min"), (86_400, "24 h")])
def test_durations_are_shown_in_a_fitting_unit(value: float, text: str) -> None:
    assert spoken(value) == text


@pytest.mark.parametrize("shape", list(RateShape))
def test_votes_sent_are_the_area_under_the_rate(shape: RateShape) -> None:
    told = event(peak=100, duration=1_000, shape=shape)
    times = np.linspace(0, 1_000, 200_001)
    area = np.concatenate(
        [[0], np.cumsum((told.rate(times)[1:] + told.rate(times)[:-1]) / 2 * np.diff(times))]
    )
    assert np.allclose(told.sent(times), area, rtol=1e-4, atol=0.1)
    assert told.sent(np.array([1_000.0]))[0] == pytest.approx(told.votes)


def test_nothing_comes_outside_the_event() -> None:
    told = event(peak=100, duration=10)
    assert list(told.rate(np.array([-1.0, 11.0]))) == [0, 0]
    assert list(told.sent(np.array([-1.0, 99.0]))) == [0, 1_000]


@pytest.mark.parametrize(
    "known",
    [
        pytest.param({"votes": 1_000, "peak": 100}, id="duration-follows"),
        pytest.param({"votes": 1_000, "duration": 10}, id="peak-follows"),
        pytest.param({"peak": 100, "duration": 10}, id="votes-follow"),
        pytest.param({"votes": 1_005, "peak": 100, "duration": 10}, id="all-three-agree"),
    ],
)
def test_two_of_votes_peak_and_duration_are_enough(known: dict[str, float]) -> None:
    told = event(**known)
    assert (told.votes, told.peak, told.duration) == pytest.approx((1_000, 100, 10))


def test_a_changed_mind_is_an_additional_vote() -> None:
    told = event(votes=1_000, peak=100, changed_minds=0.2)
    assert told.figures["voters"].value == pytest.approx(800)
    assert told.repeats == 0.2


def test_votes_beyond_the_polls_repeat() -> None:
    assert event(votes=1_000, peak=100, votes_per_voter=10, polls=2).repeats == pytest.approx(0.8)
    assert event(votes=1_000, peak=100, votes_per_voter=2, polls=2).repeats == 0


def test_a_batch_request_carries_many_votes() -> None:
    told = event(votes=1_000, peak=100, batch_share=0.5, votes_per_request=500)
    assert told.figures["requests_per_vote"].value == pytest.approx(0.501)


def test_the_busiest_poll_takes_its_share() -> None:
    assert event(votes=1, peak=1, polls=3, busiest_poll_share=0.5).poll_shares == (0.5, 0.25, 0.25)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        pytest.param({"votes": -1, "peak": 1}, "votes: -1 is not positive", id="negative"),
        pytest.param({"votes": 1, "peak": 0}, "peak: 0 is not positive", id="zero"),
        pytest.param({"votes": float("nan"), "peak": 1}, "votes: nan is not positive", id="nan"),
        pytest.param({"votes": float("inf"), "peak": 1}, "duration", id="infinite"),
        pytest.param({"peak": 1}, "two of votes, peak", id="too-little"),
        pytest.param(
            {"votes": 5, "peak": 10, "duration": 10}, "contradict a peak of 10", id="three-disagree"
        ),
        pytest.param({"peak": 1e9, "duration": 60}, "more than there are people", id="absurd-rate"),
        pytest.param({"peak": 1, "duration": 1e9}, "longer than 30 days", id="absurd-duration"),
        pytest.param({"peak": 1, "duration": 1, "polls": 0}, "polls", id="no-polls"),
        pytest.param({"peak": 1, "duration": 1, "options": 1}, "options", id="one-option"),
        pytest.param({"peak": 1, "duration": 1, "hot_voter_share": 1.1}, "hot_voter_share", id="over-all"),
        pytest.param(
            {"peak": 1, "duration": 1, "votes_per_voter": 1, "changed_minds": 0.1},
            "changed_minds: 0.1 contradicts votes_per_voter 1",
            id="changes-without-votes",
        ),
        pytest.param(
            {"peak": 1, "duration": 1, "votes_per_voter": 9, "changed_minds": 0.1},
            "between 0.889 and 0.889",
            id="votes-without-changes",
        ),
        pytest.param(
            {"peak": 1, "duration": 1, "polls": 2, "busiest_poll_share": 0.4}, "at least 1/2", id="busiest"
        ),
        pytest.param({"peak": 1, "duration": 1, "viewer_time": 2}, "longer than the event", id="viewers"),
        pytest.param({"peak": 1, "duration": 1, "shape": ((0, 1), (0.5, 1))}, "from 0 to 1", id="half-shape"),
        pytest.param(
            {"peak": 1, "duration": 1, "shape": ((0, 0), (1, 0.5))}, "one of them is 1", id="no-peak"
        ),
        pytest.param({"peak": 1, "duration": 1, "voters": 3}, "voters", id="unknown-field"),
    ],
)
def test_impossible_events_are_refused(told: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(message)):
        event(**told)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidInput, match=r"polls.*viewers"):
        event(peak=1, duration=1, polls=0, viewers=-1)


def test_an_event_is_data() -> None:
    told = event(peak=1, duration=1, shape=((0, 0.5), (1, 1)))
    assert VotingEvent.model_validate_json(told.model_dump_json()) == told
