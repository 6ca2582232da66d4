from base64 import b64encode
from typing import Any, cast

import numpy as np
import pytest

from votectl.sizing.errors import RehearsalFailed
from votectl.sizing.event import event
from votectl.sizing.evidence import rehearsal
from votectl.sizing.evidence.rehearsal import SentVotes
from voting.polls import Option, Poll
from voting.records import read_vote, records_in
from world.kinesis import StreamRecord, event_of


def test_votes_come_as_the_event_says() -> None:
    told = event(peak=200, duration=60, polls=2, busiest_poll_share=0.75, changed_minds=0.2)
    ticks = list(rehearsal.random_votes(told, seed=3))
    votes = [ballot for tick in ticks for ballot in tick]
    assert len(ticks) == 600
    assert len(votes) == pytest.approx(12_000, rel=0.04)
    assert len({(vote.poll, vote.voter) for vote in votes}) / len(votes) == pytest.approx(0.8, rel=0.03)
    assert sum(vote.poll == 0 for vote in votes) / len(votes) == pytest.approx(0.75, rel=0.03)
    assert {vote.option for vote in votes} == {0, 1}


def test_one_seed_is_one_rehearsal() -> None:
    told = event(peak=50, duration=5)
    assert (
        list(rehearsal.random_votes(told, 1))
        == list(rehearsal.random_votes(told, 1))
        != list(rehearsal.random_votes(told, 2))
    )


class FakeKinesis:
    """Takes records, or refuses one of them."""

    def __init__(self, refuses: int = 0) -> None:
        self.records: list[dict[str, Any]] = []
        self._refuses = refuses

    def put_records(self, **request: Any) -> dict[str, Any]:
        assert len(request["Records"]) <= 500
        self.records += request["Records"]
        return {"FailedRecordCount": self._refuses}


@pytest.fixture
def poll() -> Poll:
    return Poll(
        poll_id="rehearsal-1-0",
        title="A rehearsal",
        options=(Option(id="option-0", label="0"), Option(id="option-1", label="1")),
        announced_at=0,
        opens_at=0,
        closes_at=10,
        bucket_count=64,
    )


def test_records_that_are_put_are_votes_for_the_functions(poll: Poll) -> None:
    client = FakeKinesis()
    ticks = list(rehearsal.random_votes(event(peak=700, duration=0.2), seed=1))
    sent = rehearsal.send(cast(Any, client), "stream", [poll], ticks)
    assert sent.votes == sent.rows == len(client.records) > 0
    data = [b64encode(record["Data"]).decode() for record in client.records]
    records = [
        StreamRecord("shardId-000000000000", str(10**50 + number), record["PartitionKey"], text, 5)
        for number, (record, text) in enumerate(zip(client.records, data, strict=True))
    ]
    votes = [read_vote(record) for record in records_in(event_of(records))]
    assert {vote.poll_id for vote in votes} == {poll.poll_id}
    assert {vote.option for vote in votes} <= {"option-0", "option-1"}


def test_a_stream_that_refuses_ends_the_rehearsal(poll: Poll) -> None:
    with pytest.raises(RehearsalFailed, match="rehearse a lower rate"):
        rehearsal.send(
            cast(Any, FakeKinesis(refuses=1)), "stream", [poll], [[rehearsal.PlannedVote(0, 0, "a")]]
        )


def test_a_burst_of_a_busy_machine_is_simulated_as_a_burst() -> None:
    asked = event(peak=40, duration=20, votes_per_voter=1.25, name="asked")
    stalled = [(float(second), 40) for second in range(20) if not 5 <= second < 8]
    sent = SentVotes(rows=600, seconds=20.0, put=[*stalled, (8.2, 120)])
    told = rehearsal.as_sent(asked, sent)
    assert told.votes == pytest.approx(sent.votes, rel=1e-3)
    came = np.diff(told.sent(np.arange(21.0)))
    assert came == pytest.approx([40] * 5 + [0] * 3 + [160] + [40] * 11, abs=0.01)
    assert told.repeats == pytest.approx(1 - 600 / 800)
    assert told.name == "asked"
