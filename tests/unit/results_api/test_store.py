"""The exact requests to DynamoDB: all are strongly consistent, and none reads a choice."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from results_api.store import TallyTable, VoteTable
from unit.results_api.conftest import a_final, a_poll
from voting.errors import InvalidFinal, StoreRefused, StoreUnavailable
from voting.polls import bucket_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SHARD_ROWS = [
    {"total": {"N": "3"}, "received": {"N": "4"}, "last_arrival": {"N": "7"}, "option#a": {"N": "3"},
     "rejected#closed": {"N": "1"}, "entry": {"S": "live#1"}},
    {"received": {"N": "2"}, "last_arrival": {"N": "5"}, "rejected#closed": {"N": "2"}, "entry": {"S": "live#2"}},
]  # fmt: skip


@pytest.fixture
def client(request: pytest.FixtureRequest) -> "DynamoDBClient":
    request.getfixturevalue("fake_credentials")
    return boto3.client("dynamodb")


@pytest.fixture
def stub(client: "DynamoDBClient") -> Iterator[Stubber]:
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def entries_query(prefix: str, **more: Any) -> dict[str, Any]:
    return {
        "TableName": "tallies",
        "KeyConditionExpression": "poll_id = :poll AND begins_with(entry, :prefix)",
        "ExpressionAttributeValues": {":poll": {"S": "poll-1"}, ":prefix": {"S": prefix}},
        "ConsistentRead": True,
        **more,
    }


FINAL_REQUEST = {
    "TableName": "tallies",
    "Key": {"poll_id": {"S": "poll-1"}, "entry": {"S": "final"}},
    "ConsistentRead": True,
}


def test_the_final_is_read_by_its_key(client: "DynamoDBClient", stub: Stubber) -> None:
    tallies = TallyTable(client, "tallies")
    stub.add_response("get_item", {}, FINAL_REQUEST)
    assert tallies.final("poll-1") is None
    stub.add_response("get_item", {"Item": a_final().to_row()}, FINAL_REQUEST)
    assert tallies.final("poll-1") == a_final()


def test_a_final_that_was_changed_is_not_shown(client: "DynamoDBClient", stub: Stubber) -> None:
    row = a_final().to_row() | {"digest": {"S": "0" * 64}}
    stub.add_response("get_item", {"Item": row}, FINAL_REQUEST)
    with pytest.raises(InvalidFinal):
        TallyTable(client, "tallies").final("poll-1")


def test_one_drain_row_shows_that_a_poll_is_draining(client: "DynamoDBClient", stub: Stubber) -> None:
    tallies = TallyTable(client, "tallies")
    request = entries_query("drain#", Limit=1)
    stub.add_response("query", {"Items": [{"entry": {"S": "drain#vote_writer#1"}}]}, request)
    assert tallies.is_draining("poll-1")
    stub.add_response("query", {"Items": []}, request)
    assert not tallies.is_draining("poll-1")


def test_live_rows_are_summed_over_all_pages(client: "DynamoDBClient", stub: Stubber) -> None:
    next_page = {"poll_id": {"S": "poll-1"}, "entry": {"S": "live#1"}}
    stub.add_response(
        "query", {"Items": SHARD_ROWS[:1], "LastEvaluatedKey": next_page}, entries_query("live")
    )
    stub.add_response("query", {"Items": SHARD_ROWS[1:]}, entries_query("live", ExclusiveStartKey=next_page))
    counts, unique = TallyTable(client, "tallies").live(a_poll())
    assert unique is None
    assert (counts.received, counts.total, counts.options, counts.rejected, counts.as_of) == (
        6,
        3,
        {"a": 3},
        {"closed": 3},
        7,
    )


def test_unique_and_live_rows_are_read_together_and_distinguished(
    client: "DynamoDBClient", stub: Stubber
) -> None:
    counted = [
        {
            "entry": {"S": f"live_unique#000{bucket}"},
            "started_at": {"N": str(9 - bucket)},
            "option#a": {"N": "1"},
        }
        for bucket in range(2)
    ]
    stub.add_response("query", {"Items": [*SHARD_ROWS, *counted]}, entries_query("live"))
    live, unique = TallyTable(client, "tallies").live(a_poll(bucket_count=2))
    assert live.total == 3
    assert unique == ({"a": 2}, 8)


def test_a_stored_votes_version_is_read_without_its_choice(client: "DynamoDBClient", stub: Stubber) -> None:
    votes, poll = VoteTable(client, "votes"), a_poll()
    request = {
        "TableName": "votes",
        "Key": {
            "poll_bucket": {"S": f"poll-1#{bucket_of('voter-1', poll.bucket_count)}"},
            "voter": {"S": "voter-1"},
        },
        "ConsistentRead": True,
        "ProjectionExpression": "#version",
        "ExpressionAttributeNames": {"#version": "version"},
    }
    stub.add_response("get_item", {"Item": {"version": {"S": "0042"}}}, request)
    assert votes.version(poll, "voter-1") == "0042"
    stub.add_response("get_item", {}, request)
    assert votes.version(poll, "voter-1") is None


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ProvisionedThroughputExceededException", 400, StoreUnavailable),
        ("InternalServerError", 500, StoreUnavailable),
        ("AccessDeniedException", 400, StoreRefused),
    ],
)
def test_an_error_is_logged_by_its_code_alone(
    code: str, status: int, error: type[Exception], client: "DynamoDBClient", stub: Stubber
) -> None:
    tallies = TallyTable(client, "tallies")
    for method, call in (
        ("get_item", lambda: tallies.final("poll-1")),
        ("query", lambda: tallies.live(a_poll())),
    ):
        stub.add_client_error(method, code, "quotes voter-1", status)
        with pytest.raises(error, match=f"^tallies can't be read: {code}$"):
            call()
