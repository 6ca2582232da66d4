"""Records the AWS calls of each role, for tests that compare them with the role's permissions.

LocalEmu refuses calls that a role may not make (`permissions`), but MiniStack emulates DynamoDB and has no roles. So a
function process records every call that it makes through botocore, as the IAM action and resource that AWS would check
(https://docs.aws.amazon.com/service-authorization/latest/reference/). Names only: no key, no value, no statement's
parameter is written. Loaded by `bootstrap` from its path: nothing but the standard library, and botocore, is there.
"""

# mypy: disable-error-code="import-not-found"

import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

# The IAM actions of operations that have another name than the action.
ACTIONS = {
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
}
PARTIQL_ACTIONS = {
    "DELETE": "dynamodb:PartiQLDelete",
    "INSERT": "dynamodb:PartiQLInsert",
    "SELECT": "dynamodb:PartiQLSelect",
    "UPDATE": "dynamodb:PartiQLUpdate",
}

# INSERT INTO "table", SELECT … FROM "table", UPDATE "table", DELETE FROM "table".
_STATEMENT = re.compile(r'\s*(?P<verb>\w+)\b[^"]*"(?P<table>[^"]+)"')
_NAME = re.compile(r"[#\w]+")


class RecordedCall(NamedTuple):
    """An IAM request: an action, a resource, and the condition keys of the request."""

    action: str
    resource: str
    conditions: Mapping[str, list[str]]


class CallLog:
    """One JSON object a line in a file that several processes share; the same call is written once per process."""

    def __init__(self, path: Path, role: str | None = None) -> None:
        self._path = path
        self._role = role
        self._written: set[str] = set()
        self._lock = threading.Lock()

    def note(self, call: RecordedCall, role: str | None = None) -> None:
        """Record a call, made with a role or with the log's own role."""
        line = json.dumps({"role": role or self._role, **call._asdict()}, sort_keys=True)
        with self._lock:
            if line in self._written:
                return
            self._written.add(line)
            # One write in append mode: lines of several processes do not mix.
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")


def record(path: Path, role_arn: str) -> None:
    """Record every call that this process makes through botocore from now on."""
    from botocore import handlers

    log = CallLog(path, role_arn.rpartition("/")[2])
    account, region = role_arn.split(":")[4], os.environ["AWS_REGION"]

    def note(params: Mapping[str, Any], model: Any, **_: object) -> None:
        for call in calls(model.service_model.service_name, model.name, params, region, account):
            log.note(call)

    # Every session registers these; the event comes before each operation of each of its clients.
    handlers.BUILTIN_HANDLERS.append(("provide-client-params", note))


def calls(
    service: str, operation: str, params: Mapping[str, Any], region: str, account: str
) -> Iterator[RecordedCall]:
    """The IAM requests of one call."""
    action = ACTIONS.get((service, operation), f"{service}:{operation}")
    match service:
        case "dynamodb":
            for action_name, table in _tables(operation, action, params):
                arn = f"arn:aws:dynamodb:{region}:{account}:table/{table}"
                yield RecordedCall(action_name, arn, _attributes(operation, params))
        case "kinesis":
            arn = (
                params.get("StreamARN") or f"arn:aws:kinesis:{region}:{account}:stream/{params['StreamName']}"
            )
            yield RecordedCall(action, arn, {})
        case "s3":
            key = f"/{params['Key']}" if "Key" in params else ""
            yield RecordedCall(action, f"arn:aws:s3:::{params['Bucket']}{key}", {})
        case "kms":
            yield RecordedCall(action, params["KeyId"], {})
        case "lambda" if "UUID" in params:
            yield RecordedCall(
                action, f"arn:aws:lambda:{region}:{account}:event-source-mapping:{params['UUID']}", {}
            )
        case "scheduler" if "Name" in params:
            name = f"{params.get('GroupName', 'default')}/{params['Name']}"
            yield RecordedCall(action, f"arn:aws:scheduler:{region}:{account}:schedule/{name}", {})
        case _:
            # No role of ours may do this, so the log has to show it.
            yield RecordedCall(action, "unknown", {})


def _tables(operation: str, action: str, params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if operation in {"BatchGetItem", "BatchWriteItem"}:
        yield from ((action, table) for table in params["RequestItems"])
    elif operation == "BatchExecuteStatement":
        yield from {_partiql(statement["Statement"]) for statement in params["Statements"]}
    elif operation == "ExecuteStatement":
        yield _partiql(params["Statement"])
    else:
        yield action, params.get("TableName", "unknown")


@lru_cache(maxsize=64)
def _partiql(statement: str) -> tuple[str, str]:
    found = _STATEMENT.match(statement)
    if found is None:
        return "dynamodb:PartiQL", "unknown"
    return PARTIQL_ACTIONS.get(found["verb"].upper(), "dynamodb:PartiQL"), found["table"]


def _attributes(operation: str, params: Mapping[str, Any]) -> dict[str, list[str]]:
    """The condition keys of DynamoDB for a read: which attributes it names, and whether it asks for these alone."""
    if operation not in {"GetItem", "Query", "Scan"}:
        return {}
    projection = params.get("ProjectionExpression")
    names = params.get("ExpressionAttributeNames", {})
    asked = [names.get(name, name) for name in _NAME.findall(projection or "")]
    return {
        "dynamodb:Attributes": sorted({*asked, *params.get("Key", {})}),
        "dynamodb:Select": [
            params.get("Select") or ("SPECIFIC_ATTRIBUTES" if projection else "ALL_ATTRIBUTES")
        ],
    }
