import json
from base64 import b64encode
from typing import Any, cast

import pytest

from sizing import rehearsal
from sizing.demand import event
from sizing.errors import Nonsense
from sizing.rehearsal import RehearsalFailed, Work
from voting.metrics import Metric
from voting.polls import Option, Poll
from voting.records import read_vote, records_in
from world.kinesis import StreamRecord, event_of


def line(**counts: int) -> str:
    return json.dumps(
        {"_aws": {}, "service": "vote_writer"} | {name: [value] for name, value in counts.items()}
    )


def test_votes_come_as_the_event_says() -> None:
    told = event(peak=200, duration=60, polls=2, busiest_poll_share=0.75, changed_minds=0.2)
    ticks = list(rehearsal.ballots(told, seed=3))
    votes = [ballot for tick in ticks for ballot in tick]
    assert len(ticks) == 600
    assert len(votes) == pytest.approx(12_000, rel=0.04)
    assert len({(vote.poll, vote.voter) for vote in votes}) / len(votes) == pytest.approx(0.8, rel=0.03)
    assert sum(vote.poll == 0 for vote in votes) / len(votes) == pytest.approx(0.75, rel=0.03)
    assert {vote.option for vote in votes} == {0, 1}


def test_one_seed_is_one_rehearsal() -> None:
    told = event(peak=50, duration=5)
    assert (
        list(rehearsal.ballots(told, 1))
        == list(rehearsal.ballots(told, 1))
        != list(rehearsal.ballots(told, 2))
    )


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"peak": 1e4, "duration": 60}, id="votes"),
        pytest.param({"peak": 1, "duration": 700}, id="time"),
    ],
)
def test_what_is_too_large_is_no_rehearsal(told: dict[str, float]) -> None:
    with pytest.raises(Nonsense, match="at most 100,000 votes in 600 s"):
        rehearsal.check(event(**told))


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


def test_what_is_put_are_votes_that_the_functions_read(poll: Poll) -> None:
    client = FakeKinesis()
    ticks = list(rehearsal.ballots(event(peak=700, duration=0.2), seed=1))
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
        rehearsal.send(cast(Any, FakeKinesis(refuses=1)), "stream", [poll], [[rehearsal.Ballot(0, 0, "a")]])


def test_work_is_what_a_log_says() -> None:
    work = Work()
    for message in (
        "START RequestId: x Version: $LATEST\n",
        line(RecordsReceived=5, VotesAccepted=4, StatementsAnswered=6),
        "REPORT RequestId: x\tDuration: 250.00 ms\tBilled Duration: 251 ms\n",
        line(RecordsReceived=0, MarkersPassed=1),  # closing markers alone
        '{"level": "INFO", "message": "something else"}',
        line(RecordsReceived=2, VotesAccepted=2, StatementsAnswered=2),
        "REPORT RequestId: y\tDuration: 50.00 ms\n",
    ):
        work.add(message)
    assert work.batches == 2
    assert work.seconds == pytest.approx(0.3)
    assert (work.counts[Metric.VOTES_ACCEPTED], work.counts[Metric.STATEMENTS_ANSWERED]) == (6, 8)


def test_the_local_clouds_reads_are_taken_into_account() -> None:
    quick, slow = rehearsal.emulated(0.0, 0.02), rehearsal.emulated(1.0, 0.02)
    assert quick.mapping_overhead_seconds == pytest.approx(0.02 + 0.25 / 2)  # half an interval
    assert slow.mapping_overhead_seconds == pytest.approx(0.02)  # it has read meanwhile
