from collections.abc import Mapping

import pytest

from samples import a_poll
from voting.errors import StoreUnavailable
from voting.polls import Poll
from voting.records import Record, Vote
from voting.rules import Reason, judge, reason_to_reject
from world.poison import vote_body

ANNOUNCED, OPENS, CLOSES = 1_000, 2_000, 3_000

POLL = a_poll(announced_at=ANNOUNCED, opens_at=OPENS, closes_at=CLOSES)


class Polls:
    """Has one poll; records its look-ups."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}

    def polls_for(self, latest_arrivals: Mapping[str, int]) -> Mapping[str, Poll | None]:
        self.asked = dict(latest_arrivals)
        return {poll_id: POLL if poll_id == POLL.poll_id else None for poll_id in latest_arrivals}


def vote(arrived_at: int, option: str = "choice-a") -> Vote:
    return Vote("poll-1", "voter-1", option, arrived_at, "0" * 56)


def record(
    sequence: int, poll_id: str = "poll-1", option: str = "choice-a", arrived_at: int = OPENS
) -> Record:
    return Record(str(sequence), "voter-1", vote_body(poll_id, option), arrived_at)


@pytest.mark.parametrize(
    ("arrived_at", "reason"),
    [
        pytest.param(ANNOUNCED - 1, Reason.UNKNOWN_POLL, id="just-before-the-announcement"),
        pytest.param(ANNOUNCED, Reason.NOT_OPEN_YET, id="at-the-announcement"),
        pytest.param(OPENS - 1, Reason.NOT_OPEN_YET, id="just-before-it-opens"),
        pytest.param(OPENS, None, id="when-it-opens"),
        pytest.param(CLOSES - 1, None, id="just-before-it-closes"),
        pytest.param(CLOSES, Reason.CLOSED, id="when-it-closes"),
    ],
)
def test_only_the_arrival_decides_at_every_edge(arrived_at: int, reason: Reason | None) -> None:
    assert reason_to_reject(vote(arrived_at), POLL) is reason


@pytest.mark.parametrize(
    ("arrived_at", "reason"),
    [
        pytest.param(CLOSES - 11, None, id="before-the-cancellation"),
        pytest.param(CLOSES - 10, Reason.CLOSED, id="at-the-cancellation"),
        pytest.param(CLOSES, Reason.CLOSED, id="at-the-end"),
    ],
)
def test_votes_count_until_a_poll_is_cancelled(arrived_at: int, reason: Reason | None) -> None:
    poll = POLL.model_copy(update={"cancelled_at": CLOSES - 10})
    assert reason_to_reject(vote(arrived_at), poll) is reason


def test_a_vote_for_a_missing_poll_is_rejected_as_unknown_poll() -> None:
    assert reason_to_reject(vote(OPENS), None) is Reason.UNKNOWN_POLL


def test_a_vote_for_an_unknown_option_is_rejected() -> None:
    assert reason_to_reject(vote(OPENS, "choice-z"), POLL) is Reason.UNKNOWN_OPTION


@pytest.mark.parametrize("arrived_at", [ANNOUNCED - 1, ANNOUNCED, CLOSES])
def test_a_vote_at_the_wrong_time_is_rejected_before_its_option_is_checked(arrived_at: int) -> None:
    assert reason_to_reject(vote(arrived_at, "choice-z"), POLL) is not Reason.UNKNOWN_OPTION


def test_every_record_of_a_batch_is_accepted_or_rejected_with_its_version() -> None:
    records = [
        record(1),
        Record("2", "voter-1", "***", OPENS),
        record(3, poll_id="poll-9"),
        record(4, option="choice-z"),
        record(5, arrived_at=CLOSES),
        record(6),
    ]
    judged = judge(records, Polls())
    assert [int(accepted.vote.version) for accepted in judged.accepted] == [1, 6]
    assert [(int(rejected.version), rejected.reason) for rejected in judged.rejected] == [
        (2, Reason.MALFORMED),
        (3, Reason.UNKNOWN_POLL),
        (4, Reason.UNKNOWN_OPTION),
        (5, Reason.CLOSED),
    ]


def test_only_rejections_of_existing_polls_are_counted_by_poll() -> None:
    judged = judge(
        [record(1, poll_id="poll-9"), Record("2", "v", "***", OPENS), record(3, option="x")], Polls()
    )
    assert [rejected.poll_id for rejected in judged.rejected] == [None, None, "poll-1"]


def test_each_poll_is_looked_up_once_per_batch_for_its_latest_vote() -> None:
    polls = Polls()
    judge([record(1, arrived_at=2_100), record(2, arrived_at=2_300), record(3, arrived_at=2_200)], polls)
    assert polls.asked == {"poll-1": 2_300}


def test_a_batch_without_votes_looks_up_no_polls() -> None:
    polls = Polls()
    judge([Record("1", "voter-1", "***", OPENS)], polls)
    assert polls.asked == {}


def test_no_vote_is_judged_if_the_polls_cannot_be_read() -> None:
    class NoPolls:
        def polls_for(self, _latest_arrivals: Mapping[str, int]) -> Mapping[str, Poll | None]:
            raise StoreUnavailable("polls can't be read")

    with pytest.raises(StoreUnavailable):
        judge([record(1)], NoPolls())
