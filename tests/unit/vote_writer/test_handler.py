"""The whole vote writer on the simulated tables, without faults, which tests/properties covers."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

import vote_writer.handler
from samples import VARIABLES
from vote_writer.handler import lambda_handler, runtime
from voting.errors import InvalidPoll, StoreRefused
from voting.metrics import REJECTED, Metric
from voting.rules import Reason
from voting_aws.clients import SLOWEST_CALL_MS
from world.clock import Clock
from world.containers import POLLS, TABLES, VOTES, WriterContainer
from world.dynamodb import FakeDynamoDB
from world.events import kinesis_event, raw_event
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
    row = PollRow("poll-1", ("choice-a", "choice-b"), 0, clock.now_ms - 1, clock.now_ms + 60_000)
    database.client().put_item(TableName=POLLS, Item=row.as_item())
    return database


@pytest.fixture
def container(database: FakeDynamoDB, clock: Clock) -> WriterContainer:
    return WriterContainer(database, clock.skewed(0))


def handle(container: WriterContainer, event: dict[str, Any], *faults: Fault, time_ms: int = 10_000) -> Any:
    used: list[float] = []
    return container.handle(event, script(*faults), lambda: round(time_ms - sum(used)), used.append)


def stored(database: FakeDynamoDB) -> dict[str, str]:
    return {row["voter"]["S"]: row["option"]["S"] for row in database.rows(VOTES)}


def test_one_vote_per_voter_is_stored(container: WriterContainer, database: FakeDynamoDB) -> None:
    event = kinesis_event(
        [
            ("voter-1", "poll-1", "choice-a"),
            ("voter-2", "poll-1", "choice-b"),
            ("voter-1", "poll-1", "choice-b"),
        ]
    )
    assert handle(container, event) == {"batchItemFailures": []}
    assert stored(database) == {"voter-1": "choice-b", "voter-2": "choice-b"}


def test_poison_of_every_shape_is_skipped_among_votes(
    container: WriterContainer, database: FakeDynamoDB
) -> None:
    event = kinesis_event([("voter-1", "poll-1", "choice-a")], records=SHAPES.values())
    assert handle(container, event) == {"batchItemFailures": []}
    assert stored(database) == {"voter-1": "choice-a"}
    assert container.telemetry.total(REJECTED[Reason.MALFORMED]) == len(SHAPES)


def test_the_counts_of_a_batch_add_up(container: WriterContainer) -> None:
    handle(container, kinesis_event([("voter-9", "poll-1", "choice-a")], first=1))
    container.telemetry.counts.clear()
    event = kinesis_event(
        [
            ("voter-1", "poll-1", "choice-a"),
            ("voter-1", "poll-1", "choice-b"),
            ("voter-2", "poll-1", "choice-z"),
            ("voter-2", "poll-9", "choice-a"),
            ("voter-9", "poll-1", "choice-b"),
        ]
    )
    handle(container, event)
    (counts,) = container.telemetry.counts
    assert {metric: number for metric, number in counts.items() if number} == {
        Metric.RECORDS_RECEIVED: 5,
        Metric.VOTES_ACCEPTED: 3,
        Metric.RECORDS_REJECTED: 2,
        REJECTED[Reason.UNKNOWN_OPTION]: 1,
        REJECTED[Reason.UNKNOWN_POLL]: 1,
        Metric.VOTES_FOLDED: 1,
        Metric.VOTES_STORED: 1,
        Metric.VOTES_CHANGED: 1,
        Metric.STATEMENTS_ANSWERED: 2,
    }


def test_the_batch_is_retried_from_the_first_record_not_stored_in_time(
    container: WriterContainer, database: FakeDynamoDB
) -> None:
    event = kinesis_event([(f"voter-{n}", "poll-1", "choice-a") for n in (1, 2, 3)])
    answer = handle(container, event, Fault.NONE, *[Fault.THROTTLES_ALL_BUT_FIRST] * 50, time_ms=100)
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(USUAL_FIRST_NUMBER + 2)}]}
    assert stored(database) == {"voter-1": "choice-a", "voter-2": "choice-a"}
    assert container.telemetry.total(Metric.VOTES_UNWRITTEN) == 1
    assert container.telemetry.total(Metric.RECORDS_REPORTED_FAILED) == 1


def test_a_retry_includes_the_voters_earlier_vote_of_the_batch(container: WriterContainer) -> None:
    event = kinesis_event(
        [
            ("voter-1", "poll-1", "choice-a"),
            ("voter-2", "poll-1", "choice-a"),
            ("voter-1", "poll-1", "choice-b"),
        ]
    )
    answer = handle(container, event, Fault.NONE, *[Fault.THROTTLES_FIRST] * 50, time_ms=100)
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(USUAL_FIRST_NUMBER)}]}


@pytest.mark.parametrize("fault", [Fault.CALL_THROTTLED, Fault.THROTTLES_ALL, Fault.UNREACHABLE])
def test_without_polls_the_whole_batch_is_retried(
    fault: Fault, container: WriterContainer, database: FakeDynamoDB
) -> None:
    answer = handle(container, kinesis_event([("voter-1", "poll-1", "choice-a")] * 2), fault)
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(USUAL_FIRST_NUMBER)}]}
    assert stored(database) == {}


def test_a_lost_permission_is_raised_and_the_batch_retried(container: WriterContainer) -> None:
    event = kinesis_event([("voter-1", "poll-1", "choice-a")])
    with pytest.raises(StoreRefused):
        handle(container, event, Fault.NONE, Fault.PERMISSION_LOST)
    assert handle(container, event) == {"batchItemFailures": []}


def test_an_invalid_poll_row_stops_its_votes_until_it_is_repaired(
    container: WriterContainer, database: FakeDynamoDB
) -> None:
    row = database.tables[POLLS].rows["poll-1",]
    title = row.pop("title")
    with pytest.raises(InvalidPoll):
        handle(container, kinesis_event([("voter-1", "poll-1", "choice-a")]))
    row["title"] = title
    handle(container, kinesis_event([("voter-1", "poll-1", "choice-a")]))
    assert stored(database) == {"voter-1": "choice-a"}


def test_redriven_batches_are_stored_by_the_same_code(
    container: WriterContainer, database: FakeDynamoDB
) -> None:
    arrival = 1_545_084_650_987
    row = PollRow("best-dish", ("soup", "salad"), 0, arrival, arrival + 100_000)
    database.client().put_item(TableName=POLLS, Item=row.as_item())
    event = json.loads(raw_event("failure_destination_object")["payload"])
    assert handle(container, event) == {"batchItemFailures": []}
    assert sorted(stored(database).values()) == ["salad", "soup"]


# The entry point


@pytest.fixture
def entry_point(monkeypatch: pytest.MonkeyPatch, database: FakeDynamoDB) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(vote_writer.handler, "dynamodb_client", lambda **_limits: database.client())
    runtime.cache_clear()


@pytest.mark.usefixtures("entry_point")
def test_the_entry_point_keeps_its_runtime_from_one_invocation_to_the_next(
    database: FakeDynamoDB, capsys: pytest.CaptureFixture[str]
) -> None:
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: SLOWEST_CALL_MS + 1)
    event = kinesis_event([(f"voter-{n}", "poll-1", "choice-a") for n in range(60)])
    assert lambda_handler(event, context) == {"batchItemFailures": []}
    units = database.tables[VOTES].write_units
    assert lambda_handler(event, context) == {"batchItemFailures": []}
    assert len(stored(database)) == 60
    assert database.tables[VOTES].write_units == units == 60
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["RecordsReceived"] for line in lines] == [[60.0], [60.0]]
    assert [line["VotesAlreadyStored"] for line in lines] == [[0.0], [60.0]]


@pytest.mark.usefixtures("entry_point")
def test_no_call_is_started_that_might_outlive_the_function(
    database: FakeDynamoDB, capsys: pytest.CaptureFixture[str]
) -> None:
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: SLOWEST_CALL_MS)
    answer = lambda_handler(kinesis_event([("voter-1", "poll-1", "choice-a")]), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(USUAL_FIRST_NUMBER)}]}
    assert stored(database) == {}
    assert "1 votes could not be stored in time" in capsys.readouterr().out


@pytest.mark.usefixtures("entry_point")
def test_the_batch_is_retried_from_the_first_vote_paced_past_the_deadline(
    database: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOTESTREAM_MAX_WRITES_PER_SECOND", "0.5")
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: SLOWEST_CALL_MS + 5_000)
    event = kinesis_event([(f"voter-{n}", "poll-1", "choice-a") for n in range(60)])

    answer = lambda_handler(event, context)

    # One call of 25; the next one is due in 50 s, and the writer does not wait for it.
    assert answer == {
        "batchItemFailures": [{"itemIdentifier": event["Records"][25]["kinesis"]["sequenceNumber"]}]
    }
    assert len(stored(database)) == database.tables[VOTES].write_units == 25


@pytest.mark.usefixtures("entry_point")
def test_waiting_for_a_throttled_table_is_real(
    monkeypatch: pytest.MonkeyPatch, database: FakeDynamoDB
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("vote_writer.handler.time.sleep", slept.append)
    client = database.client(script(Fault.NONE, Fault.THROTTLES_ALL))
    monkeypatch.setattr(vote_writer.handler, "dynamodb_client", lambda **_limits: client)
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: SLOWEST_CALL_MS + 1_000)
    assert lambda_handler(kinesis_event([("voter-1", "poll-1", "choice-a")]), context) == {
        "batchItemFailures": []
    }
    (pause,) = slept
    assert 0.025 <= pause <= 0.05
