import pytest

from unit.vote_writer.conftest import ballot
from vote_writer.folding import Ballot
from vote_writer.store import BallotTable
from vote_writer.writing import Statement, WriteOperation, WriteOutcome
from voting.errors import StoreRefused
from world.containers import TABLES, VOTES
from world.dynamodb import FakeDynamoDB
from world.faults import Fault, script


@pytest.fixture
def database() -> FakeDynamoDB:
    return FakeDynamoDB(TABLES)


def execute(
    database: FakeDynamoDB, *statements: Statement, faults: tuple[Fault, ...] = ()
) -> list[WriteOutcome]:
    return BallotTable(database.client(script(*faults)), VOTES).execute(statements)


def insert(ballot: Ballot) -> Statement:
    return Statement(WriteOperation.INSERT, ballot)


def update(ballot: Ballot) -> Statement:
    return Statement(WriteOperation.UPDATE, ballot)


@pytest.mark.parametrize(
    ("stored", "shown", "outcome"),
    [
        pytest.param(4, True, WriteOutcome.DUPLICATE, id="older-and-shown"),
        pytest.param(4, False, WriteOutcome.DUPLICATE, id="older-and-not-shown"),
        pytest.param(5, True, WriteOutcome.NOT_OLDER, id="the-same-and-shown"),
        pytest.param(5, False, WriteOutcome.DUPLICATE, id="the-same-and-not-shown"),
        pytest.param(6, True, WriteOutcome.NOT_OLDER, id="newer-and-shown"),
    ],
)
def test_an_insert_over_a_row_needs_an_update_only_if_the_row_may_be_older(
    stored: int, shown: bool, outcome: WriteOutcome, database: FakeDynamoDB
) -> None:
    execute(database, insert(ballot(version=stored)))
    database.shows_row_to_insert = shown
    assert execute(database, insert(ballot(version=5))) == [outcome]


def test_a_failed_update_without_the_row_is_refused(database: FakeDynamoDB) -> None:
    execute(database, insert(ballot(version=6)))
    database.shows_row_to_update = False
    assert execute(database, update(ballot(version=5))) == [WriteOutcome.REFUSED]


def test_statements_of_one_call_fail_each_on_its_own(database: FakeDynamoDB) -> None:
    execute(database, insert(ballot("voter-2", version=5)))
    statements = [insert(ballot("voter-1")), update(ballot("voter-2")), insert(ballot("voter-3"))]
    outcomes = execute(database, *statements, faults=(Fault.THROTTLES_FIRST,))
    assert outcomes == [WriteOutcome.THROTTLED, WriteOutcome.NOT_OLDER, WriteOutcome.WRITTEN]


@pytest.mark.parametrize(
    ("fault", "outcome", "rows"),
    [
        pytest.param(Fault.CALL_THROTTLED, WriteOutcome.THROTTLED, 0, id="throttled"),
        pytest.param(Fault.CALL_FAILS, WriteOutcome.UNAVAILABLE, 0, id="failed"),
        pytest.param(Fault.UNREACHABLE, WriteOutcome.UNAVAILABLE, 0, id="unreachable"),
        pytest.param(Fault.RESPONSE_LOST, WriteOutcome.UNAVAILABLE, 2, id="answer-lost"),
    ],
)
def test_after_a_transient_error_of_a_call_all_its_statements_are_retried(
    fault: Fault, outcome: WriteOutcome, rows: int, database: FakeDynamoDB
) -> None:
    statements = [insert(ballot("voter-1")), insert(ballot("voter-2"))]
    assert execute(database, *statements, faults=(fault,)) == [outcome] * 2
    assert len(database.rows(VOTES)) == rows


def test_a_permanent_error_of_a_statement_is_raised_with_its_code_only(database: FakeDynamoDB) -> None:
    with pytest.raises(StoreRefused, match=r"^INSERT was refused permanently: AccessDenied$"):
        execute(database, insert(ballot()), faults=(Fault.PERMISSION_LOST,))


def test_a_permanent_error_of_a_call_is_raised_with_its_code_only(database: FakeDynamoDB) -> None:
    with pytest.raises(StoreRefused, match=r"^votes can't be written: ValidationException$") as caught:
        execute(database, insert(ballot()), insert(ballot()))
    assert caught.value.__suppress_context__
