"""Front door, stream, aggregator: what follows from the peak and from how fresh live results must be."""

from math import ceil

from votectl.settings.deployment import Aggregator, Api, BillingMode, ResultsApi, Stream, StreamMode, Table
from votectl.sizing.batching import Lane, live_row_units, whole
from votectl.sizing.desk import Desk
from votectl.sizing.errors import Impossible
from votectl.sizing.explain import Figure, assumed, computed, derived, given
from votectl.sizing.predict import longest
from votectl.sizing.reading import answer_units, asked_per_second
from votectl.sizing.scenario import our_writing

AGGREGATOR_BATCH = 10_000
AGGREGATOR_MEMORIES_MB = (512, 1024, 1769)
LONGEST_TIMEOUT = 900  # s: Lambda's
_NEW_ON_DEMAND = "shards of a new on-demand stream"


def shards(desk: Desk) -> Figure:
    """Return the shards that the peak needs, with the hot voter in one of them.

    Raises:
        Impossible: one voter is more than a shard takes, or a stream has not so many shards.
    """
    per_shard = desk.shard_limit()
    hot = derived(
        "rate of the hot voter",
        "votes/s",
        "peak * share",
        peak=desk.demand["peak"],
        share=given("hot_voter_share", desk.event.hot_voter_share, ""),
    )
    usable = per_shard.value * desk.target.value
    if hot.value >= usable:
        raise Impossible(
            f"{per_shard.value:,.0f} records/s of one shard (Kinesis)",
            f"one voter's id sends {hot.value:,.0f} votes/s, and a partition key lives in one shard, "
            f"which can be planned for {usable:,.0f}. More shards do not help; let that sender use "
            "its voters' own ids.",
        )
    needed = derived(
        "stream: shard_count",
        "shards",
        "max(1, ceil((peak - hot) / (per_shard * target - hot)))",
        peak=desk.demand["peak"],
        hot=hot,
        per_shard=per_shard,
        target=desk.target,
    )
    new = _new_on_demand_shards(desk)
    if new is not None and needed.value <= new.value:
        return new
    return _possible(desk, needed)


def _new_on_demand_shards(desk: Desk) -> Figure | None:
    """Return what a new on-demand stream begins with, where one is preferred and takes the peak."""
    initial = desk.facts["kinesis.on_demand.initial_records_per_second"]
    if not desk.hands_off or desk.event.peak_votes_per_second > initial.value * desk.target.value:
        return None
    return derived(
        _NEW_ON_DEMAND,
        "shards",
        "round(initial / per_shard)",
        initial=initial,
        per_shard=desk.facts["kinesis.shard_write_records_per_second"],
    )


def _possible(desk: Desk, needed: Figure) -> Figure:
    most = desk.facts["kinesis.shards_per_stream"]
    if needed.value > most.value:
        raise Impossible(
            f"{most.value:,.0f} shards per stream (Kinesis UpdateShardCount)",
            f"{desk.event.peak_votes_per_second:,.0f} votes/s need {needed.value:,.0f} shards. "
            "Split the poll over several deployments.",
        )
    return needed


def aggregator(desk: Desk, needed: Figure) -> tuple[Aggregator, Figure]:
    """Return the aggregator, and the shards: its lanes may need more than the peak does.

    Raises:
        Impossible: live results can't be as fresh as they are wanted.
    """
    refused, measured = "", desk.times.aggregator_memory_mb
    for fan_out in (False, True):
        for memory in AGGREGATOR_MEMORIES_MB if measured is None else (measured,):
            candidate = Aggregator(batch_size=AGGREGATOR_BATCH, memory_mb=memory, enhanced_fan_out=fan_out)
            enough = _shards_for(desk, candidate, needed)
            window, refused = _window(desk, candidate, enough)
            if window is not None:
                desk.decide(enough)
                return _with_window(desk, candidate, window, enough), enough
    raise Impossible(
        "the batching window of at least 1 s for batches of more than 10 (Lambda), and what "
        "the poll and the invocation add",
        f"live results can't be as fresh as {desk.goals.live_lag_seconds:g} s. {refused}",
    )


def _shards_for(desk: Desk, candidate: Aggregator, needed: Figure) -> Figure:
    """Return the shards at which the aggregator, with one lane each, keeps up with the peak."""
    lane = desk.lanes(candidate, needed)
    rate = lane.lane_rate(lane.aggregator)
    share = desk.event.hot_voter_share
    busiest = desk.event.peak_votes_per_second * (share + (1 - share) / needed.value)
    if rate.value >= busiest * desk.headroom.value:
        return needed
    more = derived(
        "stream: shard_count",
        "shards",
        "max(needed, ceil(peak * headroom / rate))",
        needed=needed,
        peak=desk.demand["peak"],
        headroom=desk.headroom,
        rate=rate,
    )
    return _possible(desk, more)


def _window(desk: Desk, candidate: Aggregator, shards: Figure) -> tuple[int | None, str]:
    """Return the longest window that keeps live results fresh, or None and why there is none."""
    facts, goal = desk.facts, desk.goals.live_lag_seconds
    rate = desk.event.peak_votes_per_second / shards.value
    units = live_row_units(desk.event, our_writing(facts), facts)
    key_units = facts.value("dynamodb.partition_write_units")
    # All shards write to one poll's rows, and those share a partition key.
    in_a_second = shards.value * units.value * desk.event.poll_shares[0]
    shortest = max(1, ceil(in_a_second / (key_units * desk.partition_target.value)))
    most_window = int(min(facts.value("mapping.window_max_seconds"), goal))
    why = "Nothing is left for a window."
    for window in range(most_window, shortest - 1, -1):
        windowed = candidate.model_copy(update={"batching_window_seconds": window})
        lane = desk.lanes(windowed, shards).aggregator
        most = longest(lane, rate)
        if most <= goal:
            return window, ""
        why = f"With a window of {window} s it is {most:.1f} s."
    if shortest > 1:
        why = (
            f"{shards.value:,.0f} shards write to one poll's live rows, which share a partition key of "
            f"{key_units:,.0f} units/s (DynamoDB): the window can't be shorter than {shortest} s. {why}"
        )
    return None, why


def _with_window(desk: Desk, candidate: Aggregator, window: int, shards: Figure) -> Aggregator:
    lane = desk.lanes(candidate.model_copy(update={"batching_window_seconds": window}), shards).aggregator
    goal = given("live_lag_seconds", desk.goals.live_lag_seconds, "s")
    desk.decide(
        computed(
            "vote_aggregator: batching_window_seconds",
            window,
            "s",
            "the longest whole window with propagation + poll + window + 2 * invocation <= live_lag",
            live_lag=goal,
            propagation=lane.propagation,
            poll=given("poll interval", lane.poll_interval or 0.0, "s", "0 with enhanced fan-out"),
            invocation=lane.time.figure("aggregator: time of a full batch", lane.batch_limit),
        )
    )
    desk.decide(
        computed(
            "vote_aggregator: memory_mb",
            candidate.memory_mb,
            "MB",
            f"the least of {AGGREGATOR_MEMORIES_MB} that is fresh enough, or what was measured",
            live_lag=goal,
        )
    )
    desk.decide(
        given(
            "vote_aggregator: batch_size",
            candidate.batch_size,
            "votes",
            "the most that Lambda takes: the window is to end a batch",
        )
    )
    timeout = desk.decide(timeout_seconds("vote_aggregator: timeout_seconds", lane))
    return candidate.model_copy(
        update={"batching_window_seconds": window, "timeout_seconds": whole(timeout.value)}
    )


def timeout_seconds(name: str, lane: Lane) -> Figure:
    """Return a time-out with room for throttles and retries within an invocation."""
    return derived(
        name,
        "s",
        "min(max(60, ceil(5 * invocation)), longest)",
        invocation=lane.time.figure(f"{lane.name}: time of a full batch", lane.batch_limit),
        longest=given("longest time-out", LONGEST_TIMEOUT, "s", "Lambda's"),
    )


def stream(desk: Desk, needed: Figure) -> Stream:
    """Return the stream: on-demand where all has been chosen for one."""
    if needed.name == _NEW_ON_DEMAND:
        del desk.decisions[needed.name]  # AWS decides it
        return Stream(mode=StreamMode.ON_DEMAND)
    return Stream(shard_count=whole(needed.value))


def api(desk: Desk, needed: Figure) -> Api:
    """Return the throttle: what can be expected of the highest second, within what the shards take."""
    rate = desk.decide(
        derived(
            "api: throttling_rate_limit",
            "requests/s",
            "ceil(min(crest, shards * per_shard) * requests_per_vote)",
            crest=desk.crest,
            shards=needed,
            per_shard=desk.shard_limit(),
            requests_per_vote=desk.demand["requests_per_vote"],
        )
    )
    burst = desk.decide(
        derived(
            "api: throttling_burst_limit",
            "requests",
            "min(max(rate, 100), account_burst)",
            rate=rate,
            account_burst=desk.facts["api.account_burst"],
        )
    )
    return Api(
        batch_enabled=desk.event.batch_endpoint_share > 0,
        throttling_rate_limit=rate.value,
        throttling_burst_limit=whole(burst.value),
    )


def results_api(desk: Desk) -> ResultsApi:
    """Return what answers viewers: limits above what they ask, so that they use up nothing let in for votes."""
    event, usual = desk.event, ResultsApi()
    if not event.viewers:
        return usual
    rate = desk.decide(
        derived(
            "results_api: throttling_rate_limit",
            "requests/s",
            "max(usual, ceil(asked * spare))",
            usual=given("default", usual.throttling_rate_limit, "requests/s", "infra/variables.tf"),
            asked=asked_per_second(event, desk.facts, by_cdn=event.results_by_cdn),
            spare=assumed("spare rate of viewers", 1.25, "", "they do not ask evenly"),
        )
    )
    burst = desk.decide(
        derived(
            "results_api: throttling_burst_limit",
            "requests",
            "max(usual, min(rate, account_burst))",
            usual=given("default", usual.throttling_burst_limit, "requests", "infra/variables.tf"),
            rate=rate,
            account_burst=desk.facts["api.account_burst"],
        )
    )
    return ResultsApi(
        cdn_enabled=event.results_by_cdn,
        throttling_rate_limit=rate.value,
        throttling_burst_limit=whole(burst.value),
    )


def tallies_table(desk: Desk, needed: Figure) -> Table:
    """Return the tallies table: on demand, unless a new one could not take what is written to it.

    The ceiling lets all shards write in the same second: where the rate fills their batches they do,
    because votes began to come to all of them at the same moment.
    """
    units = live_row_units(desk.event, our_writing(desk.facts), desk.facts)
    polls = given("polls", desk.event.polls, "")
    level = derived(
        "tallies table: write units at the peak",
        "units/s",
        "shards * polls * units / window",
        shards=needed,
        polls=polls,
        units=units,
        window=desk.decisions["vote_aggregator: batching_window_seconds"],
    )
    new = desk.facts["dynamodb.on_demand.initial_write_units"]
    if level.value <= new.value * desk.partition_target.value:
        ceiling = desk.decide(
            derived(
                "tallies_table: max_write_units",
                "units/s",
                "shards * polls * units + 100",
                shards=needed,
                polls=polls,
                units=units,
            )
        )
        return Table(max_write_units=whole(ceiling.value))
    writes = desk.decide(
        derived(
            "tallies_table: write_units",
            "units/s",
            "ceil(level * spare)",
            level=level,
            spare=desk.spare_units,
        )
    )
    reads = desk.decide(
        derived(
            "tallies_table: read_units",
            "units/s",
            "max(100, ceil(asked * units * spare))",
            asked=asked_per_second(desk.event, desk.facts, by_cdn=desk.event.results_by_cdn),
            units=answer_units(desk.event, needed, desk.facts),
            spare=desk.spare_units,
        )
    )
    return Table(
        billing_mode=BillingMode.PROVISIONED, write_units=whole(writes.value), read_units=whole(reads.value)
    )
