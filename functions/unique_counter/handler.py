"""Entry point of the unique counter: one invocation a minute for each poll that is open or not final yet."""

import os
import random
import secrets
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from unique_counter.passes import CounterRuntime, count_voters
from unique_counter.store import CountSchedules, UniqueRowTable
from voting.invocation import LambdaContext
from voting.pacing import Pace
from voting.polls import Poll
from voting.settings import UniqueCounterSettings
from voting_aws.clients import SLOWEST_CALL_MS, dynamodb_client
from voting_aws.polls import PollTable
from voting_aws.stored_votes import StoredVoteTable
from voting_aws.telemetry import PowertoolsTelemetry

SERVICE = "unique_counter"


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Count a poll's voters: ``{"poll_id": id}``, as its schedule gives it."""
    handle(event, lambda: context.get_remaining_time_in_millis() - SLOWEST_CALL_MS, runtime())


@cache
def runtime() -> CounterRuntime:
    """Build the container's runtime from the environment at its first invocation."""
    settings = UniqueCounterSettings.from_env(os.environ)
    client = dynamodb_client()
    polls = PollTable(client, settings.polls_table)

    def load_poll(poll_id: str) -> Poll | None:
        return dict(polls.load([poll_id]))[poll_id]

    def sleep_ms(duration: float) -> None:
        time.sleep(duration / 1000)

    return CounterRuntime(
        load_poll=load_poll,
        rows=UniqueRowTable(client, settings.tallies_table),
        votes=StoredVoteTable(client, settings.votes_table),
        pace=Pace(settings.max_reads_per_second, lambda: time.monotonic() * 1000, sleep_ms),
        stop_schedule=CountSchedules(settings.schedule_group).stop,
        telemetry=PowertoolsTelemetry(SERVICE, settings),
        refresh_ms=settings.refresh_seconds * 1000,
        new_lease=lambda: secrets.token_hex(8),
        choose=random.randrange,
        now_ms=lambda: time.time_ns() // 1_000_000,
        sleep_ms=sleep_ms,
    )


def handle(event: dict[str, Any], remaining_ms: Callable[[], int], runtime: CounterRuntime) -> None:
    """Count the voters of the poll that the event names."""
    count_voters(event["poll_id"], runtime, remaining_ms)
