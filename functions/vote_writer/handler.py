"""Entry point of the vote writer."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from vote_writer.folding import fold
from vote_writer.store import BallotTable
from vote_writer.writing import BallotWriter, RecentVersions
from voting.errors import StoreUnavailable
from voting.invocation import BatchResponse, LambdaContext, all_done, retry_all, retry_from
from voting.markers import VOTE_WRITER, DrainRows, pass_markers
from voting.metrics import JUDGED, Metric, Sums, Telemetry, balanced, judged_counts
from voting.pacing import Pace
from voting.records import records_in, shard_of
from voting.rules import PollSource, judge
from voting.settings import WriterSettings
from voting_aws.clients import SLOWEST_CALL_MS, dynamodb_client
from voting_aws.markers import DrainTable
from voting_aws.polls import cached_polls
from voting_aws.telemetry import PowertoolsTelemetry

SERVICE = VOTE_WRITER

# The outcomes of an accepted vote.
OUTCOMES = (
    Metric.VOTES_FOLDED,
    Metric.VOTES_STORED,
    Metric.VOTES_CHANGED,
    Metric.VOTES_ALREADY_STORED,
    Metric.VOTES_UNWRITTEN,
)
SUMS: Sums = (JUDGED, (Metric.VOTES_ACCEPTED, OUTCOMES))


@dataclass(frozen=True)
class WriterRuntime:
    """The state that a container keeps between invocations."""

    settings: WriterSettings
    polls: PollSource
    writer: BallotWriter
    drain: DrainRows
    telemetry: Telemetry


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
    """Handle one batch of the event source mapping."""
    return handle(event, lambda: context.get_remaining_time_in_millis() - SLOWEST_CALL_MS, runtime())


@cache
def runtime() -> WriterRuntime:
    """Build the container's runtime from the environment at its first invocation."""
    settings = WriterSettings.from_env(os.environ)
    return build(settings, PowertoolsTelemetry(SERVICE, settings))


def build(settings: WriterSettings, telemetry: Telemetry) -> WriterRuntime:
    """Build a runtime: a container's, or one outside Lambda that redrives failed batches."""

    def sleep_ms(duration: float) -> None:
        time.sleep(duration / 1000)

    client = dynamodb_client(max_connections=settings.write_concurrency)
    return WriterRuntime(
        settings=settings,
        polls=cached_polls(client, settings),
        writer=BallotWriter(
            BallotTable(client, settings.votes_table),
            RecentVersions(lambda: time.time_ns() // 1_000_000),
            ThreadPoolExecutor(settings.write_concurrency, thread_name_prefix="votes").map,
            sleep_ms,
            pace=Pace(settings.max_writes_per_second, lambda: time.monotonic() * 1000, sleep_ms),
        ),
        drain=DrainTable(client, settings.tallies_table, VOTE_WRITER),
        telemetry=telemetry,
    )


def handle(event: dict[str, Any], remaining_ms: Callable[[], int], runtime: WriterRuntime) -> BatchResponse:
    """Store a batch's votes; report where a retry has to start if some could not be stored in time."""
    records = list(records_in(event))
    try:
        judged = judge(records, runtime.polls)
    except StoreUnavailable as error:
        return retry_all(runtime.telemetry, records, str(error))
    ballots = fold(judged.accepted, runtime.settings.vote_retention_days)
    written = runtime.writer.write(ballots, remaining_ms)
    first_unwritten = min((ballot.oldest_version for ballot in written.unwritten), default=None)
    passing = pass_markers(judged.markers, first_unwritten, shard_of(event), runtime.drain, remaining_ms)
    counts = judged_counts(len(records) - len(judged.markers), judged) | {
        Metric.VOTES_FOLDED: len(judged.accepted) - len(ballots),
        Metric.VOTES_STORED: written.stored,
        Metric.VOTES_CHANGED: written.changed,
        Metric.VOTES_ALREADY_STORED: written.already_stored,
        Metric.VOTES_UNWRITTEN: len(written.unwritten),
        Metric.STATEMENTS_ANSWERED: written.answered_statements,
        Metric.STATEMENTS_THROTTLED: written.throttled_statements,
        Metric.MARKERS_PASSED: passing.passed,
        Metric.MARKERS_IGNORED: passing.ignored,
    }
    runtime.telemetry.count(balanced(counts, SUMS))
    if passing.retry_from is not None:
        # These markers are retried together with the unwritten votes after them.
        return retry_from(runtime.telemetry, records, passing.retry_from, passing.cause)
    if first_unwritten is None:
        return all_done()
    cause = f"{len(written.unwritten)} votes could not be stored in time"
    return retry_from(runtime.telemetry, records, first_unwritten, cause)
