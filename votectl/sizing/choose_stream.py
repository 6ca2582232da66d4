"""Front door, stream and aggregator: chosen by the peak and by the goal for live results."""

from itertools import product
from math import ceil as round_up

from votectl.settings.deployment import (
    Aggregator,
    Api,
    BillingMode,
    ResultsApi,
    StreamMode,
    StreamSettings,
    Table,
)
from votectl.sizing.consumer import whole
from votectl.sizing.errors import LimitExceeded
from votectl.sizing.explain import Figure, assumed, ceil, computed, derived, given, maximum, minimum, nearest
from votectl.sizing.planner import Planner
from votectl.sizing.predict import longest
from votectl.sizing.scenario import answer_units, asked_per_second

AGGREGATOR_BATCH = 10_000
AGGREGATOR_MEMORIES_MB = (512, 1024, 1769)
_NEW_ON_DEMAND = "shards of a new on-demand stream"


def shards(planner: Planner) -> Figure:
    """Return the shards that the peak needs, with the hot voter in one of them.

    Raises:
        LimitExceeded: one voter exceeds a shard, or a stream can't have so many shards.
    """
    facts, per_shard, peak = planner.facts, planner.shard_limit, planner.demand["peak"]
    share = given("hot_voter_share", planner.event.hot_voter_share)
    hot = derived("rate of the hot voter", "votes/s", peak * share)
    usable = per_shard.value * planner.target.value
    if hot.value >= usable:
        raise LimitExceeded(
            f"{per_shard.value:,.0f} records/s of one shard (Kinesis)",
            f"one voter id sends {hot.value:,.0f} votes/s. A voter id is a partition key, which lives in one "
            f"shard, and a shard is planned for {usable:,.0f}. More shards do not help; let that sender use "
            "its voters' own ids.",
        )
    needed = maximum(1, ceil((peak - hot) / (per_shard * planner.target - hot)))
    found = derived("stream: shard_count", "shards", needed)
    initial = facts["kinesis.on_demand.initial_records_per_second"]
    if planner.hands_off and peak.value <= initial.value * planner.target.value:
        per_shard = facts["kinesis.shard_write_records_per_second"]
        new = derived(_NEW_ON_DEMAND, "shards", nearest(initial / per_shard))
        if found.value <= new.value:
            return new
    return _possible(planner, found)


def _possible(planner: Planner, needed: Figure) -> Figure:
    most = planner.facts["kinesis.shards_per_stream"]
    if needed.value > most.value:
        raise LimitExceeded(
            f"{most.value:,.0f} shards per stream (Kinesis UpdateShardCount)",
            f"{planner.event.peak_votes_per_second:,.0f} votes/s need {needed.value:,.0f} shards. "
            "Split the poll over several deployments.",
        )
    return needed


def aggregator(planner: Planner, needed: Figure) -> tuple[Aggregator, Figure]:
    """Return the aggregator, and the shards: its lanes may need more than the peak does.

    Raises:
        LimitExceeded: live results can't be as fresh as the goal.
    """
    refused, measured = "", planner.times.aggregator_memory_mb
    memories = AGGREGATOR_MEMORIES_MB if measured is None else (measured,)
    for fan_out, memory in product((False, True), memories):
        candidate = Aggregator(batch_size=AGGREGATOR_BATCH, memory_mb=memory, enhanced_fan_out=fan_out)
        enough = _shards_for(planner, candidate, needed)
        found, refused = _with_window(planner, candidate, enough)
        if found is not None:
            return _decided(planner, found, planner.decide(enough)), enough
    raise LimitExceeded(
        "the batching window of at least 1 s for batches of more than 10 (Lambda), plus the poll and the "
        "invocation",
        f"live results can't be as fresh as {planner.goals.live_lag_seconds:g} s. {refused}",
    )


def _shards_for(planner: Planner, candidate: Aggregator, needed: Figure) -> Figure:
    """Return the shards at which the aggregator, with one lane each, keeps up with the peak."""
    lane, share = planner.lanes(candidate, needed), planner.event.hot_voter_share
    rate = lane.lane_rate(lane.aggregator)
    busiest = planner.event.peak_votes_per_second * (share + (1 - share) / needed.value)
    if rate.value >= busiest * planner.headroom.value:
        return needed
    more = ceil(planner.demand["peak"] * planner.headroom / rate)
    return _possible(planner, derived("stream: shard_count", "shards", maximum(needed, more)))


def _with_window(planner: Planner, candidate: Aggregator, shards: Figure) -> tuple[Aggregator | None, str]:
    """Return the aggregator with the longest window that meets the goal, or None and the reason."""
    facts, goal = planner.facts, planner.goals.live_lag_seconds
    rate = planner.event.peak_votes_per_second / shards.value
    units = planner.lanes(candidate, shards).live_row_units
    key_units = facts.value("dynamodb.partition_write_units")
    # All shards write to one poll's rows, which share a partition key.
    in_a_second = shards.value * units.value * planner.event.poll_shares[0]
    shortest = max(1, round_up(in_a_second / (key_units * planner.partition_target.value)))
    most_window = int(min(facts.value("mapping.window_max_seconds"), goal))
    why = "No time is left for a window."
    for window in range(most_window, shortest - 1, -1):
        windowed = candidate.model_copy(update={"batching_window_seconds": window})
        most = longest(planner.lanes(windowed, shards).aggregator, rate)
        if most <= goal:
            return windowed, ""
        why = f"With a window of {window} s the oldest missing vote is {most:.1f} s old."
    if shortest > 1:
        why = (
            f"{shards.value:,.0f} shards write to one poll's live rows, which share a partition key of "
            f"{key_units:,.0f} units/s (DynamoDB): the window can't be shorter than {shortest} s. {why}"
        )
    return None, why


def _decided(planner: Planner, found: Aggregator, shards: Figure) -> Aggregator:
    name, lane = "vote_aggregator", planner.lanes(found, shards).aggregator
    goal = given("live_lag_seconds", planner.goals.live_lag_seconds, "s")
    how = "the longest whole window with propagation + poll + window + 2 * invocation <= live_lag"
    inputs, window = (goal, lane.propagation, lane.poll, lane.full_time), found.batching_window_seconds
    planner.decide(computed(f"{name}: batching_window_seconds", window, "s", how, *inputs))
    how = f"the smallest of {AGGREGATOR_MEMORIES_MB} that meets the goal, or the measured one"
    planner.decide(computed(f"{name}: memory_mb", found.memory_mb, "MB", how, goal))
    how = "Lambda's maximum, so that the window ends a batch"
    planner.decide(given(f"{name}: batch_size", found.batch_size, "votes", how))
    planner.decide(planner.timeout(f"{name}: timeout_seconds", lane))
    return planner.built(Aggregator, name, enhanced_fan_out=found.enhanced_fan_out)


def stream(planner: Planner, needed: Figure) -> StreamSettings:
    """Return the stream: on-demand where its shards were chosen so."""
    if needed.name == _NEW_ON_DEMAND:
        del planner.decisions[needed.name]  # AWS decides it
        return StreamSettings(mode=StreamMode.ON_DEMAND)
    return StreamSettings(shard_count=whole(needed.value))


def api(planner: Planner, needed: Figure) -> Api:
    """Return the throttle: the expected highest second, within the limits of the shards."""
    votes, most = minimum(planner.crest, needed * planner.shard_limit), planner.facts["api.account_burst"]
    requests = ceil(votes * planner.demand["requests_per_vote"])
    rate = planner.choose("api: throttling_rate_limit", "requests/s", requests)
    planner.choose("api: throttling_burst_limit", "requests", minimum(maximum(rate, 100), most))
    return planner.built(Api, "api", batch_enabled=planner.event.batch_endpoint_share > 0)


def results_api(planner: Planner) -> ResultsApi:
    """Return the throttle of results, above the viewers' rate."""
    event, usual, most = planner.event, ResultsApi(), planner.facts["api.account_burst"]
    if not event.viewers:
        return usual
    asked = asked_per_second(event, planner.facts, by_cdn=event.results_by_cdn)
    spare = assumed("spare rate of viewers", 1.25, "", "they do not ask evenly")
    default = given("default", usual.throttling_rate_limit, "requests/s", "infra/variables.tf")
    needed = maximum(default, ceil(asked * spare))
    rate = planner.choose("results_api: throttling_rate_limit", "requests/s", needed)
    default = given("default", usual.throttling_burst_limit, "requests", "infra/variables.tf")
    burst = maximum(default, minimum(rate, most))
    planner.choose("results_api: throttling_burst_limit", "requests", burst)
    return planner.built(ResultsApi, "results_api", cdn_enabled=event.results_by_cdn)


def tallies_table(planner: Planner, needed: Figure, units: Figure) -> Table:
    """Return the tallies table: on demand, unless a new table could not take its writes.

    The ceiling lets all shards write in the same second. That happens when the rate fills their batches, because
    votes begin to arrive in all shards at the same moment.
    """
    name, polls = "tallies_table", given("polls", planner.event.polls)
    window = planner.decisions["vote_aggregator: batching_window_seconds"]
    level = derived("tallies table: write units at the peak", "units/s", needed * polls * units / window)
    new = planner.facts["dynamodb.on_demand.initial_write_units"]
    if level.value <= new.value * planner.partition_target.value:
        planner.choose(f"{name}: max_write_units", "units/s", needed * polls * units + 100)
        return planner.built(Table, name)
    planner.choose(f"{name}: write_units", "units/s", ceil(level * planner.spare_units))
    asked = asked_per_second(planner.event, planner.facts, by_cdn=planner.event.results_by_cdn)
    answer = answer_units(planner.event, needed, planner.facts)
    reads = maximum(100, ceil(asked * answer * planner.spare_units))
    planner.choose(f"{name}: read_units", "units/s", reads)
    return planner.built(Table, name, billing_mode=BillingMode.PROVISIONED)
