"""Statements bypass botocore's serializer; each request to DynamoDB must equal botocore's."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from vote_writer.folding import Ballot
from vote_writer.store import BallotTable
from vote_writer.writing import Statement, WriteOperation, WriteOutcome
from voting_aws.clients import dynamodb_client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Wire:
    """Intercepts a client's requests, and answers them."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.requests: list[Any] = []
        take: Any = self._take
        client.meta.events.register("before-send.dynamodb", take)

    def _take(self, request: Any, **_: object) -> AWSResponse:
        self.requests.append(request)
        responses = [{"TableName": "votes"} for _ in json.loads(request.body)["Statements"]]
        answer = AWSResponse(request.url, 200, HTTPHeaders(), None)
        vars(answer)["_content"] = json.dumps({"Responses": responses}).encode()
        return answer


@pytest.fixture
def clients(fake_credentials: None) -> Iterator[tuple["DynamoDBClient", "DynamoDBClient"]]:
    """Our client, and an untuned boto3 client."""
    del fake_credentials
    ours, plain = dynamodb_client(), boto3.client("dynamodb")
    yield ours, plain
    ours.close()
    plain.close()


@pytest.mark.parametrize("expires_at", [None, 1_800_000_000], ids=["kept-for-good", "expiring"])
def test_a_call_equals_botocores(
    clients: tuple["DynamoDBClient", "DynamoDBClient"], expires_at: int | None
) -> None:
    ballots = [
        Ballot("poll#1", f"voter-{n}|ü", "yes", f"{n:056}", 1_700_000_000_000 + n, expires_at, f"{n:056}")
        for n in range(25)
    ]
    statements = [
        Statement(WriteOperation.INSERT if n % 2 else WriteOperation.UPDATE, ballot)
        for n, ballot in enumerate(ballots)
    ]
    sent = []
    for client in clients:
        wire = Wire(client)
        assert BallotTable(client, "votes").execute(statements) == [WriteOutcome.WRITTEN] * 25
        sent += wire.requests

    ours, plain = sent
    assert ours.body == plain.body
    assert len(json.loads(ours.body)["Statements"]) == 25
    for header in ("X-Amz-Target", "Content-Type", "Content-Length"):
        assert ours.headers[header] == plain.headers[header]
    assert ours.headers["Authorization"]
