"""Unique rows in the tallies table, and the schedule: the only place in the unique counter that knows boto3."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3

from unique_counter.passes import BucketState, Lease
from voting.live import LiveCounts
from voting.tallies import (
    FINAL,
    LEASE,
    LEASE_UNTIL,
    LIVE_PREFIX,
    OPTION_PREFIX,
    STARTED_AT,
    UNIQUE_PREFIX,
    unique_entry,
)
from voting.unique import UniqueCounts, bucket_in, count_in
from voting_aws.clients import attempt, read_entries

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# The conditions of a lease, by the names of their clauses.
NOBODY_HOLDS_IT = f"attribute_not_exists({LEASE_UNTIL})"
IT_HAS_EXPIRED = f"{LEASE_UNTIL} < :now"
IT_IS_MINE = f"{LEASE} = :mine"
NOT_COUNTED_YET = f"attribute_not_exists({STARTED_AT})"
IT_IS_DUE = f"{STARTED_AT} < :due"


class UniqueRowTable:
    """``unique_counter.passes.UniqueRows`` on DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Take the client and the table's name."""
        self._client = client
        self._table = table

    def is_over(self, poll_id: str) -> bool:
        """Say whether there is a certificate, or a cancelled poll's entry in its place (``UniqueRows.is_over``)."""
        answer = attempt(
            f"{self._table} can't be read",
            lambda: self._client.get_item(
                TableName=self._table,
                Key=_key(poll_id, FINAL),
                ConsistentRead=True,
                ProjectionExpression="entry",
            ),
        )
        return "Item" in answer

    def buckets(self, poll_id: str) -> dict[int, BucketState]:
        """Return the state of each bucket that has a row (``UniqueRows.buckets``)."""
        return {bucket_in(row): _state(row) for row in self._rows(poll_id, UNIQUE_PREFIX)}

    def begin(self, poll_id: str, bucket: int, lease: Lease) -> bool:
        """Take a bucket's lease (``UniqueRows.begin``)."""

        def update() -> None:
            self._client.update_item(
                TableName=self._table,
                Key=_key(poll_id, unique_entry(bucket)),
                UpdateExpression=f"SET {LEASE} = :mine, {LEASE_UNTIL} = :until",
                # IT_IS_MINE covers a call that is repeated because its answer was lost.
                ConditionExpression=(
                    f"({NOBODY_HOLDS_IT} OR {IT_HAS_EXPIRED} OR {IT_IS_MINE}) AND ({NOT_COUNTED_YET} OR {IT_IS_DUE})"
                ),
                ExpressionAttributeValues={
                    ":mine": {"S": lease.id},
                    ":now": {"N": str(lease.from_ms)},
                    ":until": {"N": str(lease.until_ms)},
                    ":due": {"N": str(lease.due_ms)},
                },
            )

        return self._holds(update)

    def end(self, poll_id: str, bucket: int, lease: Lease, counted: UniqueCounts) -> bool:
        """Replace the row by the count, without a lease (``UniqueRows.end``)."""
        row: dict[str, AttributeValueTypeDef] = {
            **_key(poll_id, unique_entry(bucket)),
            STARTED_AT: {"N": str(counted.counted_at)},
            **{OPTION_PREFIX + option: {"N": str(votes)} for option, votes in counted.options.items()},
        }

        def put() -> None:
            self._client.put_item(
                TableName=self._table,
                Item=row,
                ConditionExpression=IT_IS_MINE,
                ExpressionAttributeValues={":mine": {"S": lease.id}},
            )

        return self._holds(put)

    def _holds(self, write: Callable[[], None]) -> bool:
        """Make a conditional write; return whether its condition was met."""

        def try_it() -> bool:
            try:
                write()
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
            return True

        return attempt(f"{self._table} can't be written", try_it)

    def live(self, poll_id: str) -> LiveCounts:
        """Return the live counts (``UniqueRows.live``)."""
        return LiveCounts.of(self._rows(poll_id, LIVE_PREFIX))

    def _rows(self, poll_id: str, prefix: str) -> list[dict[str, Any]]:
        return read_entries(self._client, self._table, poll_id, prefix)


class CountSchedules:
    """The schedules that start the counter, one per poll, named after the poll."""

    # Any: the stubs for this service are not installed; it is one call.
    def __init__(self, group: str, new_client: Callable[[], Any] = lambda: boto3.client("scheduler")) -> None:
        """Take the group, and a function that creates a client, because most invocations need none."""
        self._group = group
        self._new_client = new_client

    def stop(self, poll_id: str) -> None:
        """Delete a poll's schedule, if it is there.

        Raises:
            StoreUnavailable: the scheduler fails on its side; the next invocation tries again.
            StoreRefused: a retry would not help.
        """
        client = self._new_client()

        def delete() -> None:
            try:
                client.delete_schedule(Name=poll_id, GroupName=self._group)
            except client.exceptions.ResourceNotFoundException:
                return

        attempt(f"the schedule of {poll_id} in {self._group} can't be deleted", delete)


def _key(poll_id: str, entry: str) -> "dict[str, AttributeValueTypeDef]":
    return {"poll_id": {"S": poll_id}, "entry": {"S": entry}}


def _state(row: Any) -> BucketState:
    return BucketState(count_in(row), int(row[LEASE_UNTIL]["N"]) if LEASE_UNTIL in row else None)
