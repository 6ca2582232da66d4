"""The writer and the votes table: the cheapest of a few hundred settings that store everything in time."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from math import floor, log

import numpy as np

from votectl.settings.deployment import BillingMode, Writer
from votectl.sizing.consumer import whole
from votectl.sizing.explain import Figure, assumed, ceil, computed, derived, given, maximum, minimum
from votectl.sizing.inputs import LimitExceeded, Preference
from votectl.sizing.planner import COUNT_READS, PEAK_UNITS, Planner
from votectl.sizing.predict import longest
from votectl.sizing.scenario import EventScenario, count_units

BATCH_SIZES = (5, 10, 25, 50, 100, 250, 500, 1000)
PARALLELIZATION_FACTORS = (1, 2, 3, 4, 5, 6, 8, 10)
MEMORIES_MB = (256, 512, 1024, 1769)
_SHORTEST_DRAIN, _SHORTEST_COUNT = 2.0, 2.0  # s
_LONGEST_PACED_INVOCATION = 60.0  # s of a paced full batch
# Read units are raised for the count alone where capacity is up for so long.
_WORTH_RAISING_HOURS = 6.0
_READS_MEANWHILE = 100
_WORTH_PACING = 0.9  # of the unpaced rate


@dataclass(frozen=True)
class _Candidate:
    """One setting of the writer and the votes table, which is on demand or provisioned."""

    on_demand: bool
    time_to_count: Figure
    needed: Figure  # votes/s
    writer: Writer = field(default_factory=Writer)  # write_share is set where it is paced
    level: float = 0.0  # votes/s written at most
    cost: float = 0.0  # USD, of the parts that differ between candidates

    def rank(self) -> tuple[float, ...]:
        """Return the sort key: cost; within 5 % the simpler and the larger setting."""
        of = self.writer
        simpler = (of.batching_window_seconds, of.parallelization_factor, -of.batch_size, of.memory_mb)
        return floor(log(self.cost + 0.01) / log(1.05)), *simpler


def choose(planner: Planner) -> int:
    """Settle the cheapest writer and votes table that store everything in time; return the buckets of a poll."""
    facts, scenario = planner.facts, planner.scenario()
    modes = _modes(planner, _time_left(planner, scenario))
    units, partition = scenario.units_per_vote, facts["dynamodb.partition_write_units"]
    buckets = facts["votestream.buckets_per_poll_max"]
    takes = partition.value * buckets.value * planner.partition_target.value / planner.demand["busiest"].value
    least = min(mode.needed.value for mode in modes)
    late = f"{least:,.0f} votes/s would have to be written to meet the deadline"
    if least * units.value > takes:
        each = f"of {partition.value:,.0f} write units/s each (DynamoDB partition)"
        why = f"That is {least * units.value:,.0f} units/s, and one poll's rows take {takes:,.0f}."
        why = f"{late}. {why} A later deadline allows a lower rate."
        raise LimitExceeded(f"{buckets.value:,.0f} buckets per poll {each}", why)
    found = (candidate for mode in modes for candidate in _candidates(planner, scenario, mode))
    candidates = [candidate for candidate in found if candidate.level * units.value <= takes]
    if not candidates:
        lanes = f"{facts.value('mapping.parallelization_factor_max'):,.0f} lanes per shard (Lambda)"
        none = f"no batch size, memory and parallelization factor does that on {scenario.shards:,.0f} shards"
        raise LimitExceeded(
            lanes, f"{late} of {planner.goals.deadline:g} s, and {none}. A later deadline helps."
        )
    return _settle(planner, scenario, min(candidates, key=_Candidate.rank), len(candidates))


def _time_left(planner: Planner, scenario: EventScenario) -> Figure:
    """Return the time for draining and counting: the deadline less the drain proof."""
    most = longest(scenario.aggregator, planner.event.peak / scenario.shards)
    how = "twice a vote's longest time through the aggregator at the peak: the last vote, then the markers"
    inputs = (planner.demand["peak"], planner.shards, *scenario.aggregator_inputs())
    proof = computed("proof", 2 * most, "s", how, *inputs)
    deadline = given("deadline", planner.goals.deadline, "s")
    left = derived("time to drain and count", "s", deadline - proof - 2 * planner.settling)
    if left.value <= _SHORTEST_DRAIN + _SHORTEST_COUNT:
        why = f"the count can't start before {deadline.value - left.value:.1f} s after the last vote"
        why = f"{why}; a deadline of {deadline.value:g} s leaves too little. A fresher live result helps."
        limit = "tally.settle_seconds (twice) and the aggregator's window, which the closing markers pass"
        raise LimitExceeded(limit, why)
    return left


def _modes(planner: Planner, left: Figure) -> list[_Candidate]:
    """Return the billing modes of the votes table that allow counting in time, without a writer."""
    count = count_units(planner.event.votes, planner.event, planner.facts)
    reads = planner.facts["dynamodb.on_demand.initial_read_units"]
    shortest = assumed("shortest count", _SHORTEST_COUNT, "s", "calls and pages take their time")
    counted = derived("time to count, on demand", "s", maximum(shortest, count / reads))
    drained = derived("time to drain, on demand", "s", left - counted)
    modes = []
    if drained.value >= _SHORTEST_DRAIN:
        modes.append(_Candidate(True, counted, _needed_rate(planner, drained)))
    elif planner.hands_off:
        votes = f"{planner.event.votes:,.0f} votes ({count.value:,.0f} read units)"
        remedy = "A provisioned table (prefer cost or speed) or a later deadline helps."
        limit = f"{reads.value:,.0f} read units/s of a new on-demand table (DynamoDB)"
        raise LimitExceeded(limit, f"{left.value:,.0f} s are left to count {votes}. {remedy}")
    if not planner.hands_off:
        half = derived("time to drain, and to count", "s", left / 2)
        modes.append(_Candidate(False, half, _needed_rate(planner, half)))
    return modes


def _needed_rate(planner: Planner, time_to_drain: Figure) -> Figure:
    """Return the lowest write rate that gives the final result in time.

    With A(s) votes sent until s, the lowest flat rate that has written everything at T + D is the
    largest (A(T) - A(s)) / (T + D - s): a queue that begins to grow at s is empty then.
    """
    event, demand, name = planner.event, planner.demand, "rate to be written"
    if planner.goals.prefer is Preference.SPEED:
        return derived(name, "votes/s", demand["peak"])
    times = np.linspace(0, event.duration, 2_000)
    rates = (event.votes - event.sent(times)) / (event.duration + time_to_drain.value - times)
    how = "largest (votes from s on) / (duration + time to drain - s) over s in the event"
    inputs = (demand["votes"], demand["duration"], time_to_drain)
    return computed(name, float(np.max(rates)), "votes/s", how, *inputs)


def _candidates(planner: Planner, scenario: EventScenario, mode: _Candidate) -> Iterator[_Candidate]:
    """Yield the settings that write the needed rate with headroom, each with the fewest lanes.

    Each is paced at the needed rate, too, where that is lower than its own. A backlog then drains at a flat rate,
    without throttling, and the table is smaller. Waiting functions are paid.
    """
    event, shards, units = planner.event, scenario.shards, scenario.units_per_vote.value
    headroom, share = planner.headroom.value, planner.write_share.value
    hot = event.peak * event.hot_voter_share * headroom
    slow = min(mode.needed.value * planner.spare_units.value, event.peak)
    for batch, memory in product(BATCH_SIZES, planner.memories("writer_time", MEMORIES_MB)):
        window = 0 if batch <= planner.facts.value("mapping.batch_size_without_window") else 1
        writer = Writer(batch_size=batch, batching_window_seconds=window, memory_mb=memory)
        played = planner.scenario(vote_writer=writer)
        lane_rate = played.lane_rate(played.writer).value
        needed = mode.needed.value * headroom / (lane_rate * shards)
        factor = next((factor for factor in PARALLELIZATION_FACTORS if factor >= needed), None)
        if lane_rate < hot or factor is None:
            continue
        writer, lanes = writer.model_copy(update={"parallelization_factor": factor}), factor * shards
        level = min(lane_rate * factor * shards, event.peak)
        mean_rate = np.asarray(event.votes / event.duration / shards / factor)
        batches = float(played.writer.batches_per_second(mean_rate)) * factor * shards * event.duration
        running = _price_of(planner, memory, batches, batches * played.writer_time.of(event.votes / batches))
        cost = running + _table_cost(planner, level, units, on_demand=mode.on_demand)
        yield replace(mode, writer=writer, level=level, cost=cost)
        too_long = batch / (slow / lanes) > _LONGEST_PACED_INVOCATION
        if mode.on_demand or slow > _WORTH_PACING * level or too_long or slow / lanes < hot:
            continue
        waiting = event.votes / slow * shards * factor  # s, of all lanes
        cost = _table_cost(planner, slow / share, units, on_demand=False)
        cost += _price_of(planner, memory, event.votes / batch, waiting)
        yield replace(mode, writer=writer.model_copy(update={"write_share": share}), level=slow, cost=cost)


def _price_of(planner: Planner, memory_mb: int, batches: float, seconds: float) -> float:
    """Return the approximate cost of the writer's invocations: enough to rank candidates."""
    value = planner.facts.value
    price = value(f"lambda.{planner.draft.lambda_architecture}.gb_second.tier_1")
    line = value("lambda.log_bytes_per_invocation") + value("votestream.vote_writer_metrics_bytes")
    requests, logged = batches / 1e6 * value("lambda.requests"), batches * line / 1024**3
    return requests + seconds * memory_mb / 1024 * price + logged * value("logs.ingest_per_gb")


def _table_cost(planner: Planner, level: float, units: float, *, on_demand: bool) -> float:
    """Return the cost of the votes table's writes, including pre-warming."""
    event, value = planner.event, planner.facts.value
    hourly = level * units * value("dynamodb.write_unit_hour")
    if not on_demand:
        votes_behind = max(0.0, event.votes - level * event.duration)
        return hourly * whole(planner.hours(event.duration + votes_behind / level))
    cost = event.votes * units / 1e6 * value("dynamodb.write_request_units")
    return cost + hourly if level * units > value("dynamodb.on_demand.initial_write_units") else cost


def _settle(planner: Planner, scenario: EventScenario, best: _Candidate, candidates: int) -> int:
    """Record the decisions, put writer and votes table into the draft, and return the buckets of a poll."""
    writer, needed, facts = best.writer, planner.decide(best.needed), planner.facts
    unpaced = planner.scenario(vote_writer=writer.model_copy(update={"write_share": None}))
    lane_rate = unpaced.lane_rate(unpaced.writer)
    why = f"the cheapest of {candidates} settings that write the needed rate with headroom"
    decided = ("batch_size", "batching_window_seconds", "parallelization_factor", "memory_mb", "write_share")
    for name, unit in zip(decided, ("votes", "s", "lanes", "MB", ""), strict=True):
        if (value := getattr(writer, name)) is not None:
            inputs = (needed, planner.headroom, lane_rate)
            planner.decide(computed(f"vote_writer: {name}", value, unit, why, *inputs))
    # All lanes together write at their rate, or at the pace.
    factor = given("parallelization_factor", writer.parallelization_factor, "lanes")
    own = lane_rate * factor * planner.shards if writer.write_share is None else needed * planner.spare_units
    written = minimum(planner.demand["peak"], own)
    level = planner.choose(PEAK_UNITS, "units/s", written * scenario.units_per_vote)
    usable = facts["dynamodb.partition_write_units"] * planner.partition_target
    least = maximum(facts["votestream.buckets_per_poll"], ceil(level * planner.demand["busiest"] / usable))
    buckets = planner.choose("polls: bucket_count", "buckets", least)
    _settle_table(planner, best, level)
    concurrency = (writer.write_concurrency, "calls", "default of infra/variables.tf")
    planner.decide(given("vote_writer: write_concurrency", *concurrency))
    planner.decide(_timeout(planner, writer, planner.scenario(vote_writer=writer)))
    planner.build("vote_writer")
    return whole(buckets.value)


def _timeout(planner: Planner, writer: Writer, scenario: EventScenario) -> Figure:
    """Return a timeout for a paced batch (infra/variables.tf): each vote takes two writes, after a call of 25."""
    name, unpaced = "vote_writer: timeout_seconds", "timeout of an unpaced writer"
    if scenario.pace is None:
        return planner.timeout(name, scenario.writer)
    batch_size = given("batch_size", writer.batch_size, "votes")
    early = given("stops early", 9.0, "s", "the writer's margin before its timeout")
    paced = (2 * batch_size + 25) * scenario.pace + early
    return derived(name, "s", maximum(planner.timeout(unpaced, scenario.writer), ceil(paced - 1e-9)))


def _settle_table(planner: Planner, best: _Candidate, level: Figure) -> None:
    name = "votes_table"
    if best.on_demand:
        planner.choose(f"{name}: max_write_units", "units/s", ceil(2 * level + 100))
        return planner.build(name)
    paced = best.writer.write_share is not None
    writes = level / planner.write_share if paced else level * planner.spare_units
    planner.choose(f"{name}: write_units", "units/s", ceil(writes))
    count = count_units(planner.event.votes, planner.event, planner.facts)
    reads = maximum(1, ceil(count / best.time_to_count))
    short = planner.hours(planner.event.duration) < _WORTH_RAISING_HOURS
    if short or reads.value <= _READS_MEANWHILE:
        planner.choose(f"{name}: read_units", "units/s", reads)
    else:
        planner.choose(COUNT_READS, "units/s", reads)
        why = "enough for receipts; the count gets its own"
        planner.decide(assumed(f"{name}: read_units", _READS_MEANWHILE, "units/s", why))
    return planner.build(name, billing_mode=BillingMode.PROVISIONED)
