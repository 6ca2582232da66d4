import json
from base64 import b64encode
from collections import Counter
from typing import Any, cast

import numpy as np
import pytest

from localcloud.parts import POLL_INTERVAL_SECONDS
from votectl.settings.deployment import DeploymentSettings, StreamMode, StreamSettings
from votectl.errors import OperatorError
from votectl.sizing.errors import InvalidInput
from votectl.sizing.event import event
from votectl.sizing import rehearsal
from votectl.sizing.rehearsal import LoggedWork, SentVotes
from voting.metrics import Metric
from voting.polls import Option, Poll
from voting.records import read_vote, records_in
from world.kinesis import StreamRecord, event_of


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"peak": 1e4, "duration": 60}, id="votes"),
        pytest.param({"peak": 1, "duration": 700}, id="time"),
    ],
)
def test_too_large_an_event_is_refused(told: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="at most 100,000 votes in 600 s"):
        rehearsal.check(event(**told))


def test_too_small_an_event_is_refused() -> None:
    rehearsal.check(event(peak=10, duration=10))
    with pytest.raises(InvalidInput, match="needs at least 100 votes, not 99"):
        rehearsal.check(event(peak=9.9, duration=10))


def test_votes_of_others_end_a_rehearsal() -> None:
    sent = SentVotes(rows=90, seconds=1.0, put=[(0.0, 100)])
    alone, others = (LoggedWork(counts=Counter({Metric.VOTES_ACCEPTED: votes})) for votes in (100, 101))
    rehearsal.check_alone(sent, alone, alone)
    with pytest.raises(OperatorError, match="accepted 101 votes, and 100 were sent: others vote"):
        rehearsal.check_alone(sent, alone, others)


def test_the_local_clouds_time_between_invocations_is_a_range() -> None:
    # One slow invocation does not widen the range.
    least, most = rehearsal.emulated([0.02, 0.03, 0.04, 0.05, 3.0])
    assert (least.mapping_overhead_seconds, most.mapping_overhead_seconds) == (0.03, 0.05)
    assert least.mapping_poll_interval_seconds == most.mapping_poll_interval_seconds == POLL_INTERVAL_SECONDS


class ResizedStream:
    """Has three open shards."""

    def describe_stream_summary(self, **_: str) -> dict[str, Any]:
        return {"StreamDescriptionSummary": {"OpenShardCount": 3}}


def test_a_stream_with_other_shards_than_its_settings_is_refused() -> None:
    client = cast(Any, ResizedStream())
    rehearsal.check_shards(client, "stream", DeploymentSettings(stream=StreamSettings(shard_count=3)))
    rehearsal.check_shards(
        client, "stream", DeploymentSettings(stream=StreamSettings(mode=StreamMode.ON_DEMAND))
    )
    with pytest.raises(InvalidInput, match="the settings say 2, and the stream has 3 open shards"):
        rehearsal.check_shards(client, "stream", DeploymentSettings(stream=StreamSettings(shard_count=2)))


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
    with pytest.raises(OperatorError, match="rehearse a lower rate"):
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


def line(**counts: int) -> str:
    return json.dumps(
        {"_aws": {}, "service": "vote_writer"} | {name: [value] for name, value in counts.items()}
    )


def test_work_is_what_a_log_says() -> None:
    work = LoggedWork()
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
    assert (work.batches, work.invocations) == (2, 2)
    assert work.seconds == pytest.approx(0.3)
    assert (work.counts[Metric.VOTES_ACCEPTED], work.counts[Metric.STATEMENTS_ANSWERED]) == (6, 8)
