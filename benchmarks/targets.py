"""The targets, and whether the results meet them."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import subjects
from benchmarks.doors import pairs
from benchmarks.results import Results, Spread, find
from benchmarks.scenarios import (
    AGGREGATOR_BATCH_SIZE,
    BATCH_SIZE,
    DIMENSIONS,
    FIRST_VOTES,
    WINDOW_BATCH_SIZE,
    changed_cold,
    scaled,
)

MB = 1_000_000
FLAT = 1.25  # a quarter, because equal runs differ by half as much
START_BUDGET_MS = 450  # on the measuring machine: the one target that is not a ratio


@dataclass(frozen=True)
class MeasuredTarget:
    """One target, with its measurement; ``limit`` is the highest or the lowest allowed value."""

    text: str
    limit: float
    value: Spread
    least: bool = False
    unit: str = ""

    @property
    def met(self) -> bool:
        """Return whether the median meets the target."""
        return self.value.median >= self.limit if self.least else self.value.median <= self.limit


def targets(results: Results) -> Iterator[MeasuredTarget]:
    """Yield each target that the results say something about."""
    yield from _writer(results)
    yield from _aggregator(results)
    yield from _scale(results)
    for lane in results.lanes:
        if (lane.subject, lane.store_latency_ms) == (subjects.VOTE_WRITER, 20) and lane.write_concurrency > 1:
            text = "one lane on one processor, store at 20 ms: of a shard's 1,000 votes/s"
            yield MeasuredTarget(
                text, 1, Spread.of(rate / 1000 for rate in lane.votes_per_second), least=True
            )
    for drain in results.drains:
        if drain.writes_per_second_of_a_lane:
            throttled = Spread.of([drain.throttled_statements / drain.votes])
            yield MeasuredTarget("throttled statements a vote when lanes are paced", 0, throttled)
    for start in results.starts:
        if not start.archive_bytes:
            continue
        text = f"{start.subject}: CPU time of import and first client, of its {START_BUDGET_MS} ms"
        yield MeasuredTarget(text, 1, Spread.of(taken / START_BUDGET_MS for taken in start.cpu_ms))
        yield MeasuredTarget(f"{start.subject}: archive", 5, Spread.of([start.archive_bytes / MB]), unit="MB")
    yield from _doors(results)
    limits = {subjects.VOTE_WRITER: 160, subjects.VOTE_AGGREGATOR: 256}
    for row in results.memory:
        text = f"{row.subject}: peak memory at {row.batch_size:,} votes a batch"
        yield MeasuredTarget(text, limits[row.subject], Spread.of([row.peak_bytes / MB]), unit="MB")


def _doors(results: Results) -> Iterator[MeasuredTarget]:
    for ingress, boto3 in pairs(results.doors):
        ratio = Spread.of_ratios(ingress.cpu_us_per_vote, boto3.cpu_us_per_vote)
        yield MeasuredTarget(
            "ingress: CPU of the whole process per vote, relative to boto3's put_record", 0.7, ratio
        )
        ratio = Spread.of_ratios(ingress.start_cpu_ms, boto3.start_cpu_ms)
        yield MeasuredTarget("ingress: CPU of a cold start, relative to boto3 and a client", 1 / 3, ratio)
        yield MeasuredTarget("ingress: resident memory", 40, Spread.of([ingress.peak_bytes / MB]), unit="MB")
        yield MeasuredTarget("ingress: archive", 1, Spread.of([ingress.archive_bytes / MB]), unit="MB")
        yield MeasuredTarget(
            "ingress: PutRecord calls a vote", 1, Spread.of([ingress.put_records / ingress.votes])
        )
        yield MeasuredTarget("ingress: connections of a container", 1, Spread.of([ingress.connections]))


def _writer(results: Results) -> Iterator[MeasuredTarget]:
    rows = results.batch_sizes
    writer = find(rows, subjects.VOTE_WRITER, BATCH_SIZE, FIRST_VOTES)
    put_item = find(rows, subjects.PUT_ITEM, BATCH_SIZE, FIRST_VOTES)
    batch_write_item = find(rows, subjects.BATCH_WRITE_ITEM, BATCH_SIZE, FIRST_VOTES)
    if writer and put_item and batch_write_item:
        ratio = Spread.of_ratios(put_item.cpu_us_per_vote, writer.cpu_us_per_vote)
        yield MeasuredTarget(
            "CPU of one conditional put_item a vote, relative to vote_writer's", 12, ratio, least=True
        )
        ratio = Spread.of_ratios(writer.cpu_us_per_vote, batch_write_item.cpu_us_per_vote)
        yield MeasuredTarget(
            "vote_writer's CPU, relative to batch_write_item's without conditions", 1.3, ratio
        )
        yield MeasuredTarget("write units of a first vote", 1, Spread.of([writer.write_units / writer.votes]))
    first = find(results.changed_votes, subjects.VOTE_WRITER, BATCH_SIZE, FIRST_VOTES)
    changed = find(results.changed_votes, subjects.VOTE_WRITER, BATCH_SIZE, changed_cold(1))
    if first and changed:
        ratio = Spread.of_ratios(changed.cpu_us_per_vote, first.cpu_us_per_vote)
        yield MeasuredTarget("CPU of a changed vote, relative to a first vote's (cold)", 2.2, ratio)
        yield MeasuredTarget(
            "write units of a changed vote (cold)", 2, Spread.of([changed.write_units / changed.votes])
        )


def _aggregator(results: Results) -> Iterator[MeasuredTarget]:
    """The aggregator at its own batches: small ones pay for their one live row, which the report's table shows."""
    for size in (WINDOW_BATCH_SIZE, AGGREGATOR_BATCH_SIZE):
        aggregator = find(results.batch_sizes, subjects.VOTE_AGGREGATOR, size, FIRST_VOTES)
        floor = find(results.batch_sizes, subjects.JSON_LOADS, size, FIRST_VOTES)
        if aggregator and floor:
            ratio = Spread.of_ratios(aggregator.cpu_us_per_vote, floor.cpu_us_per_vote)
            text = (
                f"vote_aggregator's CPU at {size:,} votes a batch, relative to json.loads of the event alone"
            )
            yield MeasuredTarget(text, 4, ratio)


def _scale(results: Results) -> Iterator[MeasuredTarget]:
    """The cost of the most polls, options or shards, relative to one, at the same number of votes."""
    factor = max((int(row.condition.partition("x ")[0]) for row in results.scales), default=1)
    for subject, size in (
        (subjects.VOTE_WRITER, BATCH_SIZE),
        (subjects.VOTE_AGGREGATOR, AGGREGATOR_BATCH_SIZE),
    ):
        for dimension in DIMENSIONS:
            one = find(results.scales, subject, size, scaled(dimension, 1))
            many = find(results.scales, subject, size, scaled(dimension, factor))
            if one is None or many is None or factor == 1:
                continue
            if (subject, dimension) == (subjects.VOTE_AGGREGATOR, "polls"):
                # Each poll of a batch has its own live row, so the number of rows per poll must not grow.
                rows = many.requests / (many.votes / size) / factor
                yield MeasuredTarget(
                    f"live rows written for each poll of a batch, of {factor}", 1, Spread.of([rows])
                )
                continue
            ratio = Spread.of_ratios(many.cpu_us_per_vote, one.cpu_us_per_vote)
            yield MeasuredTarget(f"{subject}'s CPU a vote over {factor} times the {dimension}", FLAT, ratio)
