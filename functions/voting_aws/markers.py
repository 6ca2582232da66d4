"""Recording passed markers in the tallies table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from voting.errors import StoreRefused, StoreUnavailable
from voting.tallies import PASSED, drain_entry
from voting_aws.clients import error_code, is_transient

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Only a tally creates drain rows: a client that can put records must not create rows by inventing polls.
ROW_IS_THERE = "attribute_exists(entry)"


class DrainTable:
    """``voting.markers.DrainRows`` on DynamoDB: one UpdateItem per poll and batch that holds markers."""

    def __init__(self, client: "DynamoDBClient", table: str, consumer: str) -> None:
        """Take the client, the tallies table's name, and the consumer whose rows these are."""
        self._client = client
        self._table = table
        self._consumer = consumer

    def passed(self, poll_id: str, shard: str, ids: Sequence[str]) -> bool:
        """Record that markers have been passed (``DrainRows.passed``)."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"poll_id": {"S": poll_id}, "entry": {"S": drain_entry(self._consumer, shard)}},
                UpdateExpression="ADD #passed :ids",
                ConditionExpression=ROW_IS_THERE,
                ExpressionAttributeNames={"#passed": PASSED},
                ExpressionAttributeValues={":ids": {"SS": sorted(set(ids))}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        except (ClientError, BotoCoreError) as error:
            if is_transient(error):
                raise StoreUnavailable(f"{self._table} can't be written: {error_code(error)}") from None
            raise StoreRefused(f"{self._table} can't be written: {error_code(error)}") from None
        return True
