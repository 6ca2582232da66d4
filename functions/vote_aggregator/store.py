"""Live rows in the tallies table: the only place in the vote aggregator that knows boto3."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from vote_aggregator.folding import Addition
from voting.errors import StoreRefused, StoreUnavailable
from voting.tallies import live_entry
from voting_aws.clients import error_code, is_transient

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# The condition's two forms, by the names of its clauses.
ROW_IS_NEW_OR_ENDS_BEFORE = "attribute_not_exists(last_version) OR last_version < :first"
ROW_HAS_NOT_MOVED = "last_version = :seen"


class LiveRowTable:
    """``vote_aggregator.counting.LiveRowStore`` on DynamoDB: one conditional UpdateItem each."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Take the client and the table's name."""
        self._client = client
        self._table = table

    def add(self, addition: Addition, seen: str | None) -> str | None:
        """Add to a row (``LiveRowStore.add``)."""
        names: dict[str, str] = {}
        values: dict[str, AttributeValueTypeDef] = {
            ":last_version": {"S": addition.last_version},
            ":last_arrival": {"N": str(addition.last_arrival)},
        }
        terms = []
        for position, (attribute, count) in enumerate(sorted(addition.counts().items())):
            names[f"#{position}"] = attribute
            values[f":{position}"] = {"N": str(count)}
            terms.append(f"#{position} :{position}")
        if seen is None:
            condition = ROW_IS_NEW_OR_ENDS_BEFORE
            values[":first"] = {"S": addition.first_version}
        else:
            condition = ROW_HAS_NOT_MOVED
            values[":seen"] = {"S": seen}
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"poll_id": {"S": addition.poll_id}, "entry": {"S": live_entry(addition.shard)}},
                UpdateExpression=(
                    "SET last_version = :last_version, last_arrival = :last_arrival ADD " + ", ".join(terms)
                ),
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            # The row exists: both conditions are met for a missing row.
            return str(error.response["Item"]["last_version"]["S"])  # type: ignore[typeddict-item]
        except (ClientError, BotoCoreError) as error:
            if is_transient(error):
                raise StoreUnavailable(f"{self._table} can't be written: {error_code(error)}") from None
            raise StoreRefused(f"{self._table} can't be written: {error_code(error)}") from None
        return None
