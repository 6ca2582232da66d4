"""The functions from their entry points, with their own client, on a real endpoint."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import vote_aggregator.handler
import vote_writer.handler
from integration.conftest import Store
from world.clock import START_MS
from world.events import kinesis_event
from world.kinesis import USUAL_FIRST_NUMBER
from world.model import PollRow

CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)


@pytest.fixture
def functions(tables_in_ministack: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The environment of both functions."""
    store = tables_in_ministack
    poll = PollRow("poll-1", ("choice-a", "choice-b"), 0, START_MS - 1, START_MS + 60_000, bucket_count=1)
    store.client.put_item(TableName=store.polls, Item=poll.as_item())
    for name, value in {
        "ENVIRONMENT": "test",
        "LOG_LEVEL": "INFO",
        "POLLS_TABLE": store.polls,
        "POLL_CACHE_SECONDS": "5",
    }.items():
        monkeypatch.setenv(f"VOTESTREAM_{name}", value)
    vote_writer.handler.runtime.cache_clear()
    vote_aggregator.handler.runtime.cache_clear()
    yield store
    vote_writer.handler.runtime.cache_clear()
    vote_aggregator.handler.runtime.cache_clear()


def rows_of(store: Store, table: str, key: str, value: str) -> list[Any]:
    answer = store.client.query(
        TableName=table,
        KeyConditionExpression=f"{key} = :value",
        ExpressionAttributeValues={":value": {"S": value}},
        ConsistentRead=True,
    )
    return list(answer["Items"])


@pytest.fixture
def writer(functions: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in {
        "VOTES_TABLE": functions.votes,
        "VOTE_RETENTION_DAYS": "30",
        "MAX_WRITES_PER_SECOND": "0",
        "TALLIES_TABLE": functions.tallies,
        "WRITE_CONCURRENCY": "4",
    }.items():
        monkeypatch.setenv(f"VOTESTREAM_{name}", value)
    return functions


@pytest.fixture
def aggregator(functions: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("VOTESTREAM_TALLIES_TABLE", functions.tallies)
    return functions


def test_the_writer_stores_a_batch_of_several_calls_at_once(writer: Store) -> None:
    event = kinesis_event([(f"voter-{n % 90}", "poll-1", f"choice-{'ab'[n // 90]}") for n in range(120)])
    for _ in range(2):
        assert vote_writer.handler.lambda_handler(event, CONTEXT) == {"batchItemFailures": []}
    stored = rows_of(writer, writer.votes, "poll_bucket", "poll-1#0")
    assert len(stored) == 90
    assert sum(row["option"]["S"] == "choice-b" for row in stored) == 30


def test_a_second_process_replaces_older_votes_and_leaves_newer_ones(writer: Store) -> None:
    for first, option in [(20, "choice-b"), (10, "choice-a"), (30, "choice-a"), (25, "choice-b")]:
        vote_writer.handler.runtime.cache_clear()
        event = kinesis_event([("voter-1", "poll-1", option)], first=USUAL_FIRST_NUMBER + first)
        assert vote_writer.handler.lambda_handler(event, CONTEXT) == {"batchItemFailures": []}
    (row,) = rows_of(writer, writer.votes, "poll_bucket", "poll-1#0")
    assert (row["option"]["S"], row["version"]["S"]) == ("choice-a", str(USUAL_FIRST_NUMBER + 30))


def test_the_aggregator_counts_each_record_once_with_any_batch_boundaries(aggregator: Store) -> None:
    votes = [(f"voter-{n}", "poll-1", "choice-a") for n in range(10)]
    for start, end in [(0, 6), (0, 6), (3, 10), (0, 10)]:
        event = kinesis_event(votes[start:end], first=USUAL_FIRST_NUMBER + start)
        assert vote_aggregator.handler.lambda_handler(event, CONTEXT) == {"batchItemFailures": []}
    (row,) = rows_of(aggregator, aggregator.tallies, "poll_id", "poll-1")
    assert (row["received"], row["total"], row["option#choice-a"]) == ({"N": "10"}, {"N": "10"}, {"N": "10"})
