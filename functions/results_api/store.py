"""Reading tallies and stored votes: the only place in the results API that knows boto3."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from voting.errors import StoreRefused, StoreUnavailable
from voting.final import Final
from voting.live import LiveCounts
from voting.polls import Poll, bucket_of, poll_bucket
from voting.tallies import DRAIN_PREFIX, FINAL, LIVE_AND_UNIQUE_PREFIX, RECOUNT_PREFIX, UNIQUE_PREFIX
from voting.unique import UniqueCounts
from voting_aws.clients import error_code, is_transient
from voting_aws.pack_keys import PollKeys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class _Table:
    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Take the client and the table's name."""
        self._client = client
        self._table = table

    def _item(self, key: dict[str, str], **projection: Any) -> dict[str, Any] | None:
        try:
            answer = self._client.get_item(
                TableName=self._table,
                Key={name: {"S": value} for name, value in key.items()},
                ConsistentRead=True,
                **projection,
            )
        except (ClientError, BotoCoreError) as error:
            raise self._trouble(error) from None
        return answer.get("Item")

    def _trouble(self, error: Exception) -> StoreUnavailable | StoreRefused:
        problem = f"{self._table} can't be read: {error_code(error)}"
        return StoreUnavailable(problem) if is_transient(error) else StoreRefused(problem)


class TallyTable(_Table):
    """``results_api.results.ResultSource`` on DynamoDB.

    Raises, in every method:
        StoreUnavailable: the table throttles, times out or fails on its side.
        StoreRefused: a retry would not help.
    """

    def final(self, poll_id: str) -> Final | None:
        """Return the poll's final result (``ResultSource.final``).

        Raises:
            PollCancelled: the poll was cancelled.
            InvalidFinal: the entry was changed after it was certified.
        """
        row = self._item({"poll_id": poll_id, "entry": FINAL})
        return None if row is None else Final.from_row(row)

    def recounts(self, poll_id: str) -> list[Final]:
        """Return the later counts (``ResultSource.recounts``).

        Raises:
            InvalidFinal: an entry was changed after it was written.
        """
        return [Final.from_row(row) for row in self._entries(poll_id, RECOUNT_PREFIX)]

    def is_draining(self, poll_id: str) -> bool:
        """Say whether there is a drain row (``ResultSource.is_draining``)."""
        return next(self._entries(poll_id, DRAIN_PREFIX, Limit=1), None) is not None

    def live(self, poll: Poll) -> tuple[LiveCounts, UniqueCounts | None]:
        """Return the sums of the live rows and of the unique rows (``ResultSource.live``)."""
        live: list[dict[str, Any]] = []
        unique: list[dict[str, Any]] = []
        for row in self._entries(poll.poll_id, LIVE_AND_UNIQUE_PREFIX):
            (unique if row["entry"]["S"].startswith(UNIQUE_PREFIX) else live).append(row)
        return LiveCounts.of(live), UniqueCounts.of(unique, poll.bucket_count)

    def _entries(self, poll_id: str, prefix: str, **more: Any) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="poll_id = :poll AND begins_with(entry, :prefix)",
            ExpressionAttributeValues={":poll": {"S": poll_id}, ":prefix": {"S": prefix}},
            ConsistentRead=True,
            **more,
        )
        try:
            for page in pages:
                yield from page["Items"]
        except (ClientError, BotoCoreError) as error:
            raise self._trouble(error) from None


class VoteTable(_Table):
    """``results_api.receipts.StoredVotes`` on DynamoDB. Raises as ``TallyTable`` does."""

    def version(self, poll: Poll, voter: str) -> str | None:
        """Return the version of a stored vote, and do not read the choice (``StoredVotes.version``)."""
        bucket = poll_bucket(poll.poll_id, bucket_of(voter, poll.bucket_count))
        row = self._item(
            {"poll_bucket": bucket, "voter": voter},
            ProjectionExpression="#version",
            ExpressionAttributeNames={"#version": "version"},
        )
        return None if row is None else str(row["version"]["S"])


class PollKeyStore:
    """``results_api.receipts.FindKey`` on KMS and DynamoDB. Raises as ``TallyTable`` does."""

    # A key that is disabled, or that is being deleted so that packs become permanently anonymous.
    GONE = frozenset({"DisabledException", "KMSInvalidStateException", "NotFoundException"})

    def __init__(self, keys: PollKeys) -> None:
        """Take the keys."""
        self._keys = keys

    def find(self, poll_id: str) -> bytes | None:
        """Return a poll's key (``FindKey``)."""
        try:
            return self._keys.find(poll_id)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) in self.GONE:
                return None
            problem = f"a poll's key can't be read: {error_code(error)}"
            raise (StoreUnavailable(problem) if is_transient(error) else StoreRefused(problem)) from None
