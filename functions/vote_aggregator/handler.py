"""Entry point of the vote aggregator."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from vote_aggregator.counting import LiveRowStore, count
from vote_aggregator.folding import fold
from vote_aggregator.store import LiveRowTable
from voting.errors import StoreUnavailable
from voting.invocation import BatchResponse, LambdaContext, all_done, retry_all, retry_from
from voting.markers import VOTE_AGGREGATOR, DrainRows, pass_markers
from voting.metrics import JUDGED, Metric, Sums, Telemetry, balanced, judged_counts
from voting.records import records_in, shard_of
from voting.rules import PollSource, judge
from voting.settings import AggregatorSettings
from voting_aws.clients import SLOWEST_CALL_MS, dynamodb_client
from voting_aws.markers import DrainTable
from voting_aws.polls import cached_polls
from voting_aws.telemetry import PowertoolsTelemetry

SERVICE = VOTE_AGGREGATOR

# The outcomes of a record.
OUTCOMES = (Metric.RECORDS_COUNTED, Metric.RECORDS_ALREADY_COUNTED, Metric.RECORDS_UNCOUNTED)
SUMS: Sums = (JUDGED, (Metric.RECORDS_RECEIVED, OUTCOMES))


@dataclass(frozen=True)
class AggregatorRuntime:
    """The state that a container keeps between invocations."""

    polls: PollSource
    rows: LiveRowStore
    drain: DrainRows
    telemetry: Telemetry


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
    """Handle one batch of the event source mapping."""
    return handle(event, lambda: context.get_remaining_time_in_millis() - SLOWEST_CALL_MS, runtime())


@cache
def runtime() -> AggregatorRuntime:
    """Build the container's runtime from the environment at its first invocation."""
    settings = AggregatorSettings.from_env(os.environ)
    client = dynamodb_client()
    return AggregatorRuntime(
        polls=cached_polls(client, settings),
        rows=LiveRowTable(client, settings.tallies_table),
        drain=DrainTable(client, settings.tallies_table, VOTE_AGGREGATOR),
        telemetry=PowertoolsTelemetry(SERVICE, settings),
    )


def handle(
    event: dict[str, Any], remaining_ms: Callable[[], int], runtime: AggregatorRuntime
) -> BatchResponse:
    """Count a batch's records; report where a retry has to start if some could not be counted."""
    records = list(records_in(event))
    try:
        judged = judge(records, runtime.polls)
    except StoreUnavailable as error:
        return retry_all(runtime.telemetry, records, str(error))
    shard = shard_of(event)
    counting = count(fold(judged, shard), runtime.rows, remaining_ms)
    first_uncounted = counting.uncounted[0].first_version if counting.uncounted else None
    passing = pass_markers(judged.markers, first_uncounted, shard, runtime.drain, remaining_ms)
    counts = judged_counts(len(records) - len(judged.markers), judged) | {
        Metric.RECORDS_COUNTED: counting.counted,
        Metric.RECORDS_ALREADY_COUNTED: counting.already_counted,
        Metric.RECORDS_UNCOUNTED: counting.records_uncounted,
        Metric.LIVE_ROWS_WRITTEN: counting.rows_written,
        Metric.MARKERS_PASSED: passing.passed,
        Metric.MARKERS_IGNORED: passing.ignored,
    }
    runtime.telemetry.count(balanced(counts, SUMS))
    if passing.retry_from is not None:
        # These markers are retried together with the uncounted records after them.
        return retry_from(runtime.telemetry, records, passing.retry_from, passing.cause)
    if first_uncounted is None:
        return all_done()
    return retry_from(runtime.telemetry, records, first_uncounted, counting.cause)
