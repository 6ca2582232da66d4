"""The log of a function's calls has what IAM checks, and nothing of a vote."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import handlers
from botocore.stub import Stubber

from localcloud.emulator import calls
from localcloud.emulator.calls import CallLog, RecordedCall

TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/votes"


def asked(service: str, operation: str, **params: Any) -> list[RecordedCall]:
    return list(calls.calls(service, operation, params, "eu-west-1", "111122223333"))


@pytest.mark.parametrize(
    ("operation", "params", "action"),
    [
        pytest.param("UpdateItem", {"TableName": "votes"}, "dynamodb:UpdateItem", id="one-item"),
        pytest.param("BatchGetItem", {"RequestItems": {"votes": {}}}, "dynamodb:BatchGetItem", id="batch"),
        pytest.param(
            "BatchExecuteStatement",
            {"Statements": [{"Statement": "INSERT INTO \"votes\" VALUE {'voter': ?}"}] * 2},
            "dynamodb:PartiQLInsert",
            id="partiql-insert",
        ),
        pytest.param(
            "BatchExecuteStatement",
            {"Statements": [{"Statement": 'UPDATE "votes" SET "option" = ? WHERE voter = ?'}]},
            "dynamodb:PartiQLUpdate",
            id="partiql-update",
        ),
        pytest.param(
            "ExecuteStatement",
            {"Statement": 'select * from "votes" where voter = ?'},
            "dynamodb:PartiQLSelect",
            id="partiql-select",
        ),
    ],
)
def test_a_call_to_dynamodb_is_noted_as_iam_names_it(
    operation: str, params: dict[str, Any], action: str
) -> None:
    (call,) = asked("dynamodb", operation, **params)
    assert (call.action, call.resource) == (action, TABLE)


def test_a_read_says_which_attributes_it_asks_for() -> None:
    (call,) = asked(
        "dynamodb",
        "GetItem",
        TableName="votes",
        Key={"voter": {"S": "somebody"}},
        ProjectionExpression="#v, arrived_at",
        ExpressionAttributeNames={"#v": "version"},
    )
    assert call.conditions == {
        "dynamodb:Attributes": ["arrived_at", "version", "voter"],
        "dynamodb:Select": ["SPECIFIC_ATTRIBUTES"],
    }


def test_a_read_of_whole_items_says_so() -> None:
    (call,) = asked("dynamodb", "GetItem", TableName="votes", Key={"voter": {"S": "somebody"}})
    assert call.conditions["dynamodb:Select"] == ["ALL_ATTRIBUTES"]


def test_calls_of_other_services_are_noted_with_their_resource() -> None:
    stream = "arn:aws:kinesis:eu-west-1:111122223333:stream/votes"
    key = "arn:aws:kms:eu-west-1:111122223333:key/1"
    assert asked("kms", "Sign", KeyId=key) == [RecordedCall("kms:Sign", key, {})]
    assert asked("kinesis", "PutRecords", StreamName="votes") == [
        RecordedCall("kinesis:PutRecords", stream, {})
    ]
    assert asked("s3", "ListObjectsV2", Bucket="b") == [RecordedCall("s3:ListBucket", "arn:aws:s3:::b", {})]
    assert asked("s3", "PutObject", Bucket="b", Key="k") == [
        RecordedCall("s3:PutObject", "arn:aws:s3:::b/k", {})
    ]


def test_an_unknown_resource_is_logged_as_one_that_no_policy_names() -> None:
    assert asked("sns", "Publish", TopicArn="t") == [RecordedCall("sns:Publish", "unknown", {})]
    (call,) = asked("dynamodb", "ExecuteStatement", Statement="DROP TABLE votes")
    assert call.resource.endswith("table/unknown")


@pytest.mark.slow
def test_every_clients_calls_are_noted_once_and_without_a_voter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", list(handlers.BUILTIN_HANDLERS))
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    log = tmp_path / "calls.jsonl"
    calls.record(log, "arn:aws:iam::111122223333:role/the-writer")
    client = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1"
    ).client("dynamodb")
    with Stubber(client) as stubber:
        for _ in range(2):
            stubber.add_response("put_item", {})
            client.put_item(TableName="votes", Item={"voter": {"S": "somebody"}, "option": {"S": "a-choice"}})

    (line,) = log.read_text().splitlines()
    assert json.loads(line) == {
        "role": "the-writer",
        "action": "dynamodb:PutItem",
        "resource": TABLE,
        "conditions": {},
    }


def test_several_roles_share_a_log(tmp_path: Path) -> None:
    log = CallLog(tmp_path / "calls.jsonl")
    for role in ("first", "second", "first"):
        log.note(RecordedCall("s3:PutObject", "arn:aws:s3:::b/k", {}), role)
    noted = [json.loads(line)["role"] for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert noted == ["first", "second"]
