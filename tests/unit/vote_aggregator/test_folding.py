from samples import a_poll
from vote_aggregator.folding import Addition, fold
from voting.records import Vote, version_of
from voting.rules import Accepted, Judged, Reason, Rejected

SHARD = "shardId-000000000007"

POLL = a_poll()


def v(number: int) -> str:
    return version_of(str(number))


def accepted(number: int, option: str = "choice-a", poll_id: str = "poll-1") -> Accepted:
    return Accepted(Vote(poll_id, "voter-1", option, 1_000 + number, v(number)), POLL)


def rejected(number: int, reason: Reason, poll_id: str | None = None) -> Rejected:
    return Rejected(v(number), 1_000 + number, poll_id, reason)


def test_a_poll_has_one_addition_with_a_number_per_option_and_reason() -> None:
    judged = Judged(
        [accepted(1), accepted(2, "choice-b"), accepted(4)], [rejected(3, Reason.CLOSED, "poll-1")]
    )
    (addition,) = fold(judged, SHARD)
    assert (addition.poll_id, addition.shard) == ("poll-1", SHARD)
    assert dict(addition.counts()) == {
        "received": 4,
        "total": 3,
        "option#choice-a": 2,
        "option#choice-b": 1,
        "rejected#closed": 1,
    }


def test_an_addition_of_rejections_adds_no_total() -> None:
    (addition,) = fold(Judged([], [rejected(1, Reason.CLOSED, "poll-1")]), SHARD)
    assert dict(addition.counts()) == {"received": 1, "rejected#closed": 1}


def test_records_without_a_poll_are_counted_under_an_impossible_poll_id() -> None:
    judged = Judged([], [rejected(1, Reason.MALFORMED), rejected(2, Reason.UNKNOWN_POLL)])
    (addition,) = fold(judged, SHARD)
    assert addition.poll_id == "_unattributed"
    assert dict(addition.counts()) == {"received": 2, "rejected#malformed": 1, "rejected#unknown_poll": 1}


def test_additions_are_ordered_by_their_first_record() -> None:
    judged = Judged(
        [accepted(3, poll_id="poll-a"), accepted(2, poll_id="poll-b"), accepted(9, poll_id="poll-b")],
        [rejected(1, Reason.MALFORMED)],
    )
    assert [addition.poll_id for addition in fold(judged, SHARD)] == ["_unattributed", "poll-b", "poll-a"]


def test_an_addition_has_its_first_and_last_version() -> None:
    addition = Addition("poll-1", SHARD, {v(9): ("x", 7), v(10): ("x", 5)})
    assert (addition.first_version, addition.last_version, addition.last_arrival) == (v(9), v(10), 7)


def test_the_rest_contains_the_records_after_a_version() -> None:
    records = {v(number): ("x", number) for number in (9, 10, 11)}
    rest = Addition("poll-1", SHARD, records).after(v(9))
    assert (rest.poll_id, rest.shard, list(rest.records)) == ("poll-1", SHARD, [v(10), v(11)])
    assert Addition("poll-1", SHARD, records).after(v(11)).records == {}
