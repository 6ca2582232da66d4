"""One suite for the fake and for an independent implementation: the fake behaves like DynamoDB.

Where MiniStack is known to be more lenient than AWS (an item written twice in one call), the fake
follows AWS, and tests/unit holds it to that.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.conftest import Store
from tally.store import TallyRowTable
from vote_aggregator.folding import Addition
from vote_aggregator.store import LiveRowTable
from vote_writer.folding import Ballot
from vote_writer.store import BallotTable
from vote_writer.writing import Statement, WriteOperation, WriteOutcome
from voting.errors import StoreUnavailable
from voting.records import version_of
from voting.tallies import HELD_LANES, HOLDERS
from voting_aws import clients
from voting_aws.polls import PollTable
from world.model import PollRow

SHARD = "shardId-000000000000"


def v(number: int) -> str:
    return version_of(str(number))


def ballot(
    voter: str = "voter-1", version: int = 5, option: str = "choice-a", expires_at: int | None = None
) -> Ballot:
    return Ballot("poll-1#0", voter, option, v(version), 1_700_000_000_000 + version, expires_at, v(version))


def insert(*arguments: Any, **fields: Any) -> Statement:
    return Statement(WriteOperation.INSERT, ballot(*arguments, **fields))


def update(*arguments: Any, **fields: Any) -> Statement:
    return Statement(WriteOperation.UPDATE, ballot(*arguments, **fields))


def requests(store: Store, statements: Sequence[Statement]) -> list[Any]:
    """Return the statements that the vote writer sends."""
    return [BallotTable(store.client, store.votes)._request(statement) for statement in statements]


def execute(store: Store, *statements: Statement) -> list[WriteOutcome]:
    return BallotTable(store.client, store.votes).execute(statements)


def rows_of(store: Store, table: str, key: str, value: str) -> list[Any]:
    answer = store.client.query(
        TableName=table,
        KeyConditionExpression=f"{key} = :value",
        ExpressionAttributeValues={":value": {"S": value}},
        ConsistentRead=True,
    )
    return list(answer["Items"])


def votes(store: Store) -> list[Any]:
    return rows_of(store, store.votes, "poll_bucket", "poll-1#0")


def answers(store: Store, *statements: Statement) -> list[tuple[str | None, Any]]:
    """Return a store's answer to each statement: the error's code and the returned row."""
    answer = store.client.batch_execute_statement(Statements=requests(store, statements))
    errors: list[Any] = [response.get("Error", {}) for response in answer["Responses"]]
    return [(error.get("Code"), error.get("Item")) for error in errors]


# Votes


@pytest.mark.parametrize("speaks_json", [True, False], ids=["without-botocores-walk", "as-botocore-sends"])
def test_both_ways_to_send_a_batch_leave_the_same_rows(
    speaks_json: bool, tables_in_ministack: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not speaks_json:
        monkeypatch.setattr(clients, "_speaks_json", lambda _: False)
    store = tables_in_ministack._replace(client=clients.dynamodb_client())
    assert execute(store, insert("a", expires_at=9), insert("b", option="ü")) == [WriteOutcome.WRITTEN] * 2
    assert execute(store, update("a", version=6, option="other"), insert("b")) == [
        WriteOutcome.WRITTEN,
        WriteOutcome.DUPLICATE,
    ]
    kept = {row["voter"]["S"]: (row["option"]["S"], row["version"]["S"]) for row in votes(store)}
    assert kept == {"a": ("other", v(6)), "b": ("ü", v(5))}
    store.client.close()


@pytest.mark.parametrize("expires_at", [None, 1_702_592_000])
def test_an_insert_creates_a_row(store: Store, expires_at: int | None) -> None:
    assert answers(store, insert(expires_at=expires_at)) == [(None, None)]
    (row,) = votes(store)
    assert row == {
        "poll_bucket": {"S": "poll-1#0"},
        "voter": {"S": "voter-1"},
        "option": {"S": "choice-a"},
        "version": {"S": v(5)},
        "arrived_at": {"N": "1700000000005"},
    } | ({"expires_at": {"N": str(expires_at)}} if expires_at else {})


def test_an_insert_over_a_row_fails_and_changes_nothing(store: Store) -> None:
    execute(store, insert(version=5))
    assert answers(store, insert(version=6, option="choice-b")) == [("DuplicateItem", None)]
    assert votes(store)[0]["version"] == {"S": v(5)}


@pytest.mark.parametrize("expires_at", [None, 1_702_592_000])
def test_an_update_of_an_older_row_changes_it(store: Store, expires_at: int | None) -> None:
    execute(store, insert(version=5, expires_at=expires_at))
    changed = update(version=6, option="choice-b", expires_at=expires_at and expires_at + 1)
    assert answers(store, changed) == [(None, None)]
    (row,) = votes(store)
    assert row["option"] == {"S": "choice-b"}
    assert row["version"] == {"S": v(6)}
    assert row["arrived_at"] == {"N": "1700000000006"}
    assert row.get("expires_at") == ({"N": str(expires_at + 1)} if expires_at else None)


@pytest.mark.parametrize("version", [4, 5])
def test_an_update_of_a_row_that_is_not_older_fails_and_returns_the_unchanged_row(
    store: Store, version: int
) -> None:
    execute(store, insert(version=5))
    (row,) = votes(store)
    assert answers(store, update(version=version, option="choice-b")) == [("ConditionalCheckFailed", row)]
    assert votes(store) == [row]


def test_an_update_of_a_missing_row_fails_and_creates_no_row(store: Store) -> None:
    assert answers(store, update()) == [("ConditionalCheckFailed", None)]
    assert votes(store) == []


def test_statements_of_a_call_succeed_or_fail_independently_in_order(store: Store) -> None:
    execute(store, insert("voter-2", version=5))
    codes = [code for code, _item in answers(store, update("voter-1"), insert("voter-2"), insert("voter-3"))]
    assert codes == ["ConditionalCheckFailed", "DuplicateItem", None]
    assert [row["voter"]["S"] for row in votes(store)] == ["voter-2", "voter-3"]


def test_one_call_accepts_25_statements_at_most(store: Store) -> None:
    assert execute(store, *(insert(f"voter-{n}") for n in range(25))) == [WriteOutcome.WRITTEN] * 25
    too_many = requests(store, [insert(f"voter-{n}") for n in range(26)])
    with pytest.raises(ClientError, match="ValidationException"):
        store.client.batch_execute_statement(Statements=too_many)


def test_a_voter_is_data_and_never_part_of_a_statement(store: Store) -> None:
    """No valid voter needs escaping, and voters are parameters anyway."""
    voter = "a@b.c|+=/-_:\"'; DELETE"
    assert execute(store, insert(voter)) == [WriteOutcome.WRITTEN]
    assert execute(store, update(voter, version=6)) == [WriteOutcome.WRITTEN]
    assert [row["voter"] for row in votes(store)] == [{"S": voter}]


def test_each_statement_that_ran_costs_a_unit_whether_it_succeeded_or_not(store: Store) -> None:
    def units(*statements: Statement) -> float:
        answer = store.client.batch_execute_statement(
            Statements=requests(store, statements), ReturnConsumedCapacity="TOTAL"
        )
        (consumed,) = answer["ConsumedCapacity"]
        assert consumed["TableName"] == store.votes
        return consumed["CapacityUnits"]

    assert units(insert("voter-1"), insert("voter-2")) == 2
    assert units(insert("voter-1")) == 1
    assert units(update("voter-1", version=6)) == 1
    assert units(update("voter-1", version=6), update("voter-9")) == 2


statements = st.builds(
    lambda operation, voter, version, option: Statement(operation, ballot(voter, version, option)),
    st.sampled_from(list(WriteOperation)),
    st.sampled_from(["voter-1", "voter-2", "voter-3"]),
    st.integers(8, 12),
    st.sampled_from(["choice-a", "choice-b"]),
)
calls = st.lists(
    st.lists(statements, min_size=1, max_size=3, unique_by=lambda one: one.ballot.key), max_size=8
)


@given(calls=calls, poll_bucket=st.uuids())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_calls_get_the_same_answers_and_leave_the_same_rows(
    calls: list[list[Statement]], poll_bucket: object, tables_in_the_fake: Store, tables_in_ministack: Store
) -> None:
    """Finds cases that the examples above lack. Every history has its own rows."""
    bucket = f"poll-1#{poll_bucket}"

    def history(store: Store) -> tuple[list[Any], list[Any]]:
        said = []
        for call in calls:
            placed = [one._replace(ballot=one.ballot._replace(poll_bucket=bucket)) for one in call]
            said.append(answers(store, *placed))
        return said, rows_of(store, store.votes, "poll_bucket", bucket)

    assert history(tables_in_the_fake) == history(tables_in_ministack)


# Live rows


def addition(*numbers: int) -> Addition:
    records = {v(number): (f"option#choice-{'ab'[number % 2]}", 1_000 + number) for number in numbers}
    return Addition("poll-1", SHARD, records)


def add(store: Store, what: Addition, seen: str | None = None) -> str | None:
    return LiveRowTable(store.client, store.tallies).add(what, seen)


def live_row(store: Store) -> Any:
    (row,) = rows_of(store, store.tallies, "poll_id", "poll-1")
    return row


def test_a_live_row_is_created_and_added_to(store: Store) -> None:
    assert add(store, addition(9, 10, 11)) is None
    assert add(store, addition(12)) is None
    assert live_row(store) == {
        "poll_id": {"S": "poll-1"},
        "entry": {"S": f"live#{SHARD}"},
        "last_version": {"S": v(12)},
        "last_arrival": {"N": "1012"},
        "received": {"N": "4"},
        "total": {"N": "4"},
        "option#choice-a": {"N": "2"},
        "option#choice-b": {"N": "2"},
    }


@pytest.mark.parametrize("first", [8, 9, 11])
def test_a_newer_live_row_is_returned_unchanged(store: Store, first: int) -> None:
    add(store, addition(9, 10, 11))
    before = live_row(store)
    assert add(store, addition(first, 12)) == v(11)
    assert live_row(store) == before


@pytest.mark.parametrize(("seen", "reached"), [(11, None), (10, 11), (12, 11)])
def test_the_rest_is_added_only_to_an_unchanged_row(store: Store, seen: int, reached: int | None) -> None:
    add(store, addition(9, 10, 11))
    assert add(store, addition(12), seen=v(seen)) == (None if reached is None else v(reached))
    assert live_row(store)["received"] == {"N": "4" if reached is None else "3"}


def test_an_update_of_a_live_row_costs_a_unit(store: Store) -> None:
    answer = store.client.update_item(
        TableName=store.tallies,
        Key={"poll_id": {"S": "poll-1"}, "entry": {"S": "live#x"}},
        UpdateExpression="SET last_version = :version ADD #0 :0",
        ExpressionAttributeNames={"#0": "received"},
        ExpressionAttributeValues={":version": {"S": v(1)}, ":0": {"N": "1"}},
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 1


# The writer's lanes


def test_polls_hold_and_release_the_writers_lanes_in_terraforms_row(store: Store) -> None:
    rows = TallyRowTable(store.client, store.tallies)
    rows.release_lanes("finale")  # before Terraform has made the row, nobody holds any
    with pytest.raises(StoreUnavailable, match="apply Terraform"):
        rows.hold_lanes("finale", 2)

    store.client.put_item(TableName=store.tallies, Item={**HELD_LANES, HOLDERS: {"M": {}}})

    def held() -> dict[str, Any]:
        row = store.client.get_item(TableName=store.tallies, Key=HELD_LANES, ConsistentRead=True)["Item"]
        return dict(row[HOLDERS]["M"])

    for _ in range(2):  # a step may be repeated
        rows.hold_lanes("finale", 2)
        rows.hold_lanes("encore", 4)
    assert held() == {"finale": {"N": "2"}, "encore": {"N": "4"}}
    for _ in range(2):
        rows.release_lanes("finale")
    assert held() == {"encore": {"N": "4"}}


# Polls


def test_loading_returns_polls_and_none_for_unknown_ids(store: Store) -> None:
    for poll_id in ("poll-1", "poll-2"):
        row = PollRow(poll_id, ("choice-a", "choice-b"), announced_at=1, opens_at=2, closes_at=3)
        store.client.put_item(TableName=store.polls, Item=row.as_item())
    found = dict(PollTable(store.client, store.polls).load(["poll-2", "poll-9", "poll-1"]))
    assert {poll_id: poll and poll.closes_at for poll_id, poll in found.items()} == {
        "poll-1": 3,
        "poll-2": 3,
        "poll-9": None,
    }
