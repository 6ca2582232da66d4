"""The polls table from the operator's side: creating, showing, listing."""

import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from pydantic import ValidationError

from votectl.errors import OperatorError
from voting.polls import DEFAULT_BUCKETS, MAX_OPTIONS, Option, Poll, Visibility

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# How far ahead of its writing a poll is announced. Longer than the write may take, so that no consumer
# can look a poll up after its announcement and not find it.
ANNOUNCE_LEAD_MS = 4_000
_WRITE_WITHIN = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})


class PollDesk:
    """Reads and writes the polls table of one deployment."""

    def __init__(self, table: str, client: "DynamoDBClient | None" = None) -> None:
        """Take the table's name, and a client if there is one already."""
        self._table = table
        self._client = client or boto3.client("dynamodb", config=_WRITE_WITHIN)

    def now_ms(self) -> int:
        """Return the cloud's time (to the second, rounded up): polls are held against arrivals it stamps.

        An operator's own clock may be minutes off; the one that answers for the table is not.
        """
        answer = self._client.describe_table(TableName=self._table)
        return _time_of_answer(answer["ResponseMetadata"])

    def create(
        self,
        poll_id: str,
        title: str,
        options: Sequence[Option],
        opens_at: int | None,
        closes_at: int,
        visibility: Visibility = Visibility.ALWAYS,
        bucket_count: int = DEFAULT_BUCKETS,
    ) -> Poll:
        """Create a poll; return it as stored.

        Args:
            poll_id: its slug.
            title: what people read.
            options: its answers, in order.
            opens_at: epoch ms, or None for as soon as it can.
            closes_at: epoch ms; the first arrival that no longer counts.
            visibility: who may see counts before the final.
            bucket_count: over how many partition keys its votes are spread; fixed for good.

        Raises:
            OperatorError: the poll is impossible, or exists already.
        """
        announced_at = self.now_ms() + ANNOUNCE_LEAD_MS
        if opens_at is not None and opens_at < announced_at:
            raise OperatorError(
                f"a poll can't open before it is announced, {ANNOUNCE_LEAD_MS // 1000} s from now: "
                "leave out the opening time to open it as soon as possible"
            )
        try:
            poll = Poll(
                poll_id=poll_id,
                title=title,
                options=tuple(options),
                announced_at=announced_at,
                opens_at=announced_at if opens_at is None else opens_at,
                closes_at=closes_at,
                bucket_count=bucket_count,
                visibility=visibility,
            )
        except ValidationError as error:
            raise OperatorError(f"this can't be a poll: {_first_problem(error)}") from None
        try:
            answer = self._client.put_item(
                TableName=self._table, Item=to_row(poll), ConditionExpression="attribute_not_exists(poll_id)"
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise OperatorError(
                f"poll {poll_id!r} exists already: choose another id, or see `votectl poll show {poll_id}`"
            ) from None
        if _time_of_answer(answer["ResponseMetadata"]) > announced_at:
            raise OperatorError(
                f"writing poll {poll_id!r} took longer than its announcement waits: do not use it, "
                "create it again under another id"
            )
        return poll

    def get(self, poll_id: str) -> Poll:
        """Return a poll.

        Raises:
            OperatorError: there is no such poll.
        """
        answer = self._client.get_item(
            TableName=self._table, Key={"poll_id": {"S": poll_id}}, ConsistentRead=True
        )
        if "Item" not in answer:
            raise OperatorError(f"there is no poll {poll_id!r}: `votectl poll list` shows them all")
        return from_row(answer["Item"])

    def change(self, seen: Poll, **changes: Any) -> Poll:
        """Change attributes of the poll that was seen, unless somebody has edited it meanwhile.

        Raises:
            OperatorError: somebody has, or the poll would be impossible; nothing was changed.
        """
        try:
            poll = Poll.model_validate(seen.model_dump() | changes | {"version": seen.version + 1})
        except ValidationError as error:
            raise OperatorError(f"this can't be a poll: {_first_problem(error)}") from None
        row, names = to_row(poll), [*changes, "version"]
        try:
            # Only what changes is written: a newer row may have attributes that this tool does not know.
            self._client.update_item(
                TableName=self._table,
                Key={"poll_id": {"S": poll.poll_id}},
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in names),
                ConditionExpression="#version = :seen",
                ExpressionAttributeNames={f"#{name}": name for name in names},
                ExpressionAttributeValues={
                    ":seen": {"N": str(seen.version)},
                    **{f":{name}": row[name] for name in names},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise OperatorError(
                f"somebody else has edited poll {poll.poll_id!r} meanwhile, so nothing was changed: "
                f"see `votectl poll show {poll.poll_id}`, then try again"
            ) from None
        return poll

    def list(self) -> list[Poll]:
        """Return all polls, the one that closes last first."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        polls = [from_row(row) for page in pages for row in page["Items"]]
        return sorted(polls, key=lambda poll: (-poll.closes_at, poll.poll_id))


def to_row(poll: Poll) -> "dict[str, AttributeValueTypeDef]":
    """Return a poll as a row of the polls table."""
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in poll.model_dump(mode="json").items()}


def from_row(row: Mapping[str, Any]) -> Poll:
    """Return the poll in a row of the polls table."""
    deserialize = TypeDeserializer().deserialize
    return Poll.model_validate({name: deserialize(value) for name, value in row.items()})


def _time_of_answer(metadata: Mapping[str, Any]) -> int:
    date = metadata.get("HTTPHeaders", {}).get("date")
    if date is None:
        return time.time_ns() // 1_000_000
    return (round(parsedate_to_datetime(date).timestamp()) + 1) * 1000


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    if problem["loc"] == ("options",):
        return f"it needs 2 to {MAX_OPTIONS} options"
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else problem["msg"]
