"""boto3 clients and what their errors mean."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from voting.errors import StoreRefused, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 3
MAX_ATTEMPTS = 2

# How long one call can take at worst: both attempts time out, and botocore sleeps under a second
# between them. A caller with less time left must not start a call.
SLOWEST_CALL_MS = (MAX_ATTEMPTS * (CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS) + 1) * 1000

# Error codes of whole calls and of single statements after which the same request may succeed: throttling, and
# failures on the table's side.
_THROTTLING = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_PASSING = _THROTTLING | {
    "InternalServerError",
    "RequestTimeout",
    "ServiceUnavailable",
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
}


def dynamodb_client(max_connections: int = 10) -> "DynamoDBClient":
    """Return a client with short timeouts, few retries (the caller paces its own) and kept connections."""
    client: DynamoDBClient = boto3.client(
        "dynamodb",
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
            max_pool_connections=max_connections,
            tcp_keepalive=True,  # off by default: an idle function would reconnect at the next batch
            parameter_validation=False,  # a quarter of a call's CPU, and our requests have one shape
            user_agent="votestream",  # a tenth: botocore builds its own for each call
        ),
    )
    # botocore walks the statements along its model of the API, which turns bytes and dates into JSON. That takes
    # a sixth of a call of 25 statements. Ours hold text only and are JSON already, so they skip the walk.
    if _speaks_json(client):
        events = client.meta.events
        events.register("before-parameter-build.dynamodb.BatchExecuteStatement", _set_aside)
        events.register("before-call.dynamodb.BatchExecuteStatement", _put_back)
    return client


def _speaks_json(client: "DynamoDBClient") -> bool:
    """Say whether requests are JSON: the runtime's boto3 may move DynamoDB to another protocol at any time."""
    return getattr(client.meta.service_model, "resolved_protocol", None) == "json"


def _set_aside(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    context["statements"] = params.pop("Statements")


def _put_back(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    params["body"] = json.dumps({"Statements": context["statements"]}).encode()


def is_throttling_code(code: str | None) -> bool:
    """Say whether a request with this error code was refused for capacity."""
    return code in _THROTTLING


def is_transient_code(code: str | None) -> bool:
    """Say whether a request with this error code may succeed when it is sent again."""
    return code in _PASSING


def error_code(error: Exception) -> str:
    """Return the public part of a call's error: its code, or its type's name; never its message."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "no code")
    return type(error).__name__


def is_transient(error: Exception) -> bool:
    """Say whether a call that raised this may succeed when it is made again.

    A lost response is transient: the write may have happened, and every write here can be repeated.
    """
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or is_transient_code(error.response.get("Error", {}).get("Code"))
    return isinstance(error, NoConnectionError | HTTPClientError)


def attempt[T](what: str, call: Callable[[], T]) -> T:
    """Make a call, and turn its error into ours: its code only, because its message may quote a key.

    Args:
        what: the error's text, as in "votestream-prod-votes can't be read".
        call: the call.

    Raises:
        StoreUnavailable: the same call may succeed later.
        StoreRefused: a retry would not help.
    """
    try:
        return call()
    except (ClientError, BotoCoreError) as error:
        if is_transient(error):
            raise StoreUnavailable(f"{what}: {error_code(error)}") from None
        raise StoreRefused(f"{what}: {error_code(error)}") from None


def read_entries(client: "DynamoDBClient", table: str, poll_id: str, prefix: str) -> list[dict[str, Any]]:
    """Return a poll's rows of the tallies table whose entries have a prefix, read strongly consistently.

    Raises:
        StoreUnavailable: the same call may succeed later.
        StoreRefused: a retry would not help.
    """

    def read() -> list[dict[str, Any]]:
        pages = client.get_paginator("query").paginate(
            TableName=table,
            ConsistentRead=True,
            KeyConditionExpression="poll_id = :poll AND begins_with(entry, :prefix)",
            ExpressionAttributeValues={":poll": {"S": poll_id}, ":prefix": {"S": prefix}},
        )
        return [row for page in pages for row in page["Items"]]

    return attempt(f"{table} can't be read", read)
