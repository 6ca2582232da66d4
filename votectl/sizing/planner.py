"""The planner's margins and decisions, and what the peak and the goal for live results decide."""

from collections.abc import Sequence
from itertools import product
from math import ceil as round_up

from votectl.settings import deployment as settings
from votectl.sizing import explain
from votectl.sizing.consumer import ConsumerLane, FunctionTimes, whole
from votectl.sizing.course import Keeping
from votectl.sizing.event import Goals, VotingEvent
from votectl.sizing.explain import Figure, Operand, assumed, ceil, computed, derived, given, maximum, minimum
from votectl.sizing.facts import Facts
from votectl.sizing.inputs import LimitExceeded, Preference
from votectl.sizing.predict import longest
from votectl.sizing.scenario import EventScenario, answer_units, asked_per_second

COUNT_READS = "votes_table: read_units for the count"
PEAK_UNITS = "votes table: write units at the peak"
SHARDS = "stream: shard_count"
AGGREGATOR_MEMORIES_MB = (512, 1024, 1769)


class Planner:
    """The inputs of decisions, the decisions as figures, and a draft of the deployment with what is decided so far."""

    def __init__(
        self, event: VotingEvent, goals: Goals, facts: Facts, keeping: Keeping, times: FunctionTimes
    ) -> None:
        self.event, self.goals, self.facts, self.keeping, self.times = event, goals, facts, keeping, times
        self.demand, self.decisions = event.figures, dict[str, Figure]()
        self.draft = settings.DeploymentSettings(stream=settings.StreamSettings(shard_count=1))
        self.shards = given(SHARDS, 1, "shards")  # of the draft
        # What a tally waits after a poll's end, and again after the last closing marker.
        self.settling = given("settle_seconds", self.draft.tally.settle_seconds, "s", "tally")
        self.hands_off = goals.prefer is Preference.HANDS_OFF
        why = "a margin: voters fall on shards unevenly, and seconds differ"
        self.target = assumed("target use of a shard", 0.7, "", why)
        why = "a margin: voters fall on buckets unevenly"
        self.partition_target = assumed("target use of a partition", 0.8, "", why)
        why = "calls to the store may take longer than expected"
        self.headroom = assumed("headroom of the writer", 1.25, "", why)
        self.spare_units = assumed("spare units", 1.1, "", "seconds differ, and lanes get votes unevenly")
        why = "a fifth is left for redrives and repeated work"
        self.write_share = assumed("write share of the table", 0.8, "", why)
        # Votes arrive at random, and a small crowd votes at once: four deviations of a Poisson rate.
        spare = assumed("spare rate", 1.25, "", "a vote refused at the front door is lost")
        self.together = assumed("votes at once", 20, "votes", "a class votes when its teacher says so")
        peak = self.demand["peak"]
        at_most = peak * spare + 4 * explain.sqrt(peak) + self.together
        self.crest = derived("highest second", "votes/s", at_most)
        # Of the bare event: a shard's limit does not depend on the deployment.
        self.shard_limit = self.scenario().records_per_shard

    def decide(self, figure: Figure) -> Figure:
        """Record a decision."""
        self.decisions[figure.name] = figure
        return figure

    def choose(self, name: str, unit: str, formula: Operand) -> Figure:
        """Record a decision that a formula makes."""
        return self.decide(derived(name, unit, formula))

    def build(self, name: str, **more: object) -> None:
        """Put an object of the tfvars into the draft, from its decisions, which are called ``object: attribute``."""
        decided = {key.removeprefix(f"{name}: "): figure.value for key, figure in self.decisions.items()}
        model = type(getattr(self.draft, name))
        known = {key: value for key, value in decided.items() if key in model.model_fields}
        self.settle(**{name: model.model_validate({**known, **more})})

    def timeout(self, name: str, lane: ConsumerLane) -> Figure:
        """Return a timeout with room for throttling and retries within an invocation."""
        most = given("longest timeout", 900, "s", "Lambda's")
        return derived(name, "s", minimum(maximum(60, ceil(5 * lane.full_time)), most))

    def hours(self, seconds: float) -> float:
        """Return the hours that capacity is up for so many seconds of votes."""
        return self.keeping.before + seconds / 3600 + self.keeping.after

    def memories(self, time: str, usual: Sequence[int]) -> Sequence[int]:
        """Return the memory sizes to try: a measured time is one size's."""
        measured = self.times[time].memory_mb if time in self.times else None
        return usual if measured is None else (measured,)

    def settle(self, **decided: object) -> None:
        """Put settings into the draft."""
        self.draft = self.draft.model_copy(update=decided)

    def scenario(self, **changed: object) -> EventScenario:
        """Return the event on the draft with some changes, with the measured function times, if any."""
        deployment = self.draft.model_copy(update=changed)
        return EventScenario.expected(self.event, deployment, self.facts, **self.times)

    def settle_shards(self, shards: Figure) -> None:
        """Put so many shards into the draft."""
        self.shards = shards
        self.settle(stream=settings.StreamSettings(shard_count=whole(shards.value)))


def choose_stream_and_aggregator(planner: Planner) -> None:
    """Put stream and aggregator into the draft. Raises LimitExceeded: live results can't be as fresh, for example."""
    needed, refused = _shards(planner), ""
    memories = planner.memories("aggregator_time", AGGREGATOR_MEMORIES_MB)
    for fan_out, memory in product((False, True), memories):
        # Lambda's largest batch, so that the window ends it.
        candidate = settings.Aggregator(batch_size=10_000, memory_mb=memory, enhanced_fan_out=fan_out)
        planner.settle_shards(needed)
        planner.settle_shards(_shards_for(planner, candidate))
        found, refused = _with_window(planner, candidate)
        if found is not None:
            planner.decide(planner.shards)
            return _settle_aggregator(planner, found)
    limit = "the batching window of at least 1 s for batches of more than 10 (Lambda), plus the poll and the invocation"
    raise LimitExceeded(limit, f"live results can't be as fresh as {planner.goals.live_lag:g} s. {refused}")


def _shards(planner: Planner) -> Figure:
    """Return the shards that the peak needs, with the hot voter in one of them."""
    facts, per_shard, peak = planner.facts, planner.shard_limit, planner.demand["peak"]
    share = given("hot_voter_share", planner.event.hot_voter_share)
    hot = derived("rate of the hot voter", "votes/s", peak * share)
    usable = per_shard.value * planner.target.value
    if hot.value >= usable:
        why = f"one voter sends {hot.value:,.0f} votes/s to one shard, which is planned for {usable:,.0f}."
        remedy = "More shards do not help; let that sender use its voters' own ids."
        raise LimitExceeded(f"{per_shard.value:,.0f} records/s of one shard (Kinesis)", f"{why} {remedy}")
    found = derived(SHARDS, "shards", maximum(1, ceil((peak - hot) / (per_shard * planner.target - hot))))
    initial = facts["kinesis.on_demand.initial_records_per_second"]
    if planner.hands_off and peak.value <= initial.value * planner.target.value:
        new = explain.nearest(initial / facts["kinesis.shard_write_records_per_second"])
        if found.value <= new.value:
            return derived("shards of a new on-demand stream", "shards", new)
    return _possible(planner, found)


def _possible(planner: Planner, needed: Figure) -> Figure:
    most = planner.facts["kinesis.shards_per_stream"]
    if needed.value > most.value:
        why = f"{planner.event.peak:,.0f} votes/s need {needed.value:,.0f} shards."
        limit = f"{most.value:,.0f} shards per stream (Kinesis UpdateShardCount)"
        raise LimitExceeded(limit, f"{why} Split the poll over several deployments.")
    return needed


def _shards_for(planner: Planner, candidate: settings.Aggregator) -> Figure:
    """Return the shards, as many as needed or more, at which the aggregator, with one lane each, keeps up."""
    played, needed = planner.scenario(vote_aggregator=candidate), planner.shards
    rate, share = played.lane_rate(played.aggregator), planner.event.hot_voter_share
    busiest = planner.event.peak * (share + (1 - share) / needed.value)
    if rate.value >= busiest * planner.headroom.value:
        return needed
    more = ceil(planner.demand["peak"] * planner.headroom / rate)
    return _possible(planner, derived(SHARDS, "shards", maximum(needed, more)))


def _with_window(planner: Planner, candidate: settings.Aggregator) -> tuple[settings.Aggregator | None, str]:
    """Return the aggregator with the longest window that meets the goal, or None and the reason."""
    facts, goal, shards = planner.facts, planner.goals.live_lag, planner.shards.value
    key_units = facts.value("dynamodb.partition_write_units")
    # All shards write to one poll's rows, which share a partition key.
    in_a_second = shards * planner.scenario().live_row_units.value * planner.event.poll_shares[0]
    shortest = max(1, round_up(in_a_second / (key_units * planner.partition_target.value)))
    most_window = int(min(facts.value("mapping.window_max_seconds"), goal))
    why = "No time is left for a window."
    for window in range(most_window, shortest - 1, -1):
        windowed = candidate.model_copy(update={"batching_window_seconds": window})
        most = longest(planner.scenario(vote_aggregator=windowed).aggregator, planner.event.peak / shards)
        if most <= goal:
            return windowed, ""
        why = f"With a window of {window} s the oldest missing vote is {most:.1f} s old."
    if shortest > 1:
        limit = f"which share a partition key of {key_units:,.0f} units/s (DynamoDB)"
        rows = f"{shards:,.0f} shards write to one poll's live rows, {limit}"
        why = f"{rows}: the window can't be shorter than {shortest} s. {why}"
    return None, why


def _settle_aggregator(planner: Planner, found: settings.Aggregator) -> None:
    name, lane = "vote_aggregator", planner.scenario(vote_aggregator=found).aggregator
    goal = given("live_lag", planner.goals.live_lag, "s")
    how = "the longest whole window with propagation + poll + window + 2 * invocation <= live_lag"
    inputs, window = (goal, lane.propagation, lane.poll, lane.full_time), found.batching_window_seconds
    planner.decide(computed(f"{name}: batching_window_seconds", window, "s", how, *inputs))
    how = f"the smallest of {AGGREGATOR_MEMORIES_MB} that meets the goal, or the measured one"
    planner.decide(computed(f"{name}: memory_mb", found.memory_mb, "MB", how, goal))
    how = "Lambda's maximum, so that the window ends a batch"
    planner.decide(given(f"{name}: batch_size", found.batch_size, "votes", how))
    planner.decide(planner.timeout(f"{name}: timeout_seconds", lane))
    planner.build(name, enhanced_fan_out=found.enhanced_fan_out)


def choose_throttles(planner: Planner, pages_by_cdn: bool | None) -> None:
    """Put the APIs into the draft: of votes, for the highest second; of results, for the viewers, if there are any."""
    event, most = planner.event, planner.facts["api.account_burst"]
    if event.viewers:
        name, usual = "results_api", planner.draft.results_api
        asked = asked_per_second(event, planner.facts, by_cdn=event.cdn)
        spare = assumed("spare rate of viewers", 1.25, "", "they do not ask evenly")
        default = given("default", usual.throttling_rate_limit, "requests/s", "infra/variables.tf")
        needed = maximum(default, ceil(asked * spare))
        rate = planner.choose(f"{name}: throttling_rate_limit", "requests/s", needed)
        default = given("default", usual.throttling_burst_limit, "requests", "infra/variables.tf")
        planner.choose(f"{name}: throttling_burst_limit", "requests", maximum(default, minimum(rate, most)))
    planner.build("results_api", cdn_enabled=event.cdn if event.viewers else bool(pages_by_cdn))
    votes = minimum(planner.crest, planner.shards * planner.shard_limit)
    requests = ceil(votes * planner.demand["requests_per_vote"])
    rate = planner.choose("api: throttling_rate_limit", "requests/s", requests)
    planner.choose("api: throttling_burst_limit", "requests", minimum(maximum(rate, 100), most))
    planner.build("api", batch_enabled=event.batch_share > 0)


def choose_tallies_table(planner: Planner) -> None:
    """Put the tallies table into the draft: on demand, unless a new table could not take its writes.

    The ceiling lets all shards write in the same second: votes begin to arrive in all of them at the same moment.
    """
    name, facts, polls = "tallies_table", planner.facts, given("polls", planner.event.polls)
    in_a_window = planner.shards * polls * planner.scenario().live_row_units
    window = planner.decisions["vote_aggregator: batching_window_seconds"]
    level = derived("tallies table: write units at the peak", "units/s", in_a_window / window)
    new = facts["dynamodb.on_demand.initial_write_units"]
    if level.value <= new.value * planner.partition_target.value:
        planner.choose(f"{name}: max_write_units", "units/s", in_a_window + 100)
        return planner.build(name)
    planner.choose(f"{name}: write_units", "units/s", ceil(level * planner.spare_units))
    asked = asked_per_second(planner.event, facts, by_cdn=planner.event.cdn)
    reads = asked * answer_units(planner.event, planner.shards, facts) * planner.spare_units
    planner.choose(f"{name}: read_units", "units/s", maximum(100, ceil(reads)))
    return planner.build(name, billing_mode=settings.BillingMode.PROVISIONED)


def finish_stream(planner: Planner, shard_level_metrics: Sequence[str]) -> None:
    """Put the stream's mode and metrics into the draft: it is on-demand where its shards were chosen so."""
    if planner.shards.name == SHARDS:
        stream = {"shard_count": whole(planner.shards.value), "shard_level_metrics": shard_level_metrics}
    else:
        del planner.decisions[planner.shards.name]  # AWS decides it
        stream = {"mode": settings.StreamMode.ON_DEMAND}
    planner.settle(stream=settings.StreamSettings.model_validate(stream))
