"""The whole vote aggregator on the simulated tables, without faults, which tests/properties covers."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

import vote_aggregator.handler
from samples import VARIABLES
from vote_aggregator.handler import lambda_handler, runtime
from voting.errors import StoreRefused
from voting.metrics import REJECTED, Metric
from voting.rules import Reason
from voting_aws.clients import SLOWEST_CALL_MS
from world.clock import Clock
from world.containers import POLLS, TABLES, TALLIES, AggregatorContainer
from world.dynamodb import FakeDynamoDB
from world.events import kinesis_event
from world.faults import Fault, script
from world.kinesis import USUAL_FIRST_NUMBER
from world.model import PollRow
from world.poison import SHAPES


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(clock: Clock) -> FakeDynamoDB:
    database = FakeDynamoDB(TABLES)
    for poll_id in ("poll-1", "poll-2"):
        row = PollRow(poll_id, ("choice-a", "choice-b"), 0, clock.now_ms - 1, clock.now_ms + 60_000)
        database.client().put_item(TableName=POLLS, Item=row.as_item())
    return database


@pytest.fixture
def container(database: FakeDynamoDB, clock: Clock) -> AggregatorContainer:
    return AggregatorContainer(database, clock.skewed(0))


def handle(container: AggregatorContainer, event: dict[str, Any], *faults: Fault) -> Any:
    return container.handle(event, script(*faults), lambda: 10_000, lambda _duration: None)


def received(database: FakeDynamoDB) -> dict[str, int]:
    return {row["poll_id"]["S"]: int(row["received"]["N"]) for row in database.rows(TALLIES)}


def test_every_record_is_counted_even_a_voters_second_vote(
    container: AggregatorContainer, database: FakeDynamoDB
) -> None:
    event = kinesis_event([("voter-1", "poll-1", "choice-a"), ("voter-1", "poll-1", "choice-b")])
    assert handle(container, event) == {"batchItemFailures": []}
    (row,) = database.rows(TALLIES)
    assert (row["total"], row["option#choice-a"], row["option#choice-b"]) == (
        {"N": "2"},
        {"N": "1"},
        {"N": "1"},
    )


def test_poison_of_every_shape_is_counted_and_skipped(
    container: AggregatorContainer, database: FakeDynamoDB
) -> None:
    event = kinesis_event([("voter-1", "poll-1", "choice-a")], records=SHAPES.values())
    assert handle(container, event) == {"batchItemFailures": []}
    unattributed, poll = database.rows(TALLIES)
    assert unattributed["rejected#malformed"] == unattributed["received"] == {"N": str(len(SHAPES))}
    assert poll["received"] == {"N": "1"}


def test_each_shard_has_a_row_of_its_own(container: AggregatorContainer, database: FakeDynamoDB) -> None:
    for shard_id in ("shardId-000000000000", "shardId-000000000001"):
        handle(container, kinesis_event([("voter-1", "poll-1", "choice-a")], shard_id=shard_id))
    assert [row["entry"]["S"] for row in database.rows(TALLIES)] == [
        "live#shardId-000000000000",
        "live#shardId-000000000001",
    ]


def test_the_counts_of_a_batch_add_up(container: AggregatorContainer) -> None:
    votes = [
        ("voter-1", "poll-1", "choice-a"),
        ("voter-1", "poll-1", "choice-z"),
        ("voter-1", "poll-9", "choice-a"),
    ]
    handle(container, kinesis_event(votes[:1]))
    container.telemetry.counts.clear()
    handle(container, kinesis_event(votes))
    (counts,) = container.telemetry.counts
    assert {metric: number for metric, number in counts.items() if number} == {
        Metric.RECORDS_RECEIVED: 3,
        Metric.VOTES_ACCEPTED: 1,
        Metric.RECORDS_REJECTED: 2,
        REJECTED[Reason.UNKNOWN_OPTION]: 1,
        REJECTED[Reason.UNKNOWN_POLL]: 1,
        Metric.RECORDS_COUNTED: 2,
        Metric.RECORDS_ALREADY_COUNTED: 1,
        Metric.LIVE_ROWS_WRITTEN: 2,
    }


def test_the_counts_of_a_batch_add_up_when_part_of_it_is_retried(container: AggregatorContainer) -> None:
    """An alarm watches this sum: records that a row already contains stay counted, even if the row fails."""
    votes = [
        ("voter-1", "poll-1", "choice-a"),
        ("voter-1", "poll-2", "choice-a"),
        ("voter-2", "poll-2", "choice-a"),
    ]
    handle(container, kinesis_event(votes[:2]))
    container.telemetry.counts.clear()
    # poll-1 refuses the batch, because it has the one record; poll-2 returns its row, and then fails.
    handle(container, kinesis_event(votes), Fault.NONE, Fault.NONE, Fault.CALL_THROTTLED)
    counts = container.telemetry.counts[0]
    assert counts[Metric.RECORDS_RECEIVED] == 3
    assert counts[Metric.RECORDS_ALREADY_COUNTED] == 2
    assert counts[Metric.RECORDS_UNCOUNTED] == 1
    assert counts[Metric.RECORDS_COUNTED] == 0


def test_the_batch_is_retried_from_the_first_record_of_the_failed_row(
    container: AggregatorContainer, database: FakeDynamoDB
) -> None:
    votes = [
        ("voter-1", "poll-1", "choice-a"),
        ("voter-1", "poll-2", "choice-a"),
        ("voter-1", "poll-1", "choice-a"),
    ]
    answer = handle(container, kinesis_event(votes), Fault.NONE, Fault.NONE, Fault.CALL_THROTTLED)
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(USUAL_FIRST_NUMBER + 1)}]}
    assert received(database) == {"poll-1": 2}
    assert "tallies can't be written: ThrottlingException" in container.telemetry.warnings[0]
    again = kinesis_event(votes[1:], first=USUAL_FIRST_NUMBER + 1)
    assert handle(container, again) == {"batchItemFailures": []}
    assert received(database) == {"poll-1": 2, "poll-2": 1}


def test_without_polls_the_whole_batch_is_retried(
    container: AggregatorContainer, database: FakeDynamoDB
) -> None:
    answer = handle(container, kinesis_event([("voter-1", "poll-1", "choice-a")] * 2), Fault.CALL_THROTTLED)
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(USUAL_FIRST_NUMBER)}]}
    assert database.rows(TALLIES) == []


def test_a_lost_permission_is_raised_and_the_batch_retried(
    container: AggregatorContainer, database: FakeDynamoDB
) -> None:
    event = kinesis_event([("voter-1", "poll-1", "choice-a")])
    with pytest.raises(StoreRefused):
        handle(container, event, Fault.NONE, Fault.PERMISSION_LOST)
    handle(container, event)
    assert received(database) == {"poll-1": 1}


# The entry point


@pytest.fixture
def entry_point(monkeypatch: pytest.MonkeyPatch, database: FakeDynamoDB) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(vote_aggregator.handler, "dynamodb_client", database.client)
    runtime.cache_clear()


@pytest.mark.usefixtures("entry_point")
def test_the_entry_point_keeps_its_runtime_from_one_invocation_to_the_next(
    database: FakeDynamoDB, capsys: pytest.CaptureFixture[str]
) -> None:
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: SLOWEST_CALL_MS + 1)
    event = kinesis_event([("voter-1", "poll-1", "choice-a")])
    first = runtime()
    for _ in range(2):
        assert lambda_handler(event, context) == {"batchItemFailures": []}
    assert runtime() is first
    assert received(database) == {"poll-1": 1}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["RecordsCounted"], line["RecordsAlreadyCounted"]) for line in lines] == [
        ([1.0], [0.0]),
        ([0.0], [1.0]),
    ]


@pytest.mark.usefixtures("entry_point")
def test_no_call_is_started_that_might_outlive_the_function(
    database: FakeDynamoDB, capsys: pytest.CaptureFixture[str]
) -> None:
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: SLOWEST_CALL_MS)
    answer = lambda_handler(kinesis_event([("voter-1", "poll-1", "choice-a")]), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(USUAL_FIRST_NUMBER)}]}
    assert database.rows(TALLIES) == []
    assert "the invocation's time is up" in capsys.readouterr().out
