"""Reading a poll's stored votes, bucket by bucket: for the tally, and for the live count of voters."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from voting.counting import VotePage
from voting_aws.clients import attempt

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


class StoredVoteTable:
    """``voting.counting.BucketReader`` on DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str, *, with_arrivals: bool = False) -> None:
        """Take the client and the table's name; ``with_arrivals`` reads when votes arrived, too."""
        self._client = client
        self._table = table
        self._attributes = "#option, arrived_at" if with_arrivals else "#option"

    def page(self, poll_bucket: str, after: str | None) -> VotePage:
        """Return up to 1 MB of a bucket's votes (``BucketReader.page``)."""
        key: dict[str, AttributeValueTypeDef] = {"poll_bucket": {"S": poll_bucket}}
        start: dict[str, Any] = {} if after is None else {"ExclusiveStartKey": {**key, "voter": {"S": after}}}
        answer = attempt(
            f"{self._table} can't be read",
            lambda: self._client.query(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="poll_bucket = :bucket",
                ExpressionAttributeValues={":bucket": key["poll_bucket"]},
                # Half the text to parse, at the same read units, which depend on the stored size.
                ProjectionExpression=self._attributes,
                ExpressionAttributeNames={"#option": "option"},
                ReturnConsumedCapacity="TOTAL",
                **start,
            ),
        )
        last = answer.get("LastEvaluatedKey")
        return VotePage(
            options=Counter(row["option"]["S"] for row in answer["Items"]),
            last_voter=last["voter"]["S"] if last else None,
            arrivals=Counter(
                int(row["arrived_at"]["N"]) // 1000 for row in answer["Items"] if "arrived_at" in row
            ),
            read_units=answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0),
        )
