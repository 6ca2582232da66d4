"""The stream, the tables and the failure bucket. Only this module and ``mapping`` know boto3 in the tally."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

from tally.closing import OpenShard
from tally.draining import DrainPlace
from voting.counting import Partial
from voting.errors import StoreUnavailable
from voting.final import Acknowledgement, Final
from voting.live import LiveCounts
from voting.markers import CONSUMERS
from voting.tallies import (
    ACKNOWLEDGED,
    ACKNOWLEDGEMENT,
    COUNT_PREFIX,
    DRAIN_PREFIX,
    HELD_LANES,
    HOLDERS,
    LIVE_PREFIX,
    OPTION_PREFIX,
    PASSED,
    PROGRESS,
    count_entry,
    drain_entry,
    release_of,
)
from voting_aws.clients import attempt, read_entries

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef
    from mypy_boto3_s3 import S3Client

RECORDS_PER_CALL = 500  # PutRecords' limit
PUTS = 5  # retries of records that the stream throttles
PAUSE_MS = 500

# Redrive moves redriven batches here. Batches elsewhere in the bucket are not stored yet.
REDRIVEN_PREFIX = "redriven/"

PAGES = "pages"
LAST_VOTER = "last_voter"
COUNTED_AT = "counted_at"
ARRIVED_PREFIX = "arrived#"


class VoteStream:
    """``tally.closing.MarkerStream`` on Kinesis."""

    def __init__(self, client: "KinesisClient", name: str, sleep_ms: Callable[[float], None]) -> None:
        """Take the client, the stream's name, and how to sleep."""
        self._client = client
        self._name = name
        self._sleep_ms = sleep_ms

    def open_shards(self) -> list[OpenShard]:
        """Return the shards that take records."""
        return attempt(f"{self._name} can't be listed", lambda: list(self._open_shards()))

    def _open_shards(self) -> Iterator[OpenShard]:
        for page in self._client.get_paginator("list_shards").paginate(StreamName=self._name):
            for shard in page["Shards"]:
                if "EndingSequenceNumber" not in shard["SequenceNumberRange"]:
                    yield OpenShard(shard["ShardId"], shard["HashKeyRange"]["StartingHashKey"])

    def put_markers(self, poll_id: str, ids: Sequence[str], hash_key: str) -> set[str]:
        """Put one record per marker (``MarkerStream.put_markers``)."""
        shards: set[str] = set()
        for some in batched(ids, RECORDS_PER_CALL, strict=False):
            entries: list[PutRecordsRequestEntryTypeDef] = [
                {
                    "Data": json.dumps({"marker": marker_id, "poll_id": poll_id}).encode(),
                    "PartitionKey": f"marker-{marker_id}",  # its hash, as good as random, chooses the lane
                    "ExplicitHashKey": hash_key,
                }
                for marker_id in some
            ]
            for put_again in range(PUTS):
                if put_again:
                    self._sleep_ms(PAUSE_MS * put_again)
                answer = attempt(
                    f"{self._name} takes no records",
                    lambda todo=entries: self._client.put_records(StreamName=self._name, Records=todo),  # type: ignore[misc]
                )
                shards |= {put["ShardId"] for put in answer["Records"] if "ShardId" in put}
                entries = [
                    entry
                    for entry, put in zip(entries, answer["Records"], strict=True)
                    if put.get("ErrorCode")
                ]
                if not entries:
                    break
            else:
                raise StoreUnavailable(f"{self._name} throttles records")
        return shards


class WriterFailures:
    """``tally.steps.FailedBatches`` on S3."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        """Take the client and the bucket's name."""
        self._client = client
        self._bucket = bucket

    def waiting(self) -> int:
        """Return how many batches have not been redriven."""
        return attempt(f"{self._bucket} can't be listed", self._waiting)

    def _waiting(self) -> int:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        return sum(
            not entry["Key"].startswith(REDRIVEN_PREFIX)
            for page in pages
            for entry in page.get("Contents", [])
        )


class TallyRowTable:
    """``tally.steps.TallyRows`` on DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Take the client and the table's name."""
        self._client = client
        self._table = table

    def expect(self, poll_id: str, shard_id: str, tally_id: str) -> None:
        """Prepare the drain rows of both consumers (``Expectations.expect``)."""
        for consumer in CONSUMERS:
            self._update(
                poll_id,
                drain_entry(consumer, shard_id),
                UpdateExpression="SET tally_id = :tally_id",
                ExpressionAttributeValues={":tally_id": {"S": tally_id}},
            )

    def passed(self, poll_id: str) -> dict[DrainPlace, frozenset[str]]:
        """Return the markers that have been passed, by place."""
        found = {}
        for row in self._rows(poll_id, DRAIN_PREFIX):
            consumer, _, shard_id = row["entry"]["S"].removeprefix(DRAIN_PREFIX).partition("#")
            found[DrainPlace(consumer, shard_id)] = frozenset(row.get(PASSED, {}).get("SS", ()))
        return found

    def live(self, poll_id: str) -> LiveCounts:
        """Return the live counts."""
        return LiveCounts.of(self._rows(poll_id, LIVE_PREFIX))

    def partial(self, poll_id: str, tally_id: str, bucket: int) -> Partial:
        """Return what this tally has counted of a bucket."""
        row = self._get(poll_id, count_entry(tally_id, bucket))
        return _partial(row) if row else Partial()

    def partials(self, poll_id: str, tally_id: str) -> dict[int, Partial]:
        """Return this tally's counts, by bucket."""
        return {
            int(row["entry"]["S"].rpartition("#")[2]): _partial(row)
            for row in self._rows(poll_id, f"{COUNT_PREFIX}{tally_id}#")
        }

    def keep(self, poll_id: str, tally_id: str, bucket: int, partial: Partial) -> None:
        """Store the count of a bucket so far. A finished bucket has no voter to continue after."""
        row: dict[str, AttributeValueTypeDef] = {
            **_key(poll_id, count_entry(tally_id, bucket)),
            PAGES: {"N": str(partial.pages)},
            **{OPTION_PREFIX + option: {"N": str(votes)} for option, votes in partial.options.items()},
            **{f"{ARRIVED_PREFIX}{second}": {"N": str(votes)} for second, votes in partial.arrivals.items()},
        }
        if partial.last_voter is not None:
            row[LAST_VOTER] = {"S": partial.last_voter}
        if partial.counted_at is not None:
            row[COUNTED_AT] = {"N": str(partial.counted_at)}
        attempt(
            f"{self._table} can't be written", lambda: self._client.put_item(TableName=self._table, Item=row)
        )

    def acknowledgement(self, poll_id: str) -> Acknowledgement | None:
        """Return an operator's acknowledgement of lost records, or None."""
        row = self._get(poll_id, ACKNOWLEDGED)
        return Acknowledgement.model_validate_json(row[ACKNOWLEDGEMENT]["S"]) if row else None

    def final(self, poll_id: str, entry: str) -> Final | None:
        """Return a certificate, or None if it does not exist."""
        row = self._get(poll_id, entry)
        return Final.from_row(row) if row else None

    def certify(self, final: Final, entry: str) -> bool:
        """Write a certificate unless one exists (``TallyRows.certify``)."""

        def put() -> bool:
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=final.to_row(entry),
                    ConditionExpression="attribute_not_exists(entry)",
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
            return True

        return attempt(f"{self._table} can't be written", put)

    def report(self, poll_id: str, progress: Mapping[str, int | str]) -> None:
        """Replace the progress row."""
        row: dict[str, AttributeValueTypeDef] = _key(poll_id, PROGRESS)
        for name, value in progress.items():
            row[name] = {"N": str(value)} if isinstance(value, int) else {"S": value}
        attempt(
            f"{self._table} can't be written", lambda: self._client.put_item(TableName=self._table, Item=row)
        )

    def hold_lanes(self, poll_id: str, lanes: int) -> None:
        """Record in Terraform's row that a poll holds the writer's lanes (``TallyRows.hold_lanes``)."""
        hold = release_of(poll_id) | {
            "UpdateExpression": f"SET {HOLDERS}.#poll = :lanes",
            "ExpressionAttributeValues": {":lanes": {"N": str(lanes)}},
        }
        if not self._change_held(hold):
            raise StoreUnavailable(
                f"{self._table} has no row {HELD_LANES['poll_id']['S']!r}: apply Terraform, which creates it"
            )

    def release_lanes(self, poll_id: str) -> None:
        """Take a poll out of that row."""
        self._change_held(release_of(poll_id))

    def _change_held(self, update: Mapping[str, Any]) -> bool:
        """Change the row of held lanes; return False if it does not exist."""

        def change() -> bool:
            try:
                self._client.update_item(TableName=self._table, **update)
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
            return True

        return attempt(f"{self._table} can't be written", change)

    def _update(self, poll_id: str, entry: str, **update: Any) -> None:
        attempt(
            f"{self._table} can't be written",
            lambda: self._client.update_item(TableName=self._table, Key=_key(poll_id, entry), **update),
        )

    def _get(self, poll_id: str, entry: str) -> dict[str, Any]:
        answer = attempt(
            f"{self._table} can't be read",
            lambda: self._client.get_item(
                TableName=self._table, Key=_key(poll_id, entry), ConsistentRead=True
            ),
        )
        return dict(answer.get("Item", {}))

    def _rows(self, poll_id: str, prefix: str) -> list[dict[str, Any]]:
        return read_entries(self._client, self._table, poll_id, prefix)


def _key(poll_id: str, entry: str) -> "dict[str, AttributeValueTypeDef]":
    return {"poll_id": {"S": poll_id}, "entry": {"S": entry}}


def _partial(row: Mapping[str, Any]) -> Partial:
    return Partial(
        options=_counts(row, OPTION_PREFIX),
        arrivals=Counter({int(second): votes for second, votes in _counts(row, ARRIVED_PREFIX).items()}),
        pages=int(row[PAGES]["N"]),
        last_voter=row.get(LAST_VOTER, {}).get("S"),
        counted_at=int(row[COUNTED_AT]["N"]) if COUNTED_AT in row else None,
    )


def _counts(row: Mapping[str, Any], prefix: str) -> Counter[str]:
    return Counter(
        {name.removeprefix(prefix): int(value["N"]) for name, value in row.items() if name.startswith(prefix)}
    )
