"""The polls table from the operator's side: creating, changing, showing, listing."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from pydantic import ValidationError

from votectl.errors import OperatorError, command, problem_of
from voting.polls import DEFAULT_BUCKETS, Option, Poll, PollCache, Visibility
from voting.texts import STORED

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# A poll is announced this long after its write starts. It is longer than the write and the difference of clocks, so
# that every consumer finds the poll for votes after its announcement.
ANNOUNCE_LEAD_MS = 4_000
_WRITE_WITHIN = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})

# The command's option for each attribute of a poll.
OPTION_NAMES = {
    "poll_id": "the poll's id",
    "title": "--title",
    "options": "--option",
    "opens_at": "--opens",
    "closes_at": "--closes",
    "visibility": "--visibility",
}


class PollExists(OperatorError):
    """A poll can't be created, because its id is taken."""


class Unreadable(NamedTuple):
    """A row of the polls table that is not a poll."""

    poll_id: str
    problem: str


class PollStore:
    """Reads and writes the polls table of one deployment."""

    def __init__(self, table: str, client: "DynamoDBClient | None" = None) -> None:
        """Take the table's name, and a client (None: create one)."""
        self._table = table
        self._client = client or boto3.client("dynamodb", config=_WRITE_WITHIN)

    def now_ms(self) -> int:
        """Return the cloud's time, rounded up to the second. The cloud also stamps the votes' arrivals.

        An operator's own clock may be minutes off. The table's clock is not.
        """
        answer = self._client.describe_table(TableName=self._table)
        return _time_of_answer(answer["ResponseMetadata"])

    def draft(
        self,
        poll_id: str,
        title: str,
        options: Sequence[Option],
        opens_at: int | None,
        closes_at: int,
        visibility: Visibility = Visibility.ALWAYS,
        bucket_count: int = DEFAULT_BUCKETS,
    ) -> Poll:
        """Return the poll that ``announce`` would write now, without writing it.

        Args:
            poll_id: its slug.
            title: the title for people.
            options: its answers, in order.
            opens_at: epoch ms, or None for as soon as it can.
            closes_at: epoch ms; the first arrival that no longer counts.
            visibility: who may see counts before the final.
            bucket_count: the number of partition keys for its votes; it never changes.

        Raises:
            OperatorError: the poll is invalid.
        """
        announced_at = self.now_ms() + ANNOUNCE_LEAD_MS
        if opens_at is not None and opens_at < announced_at:
            raise OperatorError(
                f"--opens: a poll can't open before it is announced, {ANNOUNCE_LEAD_MS // 1000} s from now; "
                "leave the option out to open it as soon as possible"
            )
        return _validated(
            poll_id=poll_id,
            title=title,
            options=tuple(options),
            announced_at=announced_at,
            opens_at=announced_at if opens_at is None else opens_at,
            closes_at=closes_at,
            bucket_count=bucket_count,
            visibility=visibility,
        )

    def announce(self, draft: Poll) -> Poll:
        """Write a new poll, announced from now on; return it as stored.

        A poll that should open at its announcement still does.

        Raises:
            PollExists: its id is taken.
            OperatorError: the poll is invalid by now, or writing it took too long.
        """
        announced_at = self.now_ms() + ANNOUNCE_LEAD_MS
        opens_at = announced_at if draft.opens_at == draft.announced_at else draft.opens_at
        poll = _validated(**draft.model_dump() | {"announced_at": announced_at, "opens_at": opens_at})
        try:
            answer = self._client.put_item(
                TableName=self._table, Item=to_row(poll), ConditionExpression="attribute_not_exists(poll_id)"
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise PollExists(
                f"poll {poll.poll_id!r} exists already: choose another id, or see {command('poll show', poll.poll_id)}"
            ) from None
        # A consumer judges votes that are stamped ahead of its clock by up to the skew, and clocks differ by it.
        if _time_of_answer(answer["ResponseMetadata"]) + 2 * PollCache.CLOCK_SKEW_MS > announced_at:
            raise OperatorError(
                f"writing poll {poll.poll_id!r} took longer than its announcement waits: cancel it with "
                f"{command('poll cancel', poll.poll_id)}, and create it again with another id"
            )
        return poll

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
        """Create a poll without a schedule for its tally (``lifecycle.create`` makes both).

        Raises:
            PollExists: its id is taken.
            OperatorError: the poll is invalid.
        """
        return self.announce(
            self.draft(poll_id, title, options, opens_at, closes_at, visibility, bucket_count)
        )

    def find(self, poll_id: str) -> Poll | None:
        """Return a poll, or None if there is no such poll.

        Raises:
            OperatorError: its row is not a poll.
        """
        answer = self._client.get_item(
            TableName=self._table, Key={"poll_id": {"S": poll_id}}, ConsistentRead=True
        )
        if "Item" not in answer:
            return None
        found = read_row(answer["Item"])
        if isinstance(found, Unreadable):
            raise OperatorError(
                f"the row of poll {poll_id!r} in {self._table} is not a poll: {found.problem}"
            )
        return found

    def get(self, poll_id: str) -> Poll:
        """Return a poll.

        Raises:
            OperatorError: there is no such poll, or its row is not a poll.
        """
        poll = self.find(poll_id)
        if poll is None:
            raise OperatorError(f"there is no poll {poll_id!r}: `votectl poll list` shows them all")
        return poll

    def change(self, seen: Poll, **changes: Any) -> Poll:
        """Change attributes of a poll, unless it was edited since it was read.

        The write itself carries the conditions: the poll's version has not changed, and its title, options and times do
        not change after its end.

        Raises:
            OperatorError: a condition is not met, or the poll would be invalid; nothing was changed.
        """
        try:
            # A poll of an older release may have texts that are refused today: the rules apply to new texts only.
            context = None if changes.keys() & {"title", "options"} else STORED
            poll = Poll.model_validate(
                seen.model_dump() | changes | {"version": seen.version + 1}, context=context
            )
        except ValidationError as error:
            options = OPTION_NAMES | {"options": "--label"}
            raise OperatorError(f"this can't be a poll: {problem_of(error, options)}") from None
        if [option.id for option in poll.options] != [option.id for option in seen.options]:
            raise OperatorError(f"poll {poll.poll_id!r}: option ids can't be changed, votes name them")
        row, names = to_row(poll), [*changes, "version"]
        conditions = ["#version = :seen", "attribute_not_exists(cancelled_at)"]
        frozen: dict[str, AttributeValueTypeDef] = {}
        if changes.keys() - {"visibility"}:
            # The write is done by then at the latest.
            frozen = {":done_by": {"N": str(self.now_ms() + ANNOUNCE_LEAD_MS)}}
            conditions.append("closes_at > :done_by")
        try:
            # Writes only the changes: a newer row may have attributes that this tool does not know.
            self._client.update_item(
                TableName=self._table,
                Key={"poll_id": {"S": poll.poll_id}},
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in names),
                ConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames={f"#{name}": name for name in names},
                ExpressionAttributeValues={
                    ":seen": {"N": str(seen.version)},
                    **frozen,
                    **{f":{name}": row[name] for name in names},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise self._why_not_changed(seen) from None
        return poll

    def _why_not_changed(self, seen: Poll) -> OperatorError:
        now = self.get(seen.poll_id)
        if now.cancelled_at is not None:
            return OperatorError(f"poll {seen.poll_id!r} was cancelled: it can't be changed any more")
        if now.version == seen.version:
            return OperatorError(
                f"poll {seen.poll_id!r} has closed, or closes in a moment: its title, options, labels and times can't "
                "be changed any more"
            )
        return OperatorError(
            f"another operator has edited poll {seen.poll_id!r} in the meantime, so nothing was changed: "
            f"see {command('poll show', seen.poll_id)}, then try again"
        )

    def cancel(self, poll_id: str, cancelled_at: int) -> Poll:
        """Mark a poll as cancelled; return it as stored. An already cancelled poll does not change."""
        # If the condition fails, get() says whether the poll exists.
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.update_item(
                TableName=self._table,
                Key={"poll_id": {"S": poll_id}},
                UpdateExpression="SET cancelled_at = :at ADD #version :one",
                ConditionExpression="attribute_exists(poll_id) AND attribute_not_exists(cancelled_at)",
                ExpressionAttributeNames={"#version": "version"},
                ExpressionAttributeValues={":at": {"N": str(cancelled_at)}, ":one": {"N": "1"}},
            )
        return self.get(poll_id)

    def delete(self, seen: Poll, opens_after: int) -> None:
        """Delete a poll that was read, if it opens after ``opens_after`` (epoch ms).

        Raises:
            OperatorError: it opens earlier, or was edited in the meantime; nothing was deleted.
        """
        try:
            self._client.delete_item(
                TableName=self._table,
                Key={"poll_id": {"S": seen.poll_id}},
                ConditionExpression=(
                    "#version = :seen AND opens_at > :opens_after AND attribute_not_exists(cancelled_at)"
                ),
                ExpressionAttributeNames={"#version": "version"},
                ExpressionAttributeValues={
                    ":seen": {"N": str(seen.version)},
                    ":opens_after": {"N": str(opens_after)},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise OperatorError(
                f"poll {seen.poll_id!r} was changed in the meantime or is about to open, so nothing was deleted: "
                f"see {command('poll show', seen.poll_id)}"
            ) from None

    def list(self) -> Sequence[Poll]:
        """Return all polls, the one that closes last first; rows that are not polls are left out."""
        return self.list_all()[0]

    def list_all(self) -> tuple[Sequence[Poll], Sequence[Unreadable]]:
        """Return all polls, the one that closes last first, and the rows that are not polls."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        found = [read_row(row) for page in pages for row in page["Items"]]
        polls = [poll for poll in found if isinstance(poll, Poll)]
        unreadable = [row for row in found if isinstance(row, Unreadable)]
        return sorted(polls, key=lambda poll: (-poll.closes_at, poll.poll_id)), sorted(unreadable)


def to_row(poll: Poll) -> "dict[str, AttributeValueTypeDef]":
    """Return a poll as a row of the polls table."""
    serialize = TypeSerializer().serialize
    # An attribute of value None is left out, because conditions ask whether it exists.
    return {
        name: serialize(value)
        for name, value in poll.model_dump(mode="json").items()
        if not (name == "cancelled_at" and value is None)
    }


def read_row(row: Mapping[str, Any]) -> Poll | Unreadable:
    """Return the poll in a row of the polls table, or the problem of the row."""
    try:
        deserialize = TypeDeserializer().deserialize
        return Poll.from_stored({name: deserialize(value) for name, value in row.items()})
    except ValidationError as error:
        return Unreadable(row["poll_id"]["S"], problem_of(error))
    except (TypeError, ValueError, ArithmeticError) as error:  # not even DynamoDB's notation
        return Unreadable(row["poll_id"]["S"], str(error))


def _validated(**fields: Any) -> Poll:
    try:
        return Poll.model_validate(fields)
    except ValidationError as error:
        raise OperatorError(f"this can't be a poll: {problem_of(error, OPTION_NAMES)}") from None


def _time_of_answer(metadata: Mapping[str, Any]) -> int:
    date = metadata.get("HTTPHeaders", {}).get("date")
    if date is None:
        return time.time_ns() // 1_000_000
    return (round(parsedate_to_datetime(date).timestamp()) + 1) * 1000
