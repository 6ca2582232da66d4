import pytest

import vote_aggregator.handler
import vote_writer.handler
from voting.metrics import REJECTED, Metric, Sums, balanced, judged_counts
from voting.rules import Judged, Reason, Rejected
from world.kinesis import StreamRecord
from world.model import PollRow, expected
from world.poison import vote_body


def test_each_rejection_reason_has_its_own_metric() -> None:
    assert REJECTED[Reason.NOT_OPEN_YET] == "RejectedNotOpenYet"
    assert set(REJECTED) == set(Reason)
    assert len({*REJECTED.values(), *Metric}) == len(Reason) + len(Metric)


def test_the_hostile_worlds_model_has_each_rejection_reason() -> None:
    poll = PollRow("p", ("a",), announced_at=10, opens_at=20, closes_at=30)
    sent = [("p", "a", 10), ("p", "a", 30), ("p", "b", 20), ("q", "a", 20)]
    records = [
        StreamRecord("shard", str(number), "voter", vote_body(poll_id, option), arrived_at)
        for number, (poll_id, option, arrived_at) in enumerate(sent)
    ]
    malformed = StreamRecord("shard", "9", "voter", "no vote", 20)

    rows = expected([*records, malformed], [poll]).live.values()

    assert {reason for row in rows for reason in row.rejected} == set(Reason)


def test_rejections_are_counted_by_reason_with_0_for_the_others() -> None:
    rejected = [Rejected("1", 0, None, Reason.MALFORMED), Rejected("2", 0, None, Reason.MALFORMED)]
    assert judged_counts(2, Judged([], rejected)) == {
        **dict.fromkeys(REJECTED.values(), 0),
        REJECTED[Reason.MALFORMED]: 2,
        Metric.RECORDS_RECEIVED: 2,
        Metric.VOTES_ACCEPTED: 0,
        Metric.RECORDS_REJECTED: 2,
    }


@pytest.mark.parametrize(
    "sums", [vote_writer.handler.SUMS, vote_aggregator.handler.SUMS], ids=["writer", "aggregator"]
)
def test_a_record_without_an_outcome_is_unaccounted(sums: Sums) -> None:
    names = {name for whole, parts in sums for name in (whole, *parts)}
    nothing = dict.fromkeys(names, 0)
    assert balanced(nothing, sums)[Metric.RECORDS_UNACCOUNTED] == 0
    for name in names:
        assert balanced(nothing | {name: 3}, sums)[Metric.RECORDS_UNACCOUNTED] >= 3, name
