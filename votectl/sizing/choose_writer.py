"""The writer and the votes table: the cheapest of a few hundred settings that store everything in time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import floor, log
from typing import NamedTuple

import numpy as np

from votectl.settings.deployment import Aggregator, BillingMode, Table, Writer
from votectl.sizing.batching import whole
from votectl.sizing.choose_stream import timeout_seconds
from votectl.sizing.desk import Desk
from votectl.sizing.errors import Impossible
from votectl.sizing.explain import Figure, assumed, computed, derived, given
from votectl.sizing.function_time import expected_writer
from votectl.sizing.goals import Preference
from votectl.sizing.predict import longest
from votectl.sizing.reading import count_units
from votectl.sizing.scenario import Scenario

BATCH_SIZES = (5, 10, 25, 50, 100, 250, 500, 1000)
PARALLELIZATION_FACTORS = (1, 2, 3, 4, 5, 6, 8, 10)
MEMORIES_MB = (256, 512, 1024, 1769)
SHORTEST_DRAIN = 2.0  # s
SHORTEST_COUNT = 2.0  # s
LONGEST_PACED_INVOCATION = 60.0  # s that a full batch may be held back
_STOPS_EARLY = 9.0  # s
_WORTH_PACING = 0.9  # of what would be written unpaced

# The writer's settings that are decided here, with their units.
_DECIDED = {
    "batch_size": "votes",
    "batching_window_seconds": "s",
    "parallelization_factor": "lanes",
    "memory_mb": "MB",
    "write_share": "",
}


class Choice(NamedTuple):
    """The writer, its table, and how many buckets each poll needs."""

    writer: Writer
    votes_table: Table
    buckets_per_poll: int


@dataclass(frozen=True)
class _Way:
    """A mode of the votes table: how the time before the deadline is split, and what that asks of the writer."""

    billing_mode: BillingMode
    time_to_drain: Figure
    time_to_count: Figure
    needed: Figure  # votes/s


@dataclass(frozen=True)
class _Candidate:
    """One setting of the writer and the votes table."""

    way: _Way
    writer: Writer  # write_share is set where it is paced
    level: float  # votes/s written at most
    cost: float  # USD, of what differs between candidates

    def rank(self) -> tuple[float, ...]:
        """Return what to compare by: cost, and within 5 % of it what is simpler and holds more."""
        writer = self.writer
        return (
            floor(log(self.cost + 0.01) / log(1.05)),
            writer.batching_window_seconds,
            writer.parallelization_factor,
            -writer.batch_size,
            writer.memory_mb,
        )


def choose(desk: Desk, shards: Figure, aggregator: Aggregator) -> Choice:
    """Return the cheapest writer that has everything stored in time, or keeps up where speed is preferred.

    Raises:
        Impossible: nothing does.
    """
    ways = _ways(desk, _time_left(desk, aggregator, shards))
    units = desk.lanes(aggregator, shards).units_per_vote
    takes = derived(
        "units that the buckets of one poll can take",
        "units/s",
        "partition * most * target / busiest",
        partition=desk.facts["dynamodb.partition_write_units"],
        most=desk.facts["votestream.buckets_per_poll_max"],
        target=desk.partition_target,
        busiest=given("share of the busiest poll", desk.event.poll_shares[0], ""),
    )
    least = min(way.needed.value for way in ways)
    if least * units.value > takes.value:
        raise Impossible(
            f"{desk.facts.value('votestream.buckets_per_poll_max'):,.0f} buckets per poll of "
            f"{desk.facts.value('dynamodb.partition_write_units'):,.0f} write units/s each (DynamoDB partition)",
            f"{least:,.0f} votes/s would have to be written to meet the deadline, {least * units.value:,.0f} "
            f"units/s, of which one poll's rows take {takes.value:,.0f}. A later deadline lets them be "
            "written more slowly.",
        )
    candidates = [
        candidate
        for way in ways
        for candidate in _candidates(desk, shards, aggregator, way, units.value)
        if candidate.level * units.value <= takes.value
    ]
    if not candidates:
        raise Impossible(
            f"{desk.facts.value('mapping.parallelization_factor_max'):,.0f} lanes per shard (Lambda)",
            f"{least:,.0f} votes/s would have to be written to meet the deadline of "
            f"{desk.goals.final_deadline_seconds:g} s, and no batch size, memory and parallelization "
            f"factor does that on {shards.value:,.0f} shards. A later deadline helps.",
        )
    best = min(candidates, key=_Candidate.rank)
    return _chosen(desk, best, len(candidates), units, shards, aggregator)


def _time_left(desk: Desk, aggregator: Aggregator, shards: Figure) -> Figure:
    """Return the time for draining and counting: what the drain proof leaves of the deadline."""
    scenario = desk.lanes(aggregator, shards)
    most = longest(scenario.aggregator, desk.event.peak_votes_per_second / shards.value)
    left = derived(
        "time to drain and count",
        "s",
        "deadline - proof",
        deadline=given("final_deadline_seconds", desk.goals.final_deadline_seconds, "s"),
        proof=computed(
            "proof",
            2 * most,
            "s",
            "twice what a vote takes through the aggregator at the peak: the last one, then the closing markers",
            peak=desk.demand["peak"],
            shards=shards,
            **scenario.aggregator_inputs(),
        ),
    )
    if left.value <= SHORTEST_DRAIN + SHORTEST_COUNT:
        raise Impossible(
            "the aggregator's window and the mapping's poll, which the closing markers have to pass",
            f"a proved final result takes {2 * most:.1f} s after the last vote before anything is "
            f"counted, and {desk.goals.final_deadline_seconds:g} s leave too little. A fresher live "
            "result shortens the window.",
        )
    return left


def _ways(desk: Desk, left: Figure) -> list[_Way]:
    """Return the modes of the votes table in which it can be counted in time."""
    count = count_units(desk.event.votes, desk.event, desk.facts)
    reads = desk.facts["dynamodb.on_demand.initial_read_units"]
    counted = derived(
        "time to count, on demand", "s", "max(shortest, count / reads)",
        shortest=assumed("shortest count", SHORTEST_COUNT, "s", "calls and pages take their time"),
        count=count, reads=reads,
    )  # fmt: skip
    drained = derived("time to drain, on demand", "s", "left - counted", left=left, counted=counted)
    ways = []
    if drained.value >= SHORTEST_DRAIN:
        ways.append(_Way(BillingMode.PAY_PER_REQUEST, drained, counted, _needed_rate(desk, drained)))
    elif desk.hands_off:
        raise Impossible(
            f"{reads.value:,.0f} read units/s of a new on-demand table (DynamoDB)",
            f"counting {desk.event.votes:,.0f} votes takes {count.value:,.0f} read units, and "
            f"{left.value:,.0f} s are left for it. A provisioned table (prefer cost or speed) or a later "
            "deadline helps.",
        )
    if not desk.hands_off:
        half = derived("time to drain, and to count", "s", "left / 2", left=left)
        ways.append(_Way(BillingMode.PROVISIONED, half, half, _needed_rate(desk, half)))
    return ways


def _needed_rate(desk: Desk, time_to_drain: Figure) -> Figure:
    """Return the rate at which votes must be written for the final result to be in time.

    With A(s) votes sent until s, the smallest flat rate that has written everything at T + D is the
    largest (A(T) - A(s)) / (T + D - s): a queue that begins to grow at s empties then.
    """
    event = desk.event
    if desk.goals.prefer is Preference.SPEED:
        return derived("rate to be written", "votes/s", "peak", peak=desk.demand["peak"])
    times = np.linspace(0, event.duration_seconds, 2_000)
    rates = (event.votes - event.sent(times)) / (event.duration_seconds + time_to_drain.value - times)
    return computed(
        "rate to be written",
        float(np.max(rates)),
        "votes/s",
        "largest (votes from s on) / (duration + time to drain - s) over s in the event",
        votes=desk.demand["votes"],
        duration=desk.demand["duration"],
        time_to_drain=time_to_drain,
    )


def _candidates(
    desk: Desk, shards: Figure, aggregator: Aggregator, way: _Way, units: float
) -> Iterator[_Candidate]:
    """Yield the settings that write the needed rate with headroom, each with the fewest lanes that do."""
    without_window = desk.facts.value("mapping.batch_size_without_window")
    scenario = desk.lanes(aggregator, shards)
    mean_rate = desk.event.votes / desk.event.duration_seconds / shards.value
    hot = desk.event.peak_votes_per_second * desk.event.hot_voter_share
    measured = desk.times.writer_memory_mb
    for batch, memory in product(BATCH_SIZES, MEMORIES_MB if measured is None else (measured,)):
        window = 0 if batch <= without_window else 1
        writer = Writer(batch_size=batch, batching_window_seconds=window, memory_mb=memory)
        played = _with_writer(desk, scenario, writer)
        lane_rate = played.lane_rate(played.writer).value
        if lane_rate < hot * desk.headroom.value:
            continue
        lanes = way.needed.value * desk.headroom.value / (lane_rate * shards.value)
        factor = next((factor for factor in PARALLELIZATION_FACTORS if factor >= lanes), None)
        if factor is None:
            continue
        writer = writer.model_copy(update={"parallelization_factor": factor})
        level = min(lane_rate * factor * shards.value, desk.event.peak_votes_per_second)
        batches = float(played.writer.batches_per_second(np.asarray(mean_rate / factor)))
        running = _running_cost(desk, played, batches * factor * shards.value)
        yield _Candidate(way, writer, level, running + _table_cost(desk, level, units, way.billing_mode))
        paced = _paced(desk, way, played, writer, level)
        if paced is not None:
            yield paced


def _paced(desk: Desk, way: _Way, scenario: Scenario, writer: Writer, level: float) -> _Candidate | None:
    """Return the setting held back to what is needed, where that is less than it could write.

    A backlog then drains at a flat rate, without throttles, from a smaller table; a function that waits is paid.
    """
    event, shards = desk.event, scenario.shards
    slow = min(way.needed.value * desk.spare_units.value, event.peak_votes_per_second)
    per_lane = slow / (shards * writer.parallelization_factor)
    full = writer.batch_size / per_lane
    hot = event.peak_votes_per_second * event.hot_voter_share
    if way.billing_mode is BillingMode.PAY_PER_REQUEST or slow > _WORTH_PACING * level:
        return None
    if full > LONGEST_PACED_INVOCATION or per_lane < hot * desk.headroom.value:
        return None
    units = scenario.units_per_vote.value
    table = _table_cost(desk, slow / desk.write_share.value, units, way.billing_mode)
    waiting = event.votes / slow * shards * writer.parallelization_factor  # s, of all lanes
    running = _price_of(desk, scenario, event.votes / writer.batch_size, waiting)
    paced = writer.model_copy(update={"write_share": desk.write_share.value})
    return _Candidate(way, paced, slow, table + running)


def _with_writer(desk: Desk, scenario: Scenario, writer: Writer) -> Scenario:
    time = desk.times.writer or expected_writer(writer, desk.event, desk.facts)
    deployment = scenario.deployment.model_copy(update={"vote_writer": writer})
    return replace(scenario, deployment=deployment, writer_time=time)


def _running_cost(desk: Desk, scenario: Scenario, batches_per_second: float) -> float:
    """Return what the writer's invocations cost, roughly: enough to rank candidates."""
    batches = batches_per_second * desk.event.duration_seconds
    return _price_of(desk, scenario, batches, batches * scenario.writer_time.of(desk.event.votes / batches))


def _price_of(desk: Desk, scenario: Scenario, batches: float, seconds: float) -> float:
    memory_gb = scenario.deployment.vote_writer.memory_mb / 1024
    price = desk.facts.value(f"lambda.{scenario.deployment.lambda_architecture.value}.gb_second.tier_1")
    line = desk.facts.value("lambda.log_bytes_per_invocation")
    logged_gb = batches * (line + desk.facts.value("votestream.vote_writer_metrics_bytes")) / 1024**3
    return (
        batches / 1e6 * desk.facts.value("lambda.requests")
        + seconds * memory_gb * price
        + logged_gb * desk.facts.value("logs.ingest_per_gb")
    )


def _table_cost(desk: Desk, level: float, units: float, mode: BillingMode) -> float:
    """Return what the votes table's writes cost; pre-warming included."""
    hourly = level * units * desk.facts.value("dynamodb.write_unit_hour")
    if mode is BillingMode.PROVISIONED:
        votes_behind = max(0.0, desk.event.votes - level * desk.event.duration_seconds)
        seconds = desk.event.duration_seconds + votes_behind / level
        return hourly * whole(desk.keeping.before + seconds / 3600 + desk.keeping.after)
    cost = desk.event.votes * units / 1e6 * desk.facts.value("dynamodb.write_request_units")
    if level * units > desk.facts.value("dynamodb.on_demand.initial_write_units"):
        cost += hourly
    return cost


def _chosen(
    desk: Desk,
    best: _Candidate,
    candidates: int,
    units: Figure,
    shards: Figure,
    aggregator: Aggregator,
) -> Choice:
    writer, needed = best.writer, desk.decide(best.way.needed)
    unpaced = _with_writer(
        desk, desk.lanes(aggregator, shards), writer.model_copy(update={"write_share": None})
    )
    lane_rate = unpaced.lane_rate(unpaced.writer)
    why = f"the cheapest of {candidates} settings that write the needed rate with headroom"
    for name, unit in _DECIDED.items():
        value = getattr(writer, name)
        if value is not None:
            figure = computed(
                f"vote_writer: {name}", value, unit, why,
                needed=needed, headroom=desk.headroom, unpaced_lane_rate=lane_rate,
            )  # fmt: skip
            desk.decide(figure)
    level = _level(desk, writer, needed, units, shards, lane_rate)
    buckets = desk.decide(
        derived(
            "polls: bucket_count",
            "buckets",
            "max(default, ceil(level * busiest / (partition * target)))",
            default=desk.facts["votestream.buckets_per_poll"],
            level=level,
            busiest=given("share of the busiest poll", desk.event.poll_shares[0], ""),
            partition=desk.facts["dynamodb.partition_write_units"],
            target=desk.partition_target,
        )
    )
    table = _votes_table(desk, best.way, writer, level)
    played = _with_writer(desk, desk.lanes(aggregator, shards, votes_table=table), writer)
    desk.decide(
        given(
            "vote_writer: write_concurrency",
            writer.write_concurrency,
            "calls",
            "default of infra/variables.tf",
        )
    )
    timeout = desk.decide(_timeout(played, shards))
    return Choice(
        writer.model_copy(update={"timeout_seconds": whole(timeout.value)}), table, whole(buckets.value)
    )


def _timeout(scenario: Scenario, shards: Figure) -> Figure:
    """Return the writer's time-out, which leaves a paced batch its time, as infra/variables.tf insists.

    Every vote may be a change, which is two writes, and the call of 25 before it may still be under way; the
    writer stops so many seconds before its time is over.
    """
    name, writer = "vote_writer: timeout_seconds", scenario.deployment.vote_writer
    table = scenario.deployment.votes_table
    if writer.write_share is None or table.write_units is None:
        return timeout_seconds(name, scenario.writer)
    return derived(
        name,
        "s",
        "max(unpaced, ceil((2 * batch_size + 25) * shards * lanes / (write_units * share) + early - 1e-9))",
        unpaced=timeout_seconds("time-out of an unpaced writer", scenario.writer),
        batch_size=given("batch_size", writer.batch_size, "votes"),
        shards=shards,
        lanes=given("parallelization_factor", writer.parallelization_factor, "lanes"),
        write_units=given("write_units", table.write_units, "units/s", "votes_table"),
        share=given("write_share", writer.write_share, "", "vote_writer"),
        early=given("stops early", _STOPS_EARLY, "s", "the writer, before its time is over"),
    )


def _level(
    desk: Desk, writer: Writer, needed: Figure, units: Figure, shards: Figure, lane_rate: Figure
) -> Figure:
    """Decide the units that are written at the peak: what all lanes do, or what they are held back to."""
    name = "votes table: write units at the peak"
    if writer.write_share is not None:
        return desk.decide(
            derived(
                name,
                "units/s",
                "min(peak, needed * spare) * units_per_vote",
                peak=desk.demand["peak"],
                needed=needed,
                spare=desk.spare_units,
                units_per_vote=units,
            )
        )
    return desk.decide(
        derived(
            name,
            "units/s",
            "min(peak, lane_rate * lanes * shards) * units_per_vote",
            peak=desk.demand["peak"],
            lane_rate=lane_rate,
            lanes=given("parallelization_factor", writer.parallelization_factor, "lanes"),
            shards=shards,
            units_per_vote=units,
        )
    )


def _votes_table(desk: Desk, way: _Way, writer: Writer, level: Figure) -> Table:
    if way.billing_mode is BillingMode.PAY_PER_REQUEST:
        ceiling = desk.decide(
            derived("votes_table: max_write_units", "units/s", "ceil(2 * level + 100)", level=level)
        )
        return Table(max_write_units=whole(ceiling.value))
    if writer.write_share is None:
        spare = {"spare": desk.spare_units}
        writes = derived("votes_table: write_units", "units/s", "ceil(level * spare)", level=level, **spare)
    else:
        share = {"share": desk.write_share}
        writes = derived("votes_table: write_units", "units/s", "ceil(level / share)", level=level, **share)
    desk.decide(writes)
    reads = desk.decide(
        derived(
            "votes_table: read_units",
            "units/s",
            "max(1, ceil(count / time))",
            count=count_units(desk.event.votes, desk.event, desk.facts),
            time=way.time_to_count,
        )
    )
    return Table(
        billing_mode=BillingMode.PROVISIONED, write_units=whole(writes.value), read_units=whole(reads.value)
    )
