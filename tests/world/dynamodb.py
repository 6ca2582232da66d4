"""A fake of boto3's DynamoDB client, for the few requests that this project makes.

It behaves like DynamoDB for these requests: tests/integration runs one suite against this and against an independent
implementation. It refuses every request of an unknown form, and fails on demand. Its error messages quote keys and
values, as DynamoDB's may.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from world.faults import Call, Fault, FunctionStopped, Gate, script

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Values are never changed in place, so a copy of an item is a copy of its outermost dict.
type Value = dict[str, Any]
type Item = dict[str, Value]
type Key = tuple[str, ...]

ENDPOINT = "http://127.0.0.1:1"
STATEMENTS_PER_CALL = 25
KEYS_PER_CALL = 100
BYTES_PER_WRITE_UNIT = 1024
BYTES_PER_READ_UNIT = 4096

_HTTP_STATUS = defaultdict(lambda: 400, {"InternalServerError": 500})


class ConditionalCheckFailedException(ClientError):
    """Boto3's error for an UpdateItem whose condition was not met."""


def _error(code: str, operation: str, message: str, item: Item | None = None) -> ClientError:
    kind = ConditionalCheckFailedException if code == "ConditionalCheckFailedException" else ClientError
    response: dict[str, Any] = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": _HTTP_STATUS[code]},
    }
    if item is not None:
        response["Item"] = dict(item)
    return kind(cast("Any", response), operation)


@dataclass
class Table:
    """One table: its key's attribute names, its rows, and the write units that it has charged.

    ``replica`` is what an eventually consistent read returns: the rows as they were when ``replicate`` was last called.
    """

    key_names: tuple[str, ...]
    rows: dict[Key, Item] = field(default_factory=dict)
    replica: dict[Key, Item] = field(default_factory=dict)
    write_units: float = 0

    def key_of(self, item: Mapping[str, Value]) -> Key:
        """Return the primary key of an item."""
        return tuple(str(item[name]["S"]) for name in self.key_names)

    def replicate(self) -> None:
        """Let the replica catch up."""
        self.replica = dict(self.rows)

    def charge(self, *sizes: Item | None) -> float:
        """Charge a write by the larger of the item before and after it; a missing item is one unit."""
        largest = max(_size(item) for item in sizes if item is not None) if any(sizes) else 0
        units = max(1, -(-largest // BYTES_PER_WRITE_UNIT))
        self.write_units += units
        return units


def _size(item: Item) -> int:
    """Return an item's size in bytes: names and values (developer guide, "Item sizes and formats")."""
    total = 0
    for name, value in item.items():
        ((kind, content),) = value.items()
        total += len(name.encode())
        total += len(str(content).encode()) if kind == "S" else (len(str(content)) + 1) // 2 + 1
    return total


class Insert(NamedTuple):
    """INSERT INTO "table" VALUE {'a': ?, …}."""

    table: str
    attributes: tuple[str, ...]


class Update(NamedTuple):
    """UPDATE "table" SET "a" = ? … WHERE "k" = ? AND … ["c" < ?]."""

    table: str
    attributes: tuple[str, ...]
    terms: tuple[tuple[str, str], ...]  # attribute and operator


_INSERT = re.compile(r"INSERT INTO \"([^\"]+)\" VALUE \{((?:'\w+': \?(?:, )?)+)\}")
_UPDATE = re.compile(
    r"UPDATE \"([^\"]+)\"((?: SET \"\w+\" = \?)+) WHERE (\"\w+\" [=<] \?(?: AND \"\w+\" [=<] \?)*)"
)


@cache
def _parse(statement: str) -> Insert | Update:
    if match := _INSERT.fullmatch(statement):
        return Insert(match[1], tuple(re.findall(r"'(\w+)'", match[2])))
    if match := _UPDATE.fullmatch(statement):
        terms = tuple((name, operator) for name, operator in re.findall(r'"(\w+)" ([=<])', match[3]))
        return Update(match[1], tuple(re.findall(r'"(\w+)"', match[2])), terms)
    raise AssertionError(f"the fake does not know this statement: {statement}")


class FakeDynamoDB:
    """The tables. Every client of one database sees the same rows, strongly consistently.

    Args:
        tables: name to the names of the key's attributes.
        shows_row_to_insert: whether "DuplicateItem" carries the row that was there.
        shows_row_to_update: whether "ConditionalCheckFailed" of a statement does. Real stores differ in
            both, so no caller may rely on either.
        rows_per_page: how many rows a page of a query has at most.
    """

    def __init__(
        self,
        tables: Mapping[str, tuple[str, ...]],
        *,
        shows_row_to_insert: bool = True,
        shows_row_to_update: bool = True,
        rows_per_page: int = 1_000,
    ) -> None:
        self.tables = {name: Table(key_names) for name, key_names in tables.items()}
        self.shows_row_to_insert = shows_row_to_insert
        self.shows_row_to_update = shows_row_to_update
        self.rows_per_page = rows_per_page

    def client(self, gate: Gate | None = None) -> "DynamoDBClient":
        """Return a client whose calls pass this gate; without one, nothing ever fails."""
        return cast("DynamoDBClient", FakeClient(self, gate or script()))

    def rows(self, table: str) -> list[Item]:
        """Return all rows, ordered by key."""
        return [row for _, row in sorted(self.tables[table].rows.items())]


class _Pages:
    """boto3's paginator of one operation."""

    def __init__(self, client: "FakeClient") -> None:
        self._client = client

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Yield page after page."""
        start: dict[str, Any] = {}
        while True:
            page = self._client.query(**arguments, **start)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


class FakeClient:
    """One client. Method and parameter names are boto3's."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=ConditionalCheckFailedException)

    def __init__(self, database: FakeDynamoDB, gate: Gate) -> None:
        self._database = database
        self._gate = gate

    def put_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Item: Item,  # noqa: N803
        ConditionExpression: str | None = None,  # noqa: N803
        ExpressionAttributeValues: Mapping[str, Value] | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        """Replace a row if the condition is met."""
        fault = self._enter("PutItem", 1, [Item])
        if fault.throttled(1):
            self._refuse("ProvisionedThroughputExceededException", "PutItem", [Item])
        table = self._database.tables[TableName]
        key = table.key_of(Item)
        row = table.rows.get(key)
        if ConditionExpression and not _holds(ConditionExpression, row, ExpressionAttributeValues or {}):
            table.charge(row)
            self._leave(fault, "PutItem")
            raise _error("ConditionalCheckFailedException", "PutItem", f"not for {key}")
        table.charge(row, Item)
        table.rows[key] = dict(Item)
        self._leave(fault, "PutItem")
        return {}

    def get_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: Item,  # noqa: N803
        ConsistentRead: bool,  # noqa: N803
        ProjectionExpression: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        """Return a row, or some of its attributes."""
        fault = self._enter("GetItem", 1, [Key])
        row = self._read(TableName, consistent=ConsistentRead).get(
            self._database.tables[TableName].key_of(Key)
        )
        self._leave(fault, "GetItem")
        return {} if row is None else {"Item": _projected(row, ProjectionExpression, {})}

    def query(
        self,
        *,
        TableName: str,  # noqa: N803
        KeyConditionExpression: str,  # noqa: N803
        ExpressionAttributeValues: Mapping[str, Value],  # noqa: N803
        ConsistentRead: bool,  # noqa: N803
        ExclusiveStartKey: Item | None = None,  # noqa: N803
        ProjectionExpression: str | None = None,  # noqa: N803
        ExpressionAttributeNames: Mapping[str, str] | None = None,  # noqa: N803
        ReturnConsumedCapacity: str = "NONE",  # noqa: N803
    ) -> dict[str, Any]:
        """Return a page of one partition's rows, ordered by their sort key."""
        fault = self._enter("Query", 1, [ExpressionAttributeValues])
        match = re.fullmatch(r"(\w+) = (:\w+)(?: AND begins_with\((\w+), (:\w+)\))?", KeyConditionExpression)
        assert match, f"the fake does not know this key condition: {KeyConditionExpression}"
        partition, value, sort, prefix = match.groups()
        begins = ExpressionAttributeValues[prefix]["S"] if prefix else ""
        table = self._database.tables[TableName]
        after = table.key_of(ExclusiveStartKey) if ExclusiveStartKey else ()
        rows = [
            row
            for key, row in sorted(self._read(TableName, consistent=ConsistentRead).items())
            if row[partition] == ExpressionAttributeValues[value]
            and (not sort or row[sort]["S"].startswith(begins))
            and key > after
        ]
        page = rows[: self._database.rows_per_page]
        items = [_projected(row, ProjectionExpression, ExpressionAttributeNames or {}) for row in page]
        self._leave(fault, "Query")
        answer: dict[str, Any] = {"Items": items, "Count": len(items)}
        if len(page) < len(rows):
            answer["LastEvaluatedKey"] = {name: page[-1][name] for name in table.key_names}
        if ReturnConsumedCapacity != "NONE":
            size = sum(map(_size, page))
            answer["ConsumedCapacity"] = {"CapacityUnits": float(max(1, -(-size // BYTES_PER_READ_UNIT)))}
        return answer

    def get_paginator(self, operation: str) -> "_Pages":
        """Return a reader of all pages of a query."""
        assert operation == "query", f"the fake does not paginate {operation}"
        return _Pages(self)

    def _read(self, table: str, *, consistent: bool) -> Mapping[Key, Item]:
        """Return the rows, or those of a lagging replica."""
        if consistent:
            return self._database.tables[table].rows
        return self._database.tables[table].replica

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803
        """Return rows of one table by key."""
        ((name, request),) = RequestItems.items()
        keys: Sequence[Item] = request["Keys"]
        fault = self._enter("BatchGetItem", len(keys), keys)
        table = self._database.tables[name]
        wanted = [table.key_of(key) for key in keys]
        if not 1 <= len(keys) <= KEYS_PER_CALL or len(set(wanted)) < len(wanted):
            raise _error("ValidationException", "BatchGetItem", f"too many, no or repeated keys: {keys}")
        assert request["ConsistentRead"], "a poll that was created a moment ago must be seen"
        throttled = fault.throttled(len(keys))
        rows = [
            dict(table.rows[key])
            for position, key in enumerate(wanted)
            if position not in throttled and key in table.rows
        ]
        unprocessed = [dict(keys[position]) for position in throttled]
        self._leave(fault, "BatchGetItem")
        return {
            # In another order than requested: AWS promises none.
            "Responses": {name: rows[::-1]},
            "UnprocessedKeys": {name: {**request, "Keys": unprocessed}} if unprocessed else {},
        }

    def batch_execute_statement(
        self,
        *,
        Statements: Sequence[Mapping[str, Any]],  # noqa: N803
        ReturnConsumedCapacity: str = "NONE",  # noqa: N803
    ) -> dict[str, Any]:
        """Carry out up to 25 writes, each on its own."""
        fault = self._enter("BatchExecuteStatement", len(Statements), Statements)
        parsed = [_parse(statement["Statement"]) for statement in Statements]
        touched = [
            (plan.table, self._database.tables[plan.table].key_of(_bound(plan, statement["Parameters"])))
            for plan, statement in zip(parsed, Statements, strict=True)
        ]
        if not 1 <= len(Statements) <= STATEMENTS_PER_CALL:
            raise _error("ValidationException", "BatchExecuteStatement", f"{len(Statements)} statements")
        if len(set(touched)) < len(touched):
            raise _error(
                "ValidationException", "BatchExecuteStatement", f"an item is written twice: {touched}"
            )
        throttled = fault.throttled(len(Statements))
        units: dict[str, float] = {}
        responses = []
        for position, (plan, statement) in enumerate(zip(parsed, Statements, strict=True)):
            table = self._database.tables[plan.table]
            before = table.write_units
            if position in throttled:
                responses.append(_refusal("ProvisionedThroughputExceeded", plan, statement))
            elif fault is Fault.PERMISSION_LOST:
                responses.append(_refusal("AccessDenied", plan, statement))
            else:
                responses.append(self._execute(plan, statement))
            units[plan.table] = units.get(plan.table, 0) + table.write_units - before
        self._leave(fault, "BatchExecuteStatement")
        answer: dict[str, Any] = {"Responses": responses}
        if ReturnConsumedCapacity != "NONE":
            answer["ConsumedCapacity"] = [
                {"TableName": name, "CapacityUnits": consumed} for name, consumed in units.items()
            ]
        return answer

    def _execute(self, plan: Insert | Update, statement: Mapping[str, Any]) -> dict[str, Any]:
        table = self._database.tables[plan.table]
        given = _bound(plan, statement["Parameters"])
        key = table.key_of(given)
        row = table.rows.get(key)
        shows = statement.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        if isinstance(plan, Insert):
            if row is not None:
                table.charge(row)
                shown = row if shows and self._database.shows_row_to_insert else None
                return _refusal("DuplicateItem", plan, statement, shown)
            table.charge(given)
            table.rows[key] = given
            return {"TableName": plan.table}
        named = dict(plan.terms)
        assert all(named.get(name) == "=" for name in table.key_names), "UPDATE needs the whole key"
        conditions = _conditions(plan, statement["Parameters"], table.key_names)
        if row is None or not all(name in row and row[name]["S"] < limit["S"] for name, limit in conditions):
            table.charge(row)
            shown = row if shows and self._database.shows_row_to_update else None
            return _refusal("ConditionalCheckFailed", plan, statement, shown)
        changed = row | {name: given[name] for name in plan.attributes}
        table.charge(row, changed)
        table.rows[key] = changed
        return {"TableName": plan.table}

    def update_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: Item,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ExpressionAttributeValues: Mapping[str, Value] | None = None,  # noqa: N803
        ExpressionAttributeNames: Mapping[str, str] | None = None,  # noqa: N803
        ConditionExpression: str | None = None,  # noqa: N803
        ReturnValues: str = "NONE",  # noqa: N803
        ReturnValuesOnConditionCheckFailure: str = "NONE",  # noqa: N803
        ReturnConsumedCapacity: str = "NONE",  # noqa: N803
    ) -> dict[str, Any]:
        """Set and add to attributes of one row, in one step, if the condition is met."""
        names, values = ExpressionAttributeNames or {}, ExpressionAttributeValues or {}
        fault = self._enter("UpdateItem", 1, [Key, names, values])
        if fault.throttled(1):
            self._refuse("ProvisionedThroughputExceededException", "UpdateItem", [Key])
        table = self._database.tables[TableName]
        key = table.key_of(Key)
        row = table.rows.get(key)
        used = set(re.findall(r"[:#]\w+", f"{UpdateExpression} {ConditionExpression or ''}"))
        if used != {*names, *values}:
            self._refuse("ValidationException", "UpdateItem", ["a name or value is unused or undefined"])
        if ConditionExpression and not _holds(ConditionExpression, row, values):
            table.charge(row)
            self._leave(fault, "UpdateItem")
            shown = row if ReturnValuesOnConditionCheckFailure == "ALL_OLD" else None
            raise _error("ConditionalCheckFailedException", "UpdateItem", f"not for {Key}", shown)
        changed = _updated(row or dict(Key), UpdateExpression, names, values)
        units = table.charge(row, changed)
        table.rows[key] = changed
        self._leave(fault, "UpdateItem")
        answer: dict[str, Any] = {}
        if ReturnValues == "ALL_OLD" and row is not None:
            answer["Attributes"] = dict(row)
        if ReturnConsumedCapacity != "NONE":
            answer["ConsumedCapacity"] = {"TableName": TableName, "CapacityUnits": units}
        return answer

    def _enter(self, operation: str, size: int, quoted: Sequence[object]) -> Fault:
        """Pass the gate; raise the fault that stops the call."""
        fault = self._gate(Call(operation, size))
        match fault:
            case Fault.CALL_THROTTLED:
                self._refuse("ThrottlingException", operation, quoted)
            case Fault.CALL_FAILS:
                self._refuse("InternalServerError", operation, quoted)
            case Fault.PERMISSION_LOST if operation != "BatchExecuteStatement":
                self._refuse("AccessDeniedException", operation, quoted)
            case Fault.UNREACHABLE:
                raise EndpointConnectionError(endpoint_url=ENDPOINT)
            case Fault.FUNCTION_ENDS_BEFORE:
                raise FunctionStopped
        return fault

    def _leave(self, fault: Fault, operation: str) -> None:
        """Raise the fault that hides the call's success from the caller."""
        match fault:
            case Fault.FAILS_AFTERWARDS:
                self._refuse("InternalServerError", operation, [])
            case Fault.RESPONSE_LOST:
                raise ReadTimeoutError(endpoint_url=ENDPOINT)
            case Fault.FUNCTION_ENDS_AFTER:
                raise FunctionStopped

    @staticmethod
    def _refuse(code: str, operation: str, quoted: Sequence[object]) -> NoReturn:
        raise _error(code, operation, f"refused: {quoted}")


def _refusal(
    code: str, plan: Insert | Update, statement: Mapping[str, Any], item: Item | None = None
) -> dict[str, Any]:
    error: dict[str, Any] = {"Code": code, "Message": f"refused: {statement['Parameters']}"}
    if item is not None:
        error["Item"] = dict(item)
    return {"TableName": plan.table, "Error": error}


def _bound(plan: Insert | Update, parameters: Sequence[Value]) -> Item:
    """Return the attributes that a statement gives by their parameters: what it sets, and the key."""
    equal = [(name, operator) for name, operator in plan.terms] if isinstance(plan, Update) else []
    assert len(parameters) == len(plan.attributes) + len(equal), "as many parameters as question marks"
    item = {name: dict(value) for name, value in zip(plan.attributes, parameters, strict=False)}
    for (name, operator), value in zip(equal, parameters[len(plan.attributes) :], strict=True):
        if operator == "=":
            item[name] = dict(value)
    return item


def _conditions(
    plan: Update, parameters: Sequence[Value], key_names: tuple[str, ...]
) -> list[tuple[str, Value]]:
    """Return an UPDATE's conditions on the row besides its key: attribute and upper limit."""
    values = parameters[len(plan.attributes) :]
    terms = zip(plan.terms, values, strict=True)
    return [(name, value) for (name, _operator), value in terms if name not in key_names]


def _holds(condition: str, row: Item | None, values: Mapping[str, Value]) -> bool:
    """Evaluate terms joined by OR, or several of those in parentheses, joined by AND."""
    if condition.startswith("("):
        return all(_holds(part, row, values) for part in condition[1:-1].split(") AND ("))
    row = row or {}
    for term in condition.split(" OR "):
        if match := re.fullmatch(r"attribute_(not_)?exists\((\w+)\)", term):
            if (match[2] in row) != bool(match[1]):
                return True
        elif match := re.fullmatch(r"(\w+) (<|=) (:\w+)", term):
            if match[1] in row:
                stored, given = _comparable(row[match[1]]), _comparable(values[match[3]])
                if stored < given if match[2] == "<" else stored == given:
                    return True
        else:
            raise AssertionError(f"the fake does not know this condition: {condition}")
    return False


def _projected(row: Item, expression: str | None, names: Mapping[str, str]) -> Item:
    """Return the attributes in a projection; all of them without one."""
    if expression is None:
        return dict(row)
    wanted = [names.get(part, part) for part in expression.split(", ")]
    return {name: row[name] for name in wanted if name in row}


def _comparable(value: Value) -> Any:
    """Return a string or a number as Python compares it."""
    return int(value["N"]) if "N" in value else value["S"]


def _updated(row: Item, expression: str, names: Mapping[str, str], values: Mapping[str, Value]) -> Item:
    """Return the row after "SET a = :a, … [ADD #0 :0, …]", after "ADD #0 :0" of a set, or after a change of a map."""
    if match := re.fullmatch(r"SET (\w+)\.(#\w+) = (:\w+)", expression):
        return {**row, match[1]: {"M": {**row[match[1]]["M"], names[match[2]]: values[match[3]]}}}
    if match := re.fullmatch(r"REMOVE (\w+)\.(#\w+)", expression):
        rest = {name: value for name, value in row[match[1]]["M"].items() if name != names[match[2]]}
        return {**row, match[1]: {"M": rest}}
    if match := re.fullmatch(r"ADD (#\w+) (:\w+)", expression):
        name, added = names[match[1]], values[match[2]]["SS"]
        assert added, "DynamoDB knows no empty set"
        return {**row, name: {"SS": sorted({*row.get(name, {"SS": []})["SS"], *added})}}
    match = re.fullmatch(r"SET ((?:\w+ = :\w+(?:, )?)*)(?: ADD ((?:#\w+ :\w+(?:, )?)*))?", expression)
    assert match, f"the fake does not know this update: {expression}"
    changed = dict(row)
    for assignment in match[1].split(", "):
        name, value = assignment.split(" = ")
        changed[name] = dict(values[value])
    for addition in match[2].split(", ") if match[2] else ():
        placeholder, value = addition.split(" ")
        name = names[placeholder]
        before = int(changed.get(name, {"N": "0"})["N"])
        changed[name] = {"N": str(before + int(values[value]["N"]))}
    return changed
