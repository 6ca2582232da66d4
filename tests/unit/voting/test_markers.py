"""A closing marker is passed when, and only when, everything before it in its batch is in the tables."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from vote_writer.writing import FIRST_BACKOFF_MS
from voting.errors import StoreRefused, StoreUnavailable
from voting.markers import VOTE_AGGREGATOR, VOTE_WRITER, PassedMarkers, marker_ids, pass_markers
from voting.metrics import REJECTED, Metric
from voting.records import Marker, MarkerId, Record, read_marker, sequence_of
from voting.rules import Reason
from voting.tallies import PASSED, drain_entry
from world.clock import Clock
from world.containers import POLLS, TABLES, TALLIES, AggregatorContainer, Container, WriterContainer
from world.dynamodb import FakeDynamoDB
from world.events import kinesis_event
from world.faults import Fault, script
from world.kinesis import USUAL_FIRST_NUMBER, base64_of
from world.model import PollRow
from world.poison import vote_body

SHARD = "shardId-000000000000"
VOTE = ("voter-1", vote_body("poll-1", "choice-a"))
OTHER_VOTE = ("voter-2", vote_body("poll-1", "choice-b"))


def marker(number: int, poll_id: str = "poll-1") -> tuple[str, str]:
    """Return the partition key and the data of a marker."""
    data = json.dumps({"marker": f"tally-{number}", "poll_id": poll_id})
    return f"marker-{number}", base64_of(data.encode())


@pytest.fixture
def database() -> FakeDynamoDB:
    database, clock = FakeDynamoDB(TABLES), Clock()
    for poll_id in ("poll-1", "poll-2"):
        row = PollRow(poll_id, ("choice-a", "choice-b"), 0, clock.now_ms - 1, clock.now_ms + 60_000)
        database.client().put_item(TableName=POLLS, Item=row.as_item())
        for consumer in (VOTE_WRITER, VOTE_AGGREGATOR):
            expected = {"poll_id": {"S": poll_id}, "entry": {"S": drain_entry(consumer, SHARD)}}
            database.client().put_item(TableName=TALLIES, Item=expected)
    return database


@pytest.fixture(params=[VOTE_WRITER, VOTE_AGGREGATOR])
def consumer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def container(consumer: str, database: FakeDynamoDB) -> Container:
    kind = {VOTE_WRITER: WriterContainer, VOTE_AGGREGATOR: AggregatorContainer}[consumer]
    container: Container = kind(database, Clock().skewed(0))
    return container


def handle(container: Container, event: dict[str, Any], *faults: Fault, time_ms: int = 10_000) -> list[int]:
    """Return the positions in the batch from which it is retried: none, or one."""
    used: list[float] = []
    answer = container.handle(event, script(*faults), lambda: round(time_ms - sum(used)), used.append)
    return [int(failure["itemIdentifier"]) - USUAL_FIRST_NUMBER for failure in answer["batchItemFailures"]]


def passed(database: FakeDynamoDB, consumer: str, poll_id: str = "poll-1") -> list[str]:
    for row in database.rows(TALLIES):
        if (row["poll_id"]["S"], row["entry"]["S"]) == (poll_id, drain_entry(consumer, SHARD)):
            return list(row.get(PASSED, {"SS": []})["SS"])
    raise AssertionError("nobody has made that row")


def test_a_repeated_marker_is_passed_once(
    container: Container, consumer: str, database: FakeDynamoDB
) -> None:
    event = kinesis_event(records=[VOTE, marker(1), OTHER_VOTE, marker(2)])
    for _ in range(2):
        assert handle(container, event) == []
        assert passed(database, consumer) == ["tally-1", "tally-2"]


def test_a_batch_of_markers_alone_needs_no_vote(
    container: Container, consumer: str, database: FakeDynamoDB
) -> None:
    assert handle(container, kinesis_event(records=[marker(1), marker(2, "poll-2")])) == []
    assert passed(database, consumer) == ["tally-1"]
    assert passed(database, consumer, "poll-2") == ["tally-2"]


def test_markers_are_not_counted(container: Container, database: FakeDynamoDB) -> None:
    handle(container, kinesis_event(records=[VOTE, marker(1)]))
    telemetry = container.telemetry
    assert telemetry.total(Metric.RECORDS_RECEIVED) == telemetry.total(Metric.VOTES_ACCEPTED) == 1
    assert telemetry.total(REJECTED[Reason.MALFORMED]) == 0
    assert (telemetry.total(Metric.MARKERS_PASSED), telemetry.total(Metric.MARKERS_IGNORED)) == (1, 0)
    live = [row for row in database.rows(TALLIES) if row["entry"]["S"].startswith("live#")]
    assert [row["received"]["N"] for row in live] in ([], ["1"])


def test_an_unexpected_marker_is_ignored_and_creates_no_row(
    container: Container, database: FakeDynamoDB
) -> None:
    before = database.rows(TALLIES)
    assert handle(container, kinesis_event(records=[marker(1, "no-such-poll")])) == []
    assert database.rows(TALLIES) == before
    assert container.telemetry.total(Metric.MARKERS_IGNORED) == 1


def test_no_marker_after_an_unwritten_vote_is_passed(
    container: Container, consumer: str, database: FakeDynamoDB
) -> None:
    """The table takes the first vote and not the second: of three markers, one is before that."""
    event = kinesis_event([("voter-1", "poll-1", "choice-a")])
    assert handle(container, event) == []
    event = kinesis_event(records=[marker(1), OTHER_VOTE, marker(2), marker(3)], first=USUAL_FIRST_NUMBER + 1)
    assert handle(container, event, Fault.CALL_THROTTLED, time_ms=FIRST_BACKOFF_MS) == [2]
    assert passed(database, consumer) == ["tally-1"]
    assert handle(container, event) == []
    assert passed(database, consumer) == ["tally-1", "tally-2", "tally-3"]


def test_a_folded_vote_also_delays_the_marker(database: FakeDynamoDB) -> None:
    container = WriterContainer(database, Clock().skewed(0))
    late = ("voter-1", vote_body("poll-1", "choice-b"))
    event = kinesis_event(records=[VOTE, marker(1), late])
    handle(container, kinesis_event([("voter-9", "poll-1", "choice-a")], first=1))  # knows the poll now
    assert handle(container, event, Fault.CALL_THROTTLED, time_ms=FIRST_BACKOFF_MS) == [0]
    assert passed(database, VOTE_WRITER) == []


@pytest.mark.parametrize(
    "fault", [Fault.CALL_THROTTLED, Fault.CALL_FAILS, Fault.UNREACHABLE, Fault.RESPONSE_LOST]
)
def test_a_marker_that_could_not_be_recorded_is_retried(
    fault: Fault, container: Container, consumer: str, database: FakeDynamoDB
) -> None:
    handle(container, kinesis_event([("voter-9", "poll-1", "choice-a")], first=1))  # knows the poll now
    event = kinesis_event(records=[VOTE, OTHER_VOTE, marker(1)])
    assert handle(container, event, Fault.NONE, fault) == [2]
    assert handle(container, event) == []
    assert passed(database, consumer) == ["tally-1"]


def test_a_permanently_refused_marker_is_an_error(container: Container) -> None:
    with pytest.raises(StoreRefused, match="AccessDenied"):
        handle(container, kinesis_event(records=[marker(1)]), Fault.PERMISSION_LOST)


class Rows:
    """Drain rows that fail for some polls."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.noted: dict[str, Sequence[str]] = {}

    def passed(self, poll_id: str, shard: str, ids: Sequence[str]) -> bool:
        assert shard == SHARD
        if poll_id in self.failing:
            raise StoreUnavailable("throttled")
        self.noted[poll_id] = ids
        return True


def at(version: int, poll_id: str = "poll-1") -> Marker:
    return Marker(poll_id, f"m-{version}", f"{version:056}")


def test_the_batch_is_retried_from_the_first_failed_marker() -> None:
    rows = Rows("poll-2", "poll-3")
    markers = [at(1), at(2, "poll-3"), at(3, "poll-2"), at(4, "poll-3"), at(5)]
    done = pass_markers(markers, None, SHARD, rows, lambda: 1)
    assert rows.noted == {"poll-1": ["m-1", "m-5"]}
    assert (done.passed, done.retry_from, done.cause) == (2, f"{2:056}", "throttled")


def test_without_time_no_marker_is_passed() -> None:
    rows = Rows()
    done = pass_markers([at(1)], None, SHARD, rows, lambda: 0)
    assert (done.passed, done.retry_from) == (0, f"{1:056}")
    assert rows.noted == {}


def test_a_batch_without_markers_makes_no_call() -> None:
    assert pass_markers([], None, SHARD, Rows(), lambda: 0) == PassedMarkers()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"marker": "m", "poll_id": "p", "option": "a"}', id="and-a-choice"),
        pytest.param(b'{"marker": "", "poll_id": "p"}', id="empty"),
        pytest.param(b'{"marker": 1, "poll_id": "p"}', id="number"),
        pytest.param(b'{"marker": "m", "poll_id": "P"}', id="no-poll"),
        pytest.param(b'{"marker": "m"}', id="nobodys"),
        pytest.param(b'["m", "p"]', id="list"),
        pytest.param(b"\xff", id="no-text"),
    ],
)
def test_an_almost_valid_marker_is_not_a_marker(data: bytes) -> None:
    assert read_marker(Record("1", "key", base64_of(data), 0)) is None


def test_a_marker_is_read_with_its_position() -> None:
    key, data = marker(7, "poll-2")
    found = read_marker(Record("123", key, data, 0))
    assert found == Marker("poll-2", "tally-7", "123".zfill(56))
    assert found is not None
    assert sequence_of(found.version) == "123"


def test_the_ids_of_a_tallys_markers_are_marker_ids() -> None:
    kind: Any = MarkerId
    (constraints,) = kind.__metadata__
    ids = marker_ids("0123456789ab", 240)
    assert len(set(ids)) == 240
    assert all(re.fullmatch(constraints.pattern, marker_id) for marker_id in ids)
