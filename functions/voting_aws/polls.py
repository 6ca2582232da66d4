"""Reading polls from the polls table."""

import time
from collections.abc import Collection, Iterator, Mapping
from itertools import batched
from typing import TYPE_CHECKING

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from voting.errors import InvalidPoll, StoreRefused, StoreUnavailable
from voting.polls import Poll, PollCache
from voting.settings import ConsumerSettings
from voting_aws.clients import error_code, is_transient

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, KeysAndAttributesTypeDef

KEYS_PER_CALL = 100  # BatchGetItem's limit


def cached_polls(client: "DynamoDBClient", settings: ConsumerSettings) -> PollCache:
    """Return the polls as a consumer sees them: from the table, and remembered for a while."""
    load = PollTable(client, settings.polls_table).load
    return PollCache(load, lambda: time.time_ns() // 1_000_000, settings.poll_cache_seconds * 1000)


class PollTable:
    """The polls table, for reading."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Take the client to read with and the table's name."""
        self._client = client
        self._table = table

    def load(self, poll_ids: Collection[str]) -> Iterator[tuple[str, Poll | None]]:
        """Yield each poll, or None for one that does not exist, read strongly consistently (1 RCU each).

        Results that were yielded before an error stay valid. A caller that keeps them makes progress with every try,
        even with many invented ids and few read units.

        Raises:
            StoreUnavailable: the table throttles or fails on its side.
            StoreRefused: a retry would not help.
            InvalidPoll: a row is not a valid poll. The text names the poll, because an operator has to repair that row.
        """
        for keys in batched(sorted(poll_ids), KEYS_PER_CALL, strict=False):
            yield from self._load_some(keys)

    def _load_some(self, poll_ids: tuple[str, ...]) -> Iterator[tuple[str, Poll | None]]:
        request: dict[str, KeysAndAttributesTypeDef] = {
            self._table: {
                "Keys": [{"poll_id": {"S": poll_id}} for poll_id in poll_ids],
                "ConsistentRead": True,
            }
        }
        try:
            answer = self._client.batch_get_item(RequestItems=request)
        except (ClientError, BotoCoreError) as error:
            if is_transient(error):
                raise StoreUnavailable(f"{self._table} can't be read: {error_code(error)}") from None
            raise StoreRefused(f"{self._table} can't be read: {error_code(error)}") from None
        rows = {row["poll_id"]["S"]: row for row in answer["Responses"].get(self._table, [])}
        unanswered = {
            key["poll_id"]["S"] for left in answer["UnprocessedKeys"].values() for key in left["Keys"]
        }
        for poll_id in poll_ids:
            if poll_id in rows:
                yield poll_id, self._poll(rows[poll_id])
            elif poll_id not in unanswered:
                yield poll_id, None
        if unanswered:
            raise StoreUnavailable(f"{self._table} throttles reads")

    def _poll(self, row: "Mapping[str, AttributeValueTypeDef]") -> Poll:
        deserialize = TypeDeserializer().deserialize
        item = {name: deserialize(value) for name, value in row.items()}
        try:
            return Poll.from_stored(item)
        except ValidationError as error:
            raise InvalidPoll(
                f"row {item['poll_id']!r} of {self._table} is not a valid poll: {error}"
            ) from error
