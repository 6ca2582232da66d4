"""Counts from the tables: live rows summed over shards, and stored votes counted one by one."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from votectl.deployment import Deployment
from voting.live import LiveCounts
from voting.polls import Poll, poll_bucket
from voting.tallies import LIVE_PREFIX, UNATTRIBUTED, UNIQUE_PREFIX
from voting.unique import UniqueCounts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

QUERIES_AT_ONCE = 8


class CountReader:
    """Reads counts of one deployment, strongly consistently."""

    def __init__(self, deployment: Deployment, client: "DynamoDBClient | None" = None) -> None:
        """Take the deployment, and a client (None: create one)."""
        self._deployment = deployment
        self._client = client or boto3.client("dynamodb", config=Config(max_pool_connections=QUERIES_AT_ONCE))

    def live(self, poll_id: str) -> LiveCounts:
        """Return the live counts of a poll: every accepted record once, repeated votes included."""
        return LiveCounts.of(
            self._rows(
                TableName=self._deployment.tallies_table,
                KeyConditionExpression="poll_id = :poll AND begins_with(entry, :live)",
                ExpressionAttributeValues={":poll": {"S": poll_id}, ":live": {"S": LIVE_PREFIX}},
            )
        )

    def unique(self, poll: Poll) -> UniqueCounts | None:
        """Return the last count of one vote per voter, or None until each bucket has been counted."""
        return UniqueCounts.of(
            self._rows(
                TableName=self._deployment.tallies_table,
                KeyConditionExpression="poll_id = :poll AND begins_with(entry, :unique)",
                ExpressionAttributeValues={":poll": {"S": poll.poll_id}, ":unique": {"S": UNIQUE_PREFIX}},
            ),
            poll.bucket_count,
        )

    def unattributed(self) -> Counter[str]:
        """Return the rejected records that belong to no existing poll, by reason."""
        return self.live(UNATTRIBUTED).rejected

    def stored(self, poll: Poll) -> Counter[str]:
        """Return the stored votes of a poll by option: one per voter, the last one."""

        def count(bucket: int) -> Counter[str]:
            return Counter(
                row["option"]["S"]
                for row in self._rows(
                    TableName=self._deployment.votes_table,
                    KeyConditionExpression="poll_bucket = :bucket",
                    ExpressionAttributeValues={":bucket": {"S": poll_bucket(poll.poll_id, bucket)}},
                    ProjectionExpression="#option",
                    ExpressionAttributeNames={"#option": "option"},
                )
            )

        counts: Counter[str] = Counter()
        with ThreadPoolExecutor(QUERIES_AT_ONCE) as pool:
            for part in pool.map(count, range(poll.bucket_count)):
                counts += part
        return counts

    def stored_by_voter(self, poll: Poll) -> Iterator[tuple[str, str, str]]:
        """Yield voter, version and option of every stored vote of a poll.

        Only for polls with invented voters: ballots are private.
        """
        for bucket in range(poll.bucket_count):
            for row in self._rows(
                TableName=self._deployment.votes_table,
                KeyConditionExpression="poll_bucket = :bucket",
                ExpressionAttributeValues={":bucket": {"S": poll_bucket(poll.poll_id, bucket)}},
                ProjectionExpression="voter, version, #option",
                ExpressionAttributeNames={"#option": "option"},
            ):
                yield row["voter"]["S"], row["version"]["S"], row["option"]["S"]

    def _rows(self, **query: Any) -> Iterator[dict[str, Any]]:
        for page in self._client.get_paginator("query").paginate(ConsistentRead=True, **query):
            yield from page["Items"]
