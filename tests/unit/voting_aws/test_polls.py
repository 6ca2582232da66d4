from collections.abc import Iterable

import pytest

from voting.errors import InvalidPoll, StoreRefused, StoreUnavailable
from voting.polls import Poll
from voting_aws import polls
from voting_aws.polls import PollTable
from world.containers import POLLS, TABLES
from world.dynamodb import FakeDynamoDB
from world.faults import Fault, script
from world.model import PollRow


@pytest.fixture
def database() -> FakeDynamoDB:
    database = FakeDynamoDB(TABLES)
    for poll_id in ("poll-1", "poll-2", "poll-3"):
        row = PollRow(poll_id, ("choice-a", "choice-b"), announced_at=1, opens_at=2, closes_at=3)
        database.client().put_item(TableName=POLLS, Item=row.as_item())
    return database


def load(database: FakeDynamoDB, poll_ids: Iterable[str], *faults: Fault) -> dict[str, Poll | None]:
    return dict(PollTable(database.client(script(*faults)), POLLS).load(list(poll_ids)))


def test_polls_are_read_with_everything_that_the_rules_need(database: FakeDynamoDB) -> None:
    poll = load(database, ["poll-1"])["poll-1"]
    assert poll is not None
    assert poll.option_ids == {"choice-a", "choice-b"}
    assert (poll.announced_at, poll.opens_at, poll.closes_at, poll.bucket_count) == (1, 2, 3, 4)


def test_a_missing_poll_is_returned_as_none(database: FakeDynamoDB) -> None:
    assert load(database, ["poll-9"]) == {"poll-9": None}


@pytest.mark.parametrize("keys_per_call", [1, 2, 100])
def test_any_number_of_polls_is_read(
    keys_per_call: int, database: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polls, "KEYS_PER_CALL", keys_per_call)
    found = load(database, ["poll-3", "poll-9", "poll-1", "poll-2", "poll-8"])
    assert {poll_id for poll_id, poll in found.items() if poll} == {"poll-1", "poll-2", "poll-3"}
    assert found["poll-8"] is found["poll-9"] is None


@pytest.mark.parametrize(
    "fault", [Fault.CALL_THROTTLED, Fault.CALL_FAILS, Fault.UNREACHABLE, Fault.RESPONSE_LOST]
)
def test_a_transient_error_asks_for_a_retry(fault: Fault, database: FakeDynamoDB) -> None:
    with pytest.raises(StoreUnavailable, match="polls can't be read"):
        load(database, ["poll-1"], fault)


def test_a_permanent_error_is_raised_with_its_code(database: FakeDynamoDB) -> None:
    with pytest.raises(StoreRefused, match="polls can't be read: AccessDeniedException"):
        load(database, ["poll-1"], Fault.PERMISSION_LOST)


def test_a_throttled_poll_is_never_taken_for_an_unknown_one(database: FakeDynamoDB) -> None:
    """It is the error that ends the look-up; what the table did answer is given before."""
    found = PollTable(database.client(script(Fault.THROTTLES_FIRST)), POLLS).load(
        ["poll-1", "poll-2", "poll-9"]
    )
    given: list[tuple[str, Poll | None]] = []
    with pytest.raises(StoreUnavailable, match="throttles"):
        given.extend(found)
    assert [(poll_id, poll is not None) for poll_id, poll in given] == [("poll-2", True), ("poll-9", False)]


def test_an_invalid_poll_row_is_named(database: FakeDynamoDB) -> None:
    del database.tables[POLLS].rows["poll-2",]["closes_at"]
    with pytest.raises(InvalidPoll, match=r"row 'poll-2' of polls is not a valid poll: [\s\S]*closes_at"):
        load(database, ["poll-1", "poll-2"])
