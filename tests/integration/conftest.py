"""An emulated AWS on this machine and the fake DynamoDB, behind one fixture."""

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import boto3
import pytest

from integration.emulated import ministack as start_ministack
from samples import a_deployment
from votectl.deployment import Deployment
from world.containers import POLLS, TABLES, TALLIES, VOTES
from world.dynamodb import FakeDynamoDB

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_numbers = count(1)


class Store(NamedTuple):
    """A DynamoDB with the three tables, empty."""

    client: "DynamoDBClient"
    polls: str
    votes: str
    tallies: str


@pytest.fixture(scope="session")
def ministack() -> Iterator[str]:
    """The endpoint of a MiniStack that all tests share."""
    with start_ministack() as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(
    ministack: str,
    fake_credentials: None,  # noqa: ARG001 - every client needs some
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Aim boto3 at MiniStack, the way that it is aimed at any endpoint."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", ministack)
    return ministack


@pytest.fixture
def tables_in_ministack(endpoint: str) -> Store:
    """The tables in MiniStack, under names of their own for every test."""
    client = boto3.client("dynamodb", endpoint_url=endpoint)
    number = next(_numbers)
    for table, key_names in TABLES.items():
        client.create_table(
            TableName=f"{table}-{number}",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in key_names],
            KeySchema=[
                {"AttributeName": name, "KeyType": "RANGE" if position else "HASH"}
                for position, name in enumerate(key_names)
            ],
        )
    return Store(client, f"{POLLS}-{number}", f"{VOTES}-{number}", f"{TALLIES}-{number}")


@pytest.fixture
def tables_in_the_fake() -> Store:
    """The tables in the fake, which returns existing rows where MiniStack does."""
    database = FakeDynamoDB(TABLES, shows_row_to_insert=False, shows_row_to_update=True)
    return Store(database.client(), POLLS, VOTES, TALLIES)


@pytest.fixture(params=["fake", "ministack"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each of them in turn: a test must pass on both."""
    fixture = {"fake": "tables_in_the_fake", "ministack": "tables_in_ministack"}[request.param]
    found: Store = request.getfixturevalue(fixture)
    return found


@pytest.fixture
def deployment(endpoint: str, tables_in_ministack: Store) -> Deployment:
    """The parts of a deployment that operators' tools need, in MiniStack: tables, stream, failure bucket."""
    _, polls, votes, tallies = tables_in_ministack
    number = polls.rpartition("-")[2]
    bucket, stream = f"votestream-test-writer-failures-{number}", f"votestream-test-votes-{number}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    return a_deployment(
        votes_url=endpoint,
        environment="test",
        region="us-east-1",
        api_url=endpoint,
        stream_name=stream,
        polls_table=polls,
        votes_table=votes,
        tallies_table=tallies,
        vote_writer_failure_bucket=bucket,
        poll_cache_seconds=1,
    )
