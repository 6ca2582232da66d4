"""Ballots stay private: no log line, metric or error carries a voter or a choice, whatever goes wrong."""

import sys
import traceback
from typing import Any

import pytest

from voting.settings import AggregatorSettings, FunctionSettings, WriterSettings
from voting_aws.telemetry import PowertoolsTelemetry
from world.clock import Clock
from world.containers import POLLS, TABLES, TALLIES, VOTES, AggregatorContainer, WriterContainer
from world.dynamodb import FakeDynamoDB
from world.events import kinesis_event
from world.faults import Fault, FunctionStopped, script
from world.kinesis import base64_of
from world.model import PollRow
from world.poison import DATA, vote_body

VOTER, OPTION, UNKNOWN_OPTION = "voter-marked", "choice-marked", "choice-unknown"
MARKS = ("marked", OPTION, UNKNOWN_OPTION)

COMMON: dict[str, Any] = {
    "environment": "test",
    "log_level": "DEBUG",
    "poll_cache_seconds": 5,
    "polls_table": POLLS,
}
SETTINGS: dict[str, FunctionSettings] = {
    "vote_writer": WriterSettings(
        **COMMON,
        max_writes_per_second=0,
        vote_retention_days=30,
        tallies_table=TALLIES,
        votes_table=VOTES,
        write_concurrency=1,
    ),
    "vote_aggregator": AggregatorSettings(**COMMON, tallies_table=TALLIES),
}


@pytest.fixture
def database() -> FakeDynamoDB:
    database = FakeDynamoDB(TABLES)
    row = PollRow("poll-1", (OPTION, "choice-b"), 0, 0, 4_000_000_000_000)
    database.client().put_item(TableName=POLLS, Item=row.as_item())
    return database


@pytest.fixture
def event() -> dict[str, Any]:
    """Votes of every kind by a marked voter, and poison that holds a marked choice."""
    poison = [(VOTER, base64_of(f"{OPTION} {name}".encode())) for name in DATA]
    poison += [(f"{VOTER} '", vote_body("poll-1", OPTION)), (VOTER, DATA["half-a-surrogate"])]
    votes = [(VOTER, "poll-1", OPTION), (VOTER, "poll-1", UNKNOWN_OPTION), (VOTER, "poll-9", OPTION)]
    return kinesis_event(votes * 2, records=poison)


def what_leaks_out(consumer: str, database: FakeDynamoDB, event: dict[str, Any], *faults: Fault) -> None:
    """Handle an event as a deployed function would, printing what Lambda would print."""
    container: Any = (
        WriterContainer(database, Clock().skewed(0))
        if consumer == "vote_writer"
        else AggregatorContainer(database, Clock().skewed(0))
    )
    object.__setattr__(container.runtime, "telemetry", PowertoolsTelemetry(consumer, SETTINGS[consumer]))
    used: list[float] = []
    try:
        container.handle(event, script(*faults), lambda: round(200 - sum(used)), used.append)
    except (Exception, FunctionStopped):
        traceback.print_exc(file=sys.stderr)


@pytest.mark.parametrize("consumer", list(SETTINGS))
@pytest.mark.parametrize("call", [0, 1, 2])
@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name.lower())
def test_no_ballot_is_revealed(
    consumer: str,
    call: int,
    fault: Fault,
    database: FakeDynamoDB,
    event: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The fake's messages quote keys and values, so this fails where an error's message is passed on."""
    what_leaks_out(consumer, database, event, *[Fault.NONE] * call, *[fault] * 20)
    told = "".join(capsys.readouterr())
    assert told
    assert not [mark for mark in MARKS if mark in told]


@pytest.mark.parametrize("consumer", list(SETTINGS))
def test_rewriting_reveals_no_ballot(
    consumer: str, database: FakeDynamoDB, event: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        what_leaks_out(consumer, database, event)
    told = "".join(capsys.readouterr())
    assert not [mark for mark in MARKS if mark in told]


def test_an_error_about_an_invalid_poll_names_only_the_poll(
    database: FakeDynamoDB, event: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    del database.tables[POLLS].rows["poll-1",]["title"]
    what_leaks_out("vote_writer", database, event)
    told = capsys.readouterr().err
    assert "row 'poll-1' of polls is not a valid poll" in told
    assert VOTER not in told
