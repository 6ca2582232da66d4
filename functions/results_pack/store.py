"""The tables, the bucket and the keys: the only place in results_pack that knows boto3."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from results_pack.lines import StoredVote
from results_pack.sealing import Signer
from results_pack.steps import Spilled
from voting.errors import StoreRefused, StoreUnavailable
from voting.final import Final
from voting.settings import ObjectLockMode
from voting.tallies import FINAL, OPTION_PREFIX, spill_entry, spill_prefix
from voting_aws.clients import error_code, is_transient, read_entries
from voting_aws.pack_keys import PollKeys, SigningKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef
    from mypy_boto3_s3 import S3Client

CHUNKS = "chunks"
DONE = "done"
LAST_VOTER = "last_voter"
# S3's answers if the file exists already, and if two writers of one file meet: then one of them tries again.
TAKEN = "PreconditionFailed"
MEETING = "ConditionalRequestConflict"


def attempt[T](what: str, call: Callable[[], T]) -> T:
    """Make a call. Its error becomes ours, with its code only, because its message may quote a key."""
    try:
        return call()
    except (ClientError, BotoCoreError) as error:
        if is_transient(error) or error_code(error) in {MEETING, "SlowDown", "KMSInternalException"}:
            raise StoreUnavailable(f"{what}: {error_code(error)}") from None
        raise StoreRefused(f"{what}: {error_code(error)}") from None


class PackVoteTable:
    """``results_pack.steps.VoteReader`` on DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Take the client and the table's name."""
        self._client = client
        self._table = table

    def page(self, poll_bucket: str, after: str | None, limit: int) -> tuple[list[StoredVote], str | None]:
        """Return some votes of a bucket (``VoteReader.page``)."""
        key: dict[str, AttributeValueTypeDef] = {"poll_bucket": {"S": poll_bucket}}
        start: dict[str, Any] = {} if after is None else {"ExclusiveStartKey": {**key, "voter": {"S": after}}}
        answer = attempt(
            f"{self._table} can't be read",
            lambda: self._client.query(
                TableName=self._table,
                ConsistentRead=True,
                Limit=limit,
                KeyConditionExpression="poll_bucket = :bucket",
                ExpressionAttributeValues={":bucket": key["poll_bucket"]},
                ProjectionExpression="voter, version, #option",
                ExpressionAttributeNames={"#option": "option"},
                **start,
            ),
        )
        last = answer.get("LastEvaluatedKey")
        votes = [(row["voter"]["S"], row["version"]["S"], row["option"]["S"]) for row in answer["Items"]]
        return votes, last["voter"]["S"] if last else None


class PackRowTable:
    """``results_pack.steps.PackRows`` on DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str, keys: PollKeys) -> None:
        """Take the client, the table's name, and the polls' keys."""
        self._client = client
        self._table = table
        self._keys = keys

    def final(self, poll_id: str) -> Final | None:
        """Return the certificate (``PackRows.final``)."""
        row = self._get(poll_id, FINAL)
        return Final.from_row(row) if row else None

    def key(self, poll_id: str) -> bytes:
        """Return the poll's key (``PackRows.key``)."""
        return attempt("the poll's key can't be read", lambda: self._keys.find_or_make(poll_id))

    def spilled(self, poll_id: str, work: str, bucket: int) -> Spilled:
        """Return the progress of a bucket (``PackRows.spilled``)."""
        return _spilled(self._get(poll_id, spill_entry(work, bucket)))

    def all_spilled(self, poll_id: str, work: str) -> dict[int, Spilled]:
        """Return the progress of each bucket (``PackRows.all_spilled``)."""
        rows = read_entries(self._client, self._table, poll_id, spill_prefix(work))
        return {int(row["entry"]["S"].rpartition("#")[2]): _spilled(row) for row in rows}

    def keep(self, poll_id: str, work: str, bucket: int, spilled: Spilled) -> None:
        """Store the progress of a bucket (``PackRows.keep``). A finished bucket has no voter to continue after."""
        row: dict[str, AttributeValueTypeDef] = {
            "poll_id": {"S": poll_id},
            "entry": {"S": spill_entry(work, bucket)},
            CHUNKS: {"N": str(spilled.chunks)},
            DONE: {"BOOL": spilled.done},
            **{OPTION_PREFIX + option: {"N": str(votes)} for option, votes in spilled.options.items()},
        }
        if spilled.last_voter is not None:
            row[LAST_VOTER] = {"S": spilled.last_voter}
        attempt(
            f"{self._table} can't be written", lambda: self._client.put_item(TableName=self._table, Item=row)
        )

    def _get(self, poll_id: str, entry: str) -> dict[str, Any]:
        answer = attempt(
            f"{self._table} can't be read",
            lambda: self._client.get_item(
                TableName=self._table,
                Key={"poll_id": {"S": poll_id}, "entry": {"S": entry}},
                ConsistentRead=True,
            ),
        )
        return dict(answer.get("Item", {}))


class PackBucket:
    """``results_pack.steps.PackFiles`` on S3."""

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        lock_days: int,
        lock_mode: ObjectLockMode,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the client, the bucket's name, and how long packs are locked; 0 days: not at all."""
        self._client = client
        self._bucket = bucket
        self._lock_days = lock_days
        self._lock_mode = lock_mode
        self._now = now

    def put(self, name: str, content: bytes) -> None:
        """Write a work file (``PackFiles.put``)."""
        attempt(
            f"{self._bucket} can't be written",
            lambda: self._client.put_object(Bucket=self._bucket, Key=name, Body=content),
        )

    def read(self, prefix: str) -> Iterator[bytes]:
        """Return the files below a prefix (``PackFiles.read``)."""

        def names() -> list[str]:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))

        for name in attempt(f"{self._bucket} can't be listed", names):
            yield self._content(name)

    def publish(self, name: str, content: bytes) -> bool:
        """Write a pack's file if it does not exist (``PackFiles.publish``)."""
        lock: dict[str, Any] = {}
        if self._lock_days:
            until = self._now() + timedelta(days=self._lock_days)
            lock = {"ObjectLockMode": self._lock_mode.value, "ObjectLockRetainUntilDate": until}

        def put() -> bool:
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=name,
                    Body=content,
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",  # S3 wants a checksum where it locks
                    **lock,
                )
            except ClientError as error:
                if error_code(error) != TAKEN:
                    raise
                return False
            return True

        if attempt(f"{self._bucket} can't be written", put):
            return True
        there = self._content(name)
        return hashlib.sha256(there).digest() == hashlib.sha256(content).digest()

    def exists(self, name: str) -> bool:
        """Say whether there is such a file (``PackFiles.exists``)."""
        listed = attempt(
            f"{self._bucket} can't be listed",
            lambda: self._client.list_objects_v2(Bucket=self._bucket, Prefix=name, MaxKeys=1),
        )
        return any(entry["Key"] == name for entry in listed.get("Contents", []))

    def _content(self, name: str) -> bytes:
        return attempt(
            f"{self._bucket} can't be read",
            lambda: self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read(),
        )


def signer_of(key: SigningKey) -> Signer:
    """Return the deployment's signer."""

    def sign(text: bytes) -> bytes:
        digest = hashlib.sha256(text).digest()
        return attempt("the manifest can't be signed", lambda: key.sign(digest))

    return Signer(attempt("the signing key can't be read", lambda: key.public_key), sign)


def _spilled(row: Mapping[str, Any]) -> Spilled:
    if not row:
        return Spilled()
    options = {
        name.removeprefix(OPTION_PREFIX): int(value["N"])
        for name, value in row.items()
        if name.startswith(OPTION_PREFIX)
    }
    return Spilled(
        int(row[CHUNKS]["N"]), row.get(LAST_VOTER, {}).get("S"), row[DONE]["BOOL"], Counter(options)
    )
