"""Entry point of the tally: one step of the state machine per invocation."""

import os
import time
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from tally import steps
from tally.errors import UnknownPoll
from tally.mapping import EventSourceMapping
from tally.state import TallyState
from tally.steps import TallyRuntime
from tally.store import TallyRowTable, VoteStream, WriterFailures
from voting.errors import PollCancelled
from voting.invocation import LambdaContext
from voting.polls import Poll
from voting.settings import TallySettings
from voting_aws.clients import (
    CONNECT_TIMEOUT_SECONDS,
    MAX_ATTEMPTS,
    READ_TIMEOUT_SECONDS,
    SLOWEST_CALL_MS,
    dynamodb_client,
)
from voting_aws.polls import PollTable
from voting_aws.stored_votes import StoredVoteTable
from voting_aws.telemetry import PowertoolsTelemetry

SERVICE = "tally"

# Of the groups of buckets that wait for an invocation, so that a slow one does not hold up the end.
GROUPS_PER_INVOCATION = 2


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one step: ``{"step": name, "state": the result of the step before, …}``."""
    return handle(event, lambda: context.get_remaining_time_in_millis() - SLOWEST_CALL_MS, runtime())


@cache
def runtime() -> TallyRuntime:
    """Build the container's runtime from the environment at its first invocation."""
    settings = TallySettings.from_env(os.environ)
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
    )
    client = dynamodb_client()
    polls = PollTable(client, settings.polls_table)

    def load_poll(poll_id: str) -> Poll | None:
        return dict(polls.load([poll_id]))[poll_id]

    def sleep_ms(duration: float) -> None:
        time.sleep(duration / 1000)

    return TallyRuntime(
        load_poll=load_poll,
        stream=VoteStream(boto3.client("kinesis", config=config), settings.stream, sleep_ms),
        rows=TallyRowTable(client, settings.tallies_table),
        votes=StoredVoteTable(client, settings.votes_table, with_arrivals=True),
        failures=WriterFailures(boto3.client("s3", config=config), settings.writer_failure_bucket),
        telemetry=PowertoolsTelemetry(SERVICE, settings),
        lanes=settings.writer_lanes,
        groups=GROUPS_PER_INVOCATION * settings.count_concurrency,
        mapping=EventSourceMapping(
            boto3.client("lambda", config=config),
            boto3.client("cloudwatch", config=config),
            settings.writer_mapping,
            settings.writer_function,
            lambda: time.time_ns() // 1_000_000,
        ),
        metrics_lag_ms=settings.metrics_lag_seconds * 1000,
        settle_ms=settings.settle_seconds * 1000,
        recount_ms=settings.recount_seconds * 1000,
        now_ms=lambda: time.time_ns() // 1_000_000,
        sleep_ms=sleep_ms,
    )


def handle(event: dict[str, Any], remaining_ms: steps.Clock, runtime: TallyRuntime) -> dict[str, Any]:
    """Take the step that the event names; return the input of the next step."""
    state = TallyState.model_validate(event["state"])
    try:
        return _take(event, state, remaining_ms, runtime)
    except (PollCancelled, UnknownPoll):
        runtime.rows.release_lanes(state.poll_id)  # this poll gets no result
        raise


def _take(
    event: dict[str, Any], state: TallyState, remaining_ms: steps.Clock, runtime: TallyRuntime
) -> dict[str, Any]:
    match event["step"]:
        case "begin":
            return steps.begin(state, runtime).model_dump(mode="json")
        case "put_markers":
            return steps.put_markers(state, runtime).model_dump(mode="json")
        case "check_drain":
            return steps.check_drain(state, runtime).model_dump(mode="json")
        case "count":
            return {"done": steps.count(state, event["buckets"], runtime, remaining_ms)}
        case "certify":
            certified = steps.certify(state, runtime)
            return {
                "poll_id": state.poll_id,
                "entry": certified.entry,
                "voters": certified.final.voters,
                "digest": certified.final.digest,
                "agrees": certified.agrees,
                "recount_at": certified.recount_at,
            }
        case unknown:
            raise ValueError(f"there is no step {unknown!r}: the state machine and this function don't match")
