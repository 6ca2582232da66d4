"""The register of batches on a poll's row: which batches of codes exist, and which of them are void.

Every write is a conditional update of one entry. So edits of the poll keep the register, and two operators never
overwrite each other's batches.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from votectl.errors import OperatorError, command
from voting.codes import BATCHES, VOIDED_AT
from voting.texts import STORED, Text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Consumers read the whole row of a poll each time: this many batches are at most 20 KB.
MOST_BATCHES = 100
ATTEMPTS = 5


class CodeBatch(BaseModel):
    """One batch of codes. All times are epoch ms."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    count: Annotated[int, Field(ge=1)]
    created_at: int
    expires_at: int
    voided_at: int | None = None
    note: Text | None = None


def batches_in(row: Mapping[str, Any]) -> dict[str, CodeBatch]:
    """Return the batches in a row of the polls table, the oldest first.

    Raises:
        OperatorError: an entry is not a batch.
    """
    stored = TypeDeserializer().deserialize(row[BATCHES]) if BATCHES in row else {}
    try:
        found = {name: CodeBatch.model_validate(entry, context=STORED) for name, entry in stored.items()}
    except (ValidationError, AttributeError):
        raise OperatorError(
            f"the attribute {BATCHES} of a row of the polls table is not a list of batches: repair it, or remove the "
            "entries that votectl did not write"
        ) from None
    return dict(sorted(found.items(), key=lambda entry: (entry[1].created_at, entry[0])))


class CodeRegister:
    """The batches of one deployment's polls."""

    def __init__(self, table: str, client: "DynamoDBClient | None" = None) -> None:
        """Take the polls table's name, and a client (None: create one)."""
        self._table = table
        retries = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
        self._client = client or boto3.client("dynamodb", config=retries)

    def batches(self, poll_id: str) -> dict[str, CodeBatch]:
        """Return a poll's batches by id, the oldest first; none for an unknown poll."""
        answer = self._client.get_item(
            TableName=self._table,
            Key={"poll_id": {"S": poll_id}},
            ProjectionExpression=BATCHES,
            ConsistentRead=True,
        )
        return batches_in(answer.get("Item", {}))

    def add(self, poll_id: str, batch_id: str, batch: CodeBatch) -> None:
        """Register a new batch, if the poll can still be voted in when the batch is created.

        Raises:
            OperatorError: the poll is deleted, cancelled or closed, or has too many batches; nothing was changed.
        """
        key = {"poll_id": {"S": poll_id}}
        # If this fails, there is a list already, or no poll: the next write finds out.
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET #batches = :none",
                ConditionExpression="attribute_exists(poll_id) AND attribute_not_exists(#batches)",
                ExpressionAttributeNames={"#batches": BATCHES},
                ExpressionAttributeValues={":none": {"M": {}}},
            )
        entry = {name: value for name, value in batch.model_dump().items() if value is not None}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET #batches.#batch = :entry",
                ConditionExpression=(
                    "attribute_not_exists(#batches.#batch) AND size(#batches) < :most AND closes_at > :now "
                    "AND attribute_not_exists(cancelled_at)"
                ),
                ExpressionAttributeNames={"#batches": BATCHES, "#batch": batch_id},
                ExpressionAttributeValues={
                    ":entry": TypeSerializer().serialize(entry),
                    ":most": {"N": str(MOST_BATCHES)},
                    ":now": {"N": str(batch.created_at)},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            there = self.batches(poll_id)
            if there.get(batch_id) == batch:
                return  # an earlier attempt succeeded, and its answer was lost
            if len(there) >= MOST_BATCHES:
                raise OperatorError(
                    f"poll {poll_id!r} has {len(there)} batches of codes, and a poll takes {MOST_BATCHES}: order more "
                    "codes at once"
                ) from None
            raise OperatorError(
                f"poll {poll_id!r} was deleted, cancelled or closed in the meantime, so no codes were made: see "
                f"{command('poll show', poll_id)}"
            ) from None

    def void(self, poll_id: str, batch_id: str, now_ms: int) -> CodeBatch:
        """Void a batch permanently; return it as stored. A batch that was voided before keeps its time.

        Raises:
            OperatorError: the poll has no such batch.
        """
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"poll_id": {"S": poll_id}},
                UpdateExpression="SET #batches.#batch.#voided = if_not_exists(#batches.#batch.#voided, :now)",
                ConditionExpression="attribute_exists(#batches.#batch)",
                ExpressionAttributeNames={"#batches": BATCHES, "#batch": batch_id, "#voided": VOIDED_AT},
                ExpressionAttributeValues={":now": {"N": str(now_ms)}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise unknown_batch(poll_id, batch_id) from None
        return self.batches(poll_id)[batch_id]


def unknown_batch(poll_id: str, batch_id: str) -> OperatorError:
    """Return the error for a batch that a poll does not have."""
    return OperatorError(
        f"poll {poll_id!r} has no batch {batch_id!r}: {command('codes list', poll_id)} shows them all"
    )
