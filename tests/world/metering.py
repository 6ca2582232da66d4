"""The cost of writes, as the store itself reports it."""

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Meter:
    """Asks for the consumed capacity of every call of a client, and adds it up."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client
        self.units = 0.0

    @property
    def client(self) -> "DynamoDBClient":
        """The client, with this meter in front."""
        return cast("DynamoDBClient", self)

    def batch_execute_statement(self, **arguments: Any) -> Any:
        """Carry out statements, and count their units."""
        answer = self._client.batch_execute_statement(**arguments, ReturnConsumedCapacity="TOTAL")
        self.units += sum(consumed["CapacityUnits"] for consumed in answer["ConsumedCapacity"])
        return answer

    def update_item(self, **arguments: Any) -> Any:
        """Update an item, and count its units."""
        answer = self._client.update_item(**arguments, ReturnConsumedCapacity="TOTAL")
        self.units += answer["ConsumedCapacity"]["CapacityUnits"]
        return answer

    def __getattr__(self, name: str) -> Any:
        """Pass everything else through."""
        return getattr(self._client, name)
