import pytest

from vote_aggregator.folding import Addition
from vote_aggregator.store import LiveRowTable
from voting.errors import StoreRefused, StoreUnavailable
from voting.records import version_of
from world.containers import TABLES, TALLIES
from world.dynamodb import FakeDynamoDB
from world.faults import Fault, script

SHARD = "shardId-000000000000"


def v(number: int) -> str:
    return version_of(str(number))


def addition(*numbers: int) -> Addition:
    records = {v(number): (f"option#choice-{'ab'[number % 2]}", 1_000 + number) for number in numbers}
    return Addition("poll-1", SHARD, records)


@pytest.fixture
def database() -> FakeDynamoDB:
    return FakeDynamoDB(TABLES)


def add(database: FakeDynamoDB, what: Addition, seen: str | None = None, *faults: Fault) -> str | None:
    return LiveRowTable(database.client(script(*faults)), TALLIES).add(what, seen)


@pytest.mark.parametrize(
    ("fault", "rows"),
    [
        pytest.param(Fault.CALL_THROTTLED, 0, id="throttled"),
        pytest.param(Fault.THROTTLES_ALL, 0, id="out-of-capacity"),
        pytest.param(Fault.CALL_FAILS, 0, id="failed"),
        pytest.param(Fault.UNREACHABLE, 0, id="unreachable"),
        pytest.param(Fault.RESPONSE_LOST, 1, id="answer-lost"),
    ],
)
def test_a_transient_error_asks_for_a_retry(fault: Fault, rows: int, database: FakeDynamoDB) -> None:
    with pytest.raises(StoreUnavailable, match="tallies can't be written"):
        add(database, addition(1), None, fault)
    assert len(database.rows(TALLIES)) == rows


def test_a_lost_answer_is_not_counted_twice(database: FakeDynamoDB) -> None:
    with pytest.raises(StoreUnavailable):
        add(database, addition(1, 2), None, Fault.RESPONSE_LOST)
    assert add(database, addition(1, 2)) == v(2)
    assert database.rows(TALLIES)[0]["received"] == {"N": "2"}


def test_a_permanent_error_is_raised_with_its_code_only(database: FakeDynamoDB) -> None:
    with pytest.raises(StoreRefused, match=r"^tallies can't be written: AccessDeniedException$") as caught:
        add(database, addition(1), None, Fault.PERMISSION_LOST)
    assert caught.value.__suppress_context__
