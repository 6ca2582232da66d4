"""From an event and its goals to a deployment, with its predictions, cost, quotas and steps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from votectl.settings import deployment as settings
from votectl.sizing import choose_writer, doors
from votectl.sizing import planner as choosing
from votectl.sizing.consumer import FunctionTimes, ingress_times, whole
from votectl.sizing.cost import figures_of
from votectl.sizing.course import CourseSummary, Keeping, Usage, course_figures
from votectl.sizing.event import Goals, VotingEvent
from votectl.sizing.explain import Figure, assumed, ceil, computed, derived, given, log2, maximum, minimum
from votectl.sizing.facts import Facts
from votectl.sizing.inputs import InvalidInput, LimitExceeded, spoken
from votectl.sizing.planner import COUNT_READS, PEAK_UNITS, SHARDS, Planner
from votectl.sizing.predict import flow, longest
from votectl.sizing.scenario import EventScenario, count_units, unique_units

REFRESHES = (30, 60, 120, 300, 600, 900, 1_800, 3_600)  # s between two unique counts
_LITTLE = 0.10  # USD that a unique count may always cost
_HOW = "expected flows along the arrival curve"
# The numbers of the predicted course that are shown, by the names under which they are.
_PREDICTED = {
    "votes": "votes_stored",
    "peak of the votes table's writes": "vote_units_peak",
    "writes to the votes table": "vote_units",
    "peak of the tallies table's writes": "live_units_peak",
    "writes to the tallies table": "live_units",
    "largest backlog": "backlog_peak",
    "oldest unstored vote": "storing_lag_peak",
    "stored after the event": "storing_drain",
    "live-result lag": "live_lag_peak",
    "votes per writer batch": "writer_batch_mean",
    "votes per aggregator batch": "aggregator_batch_mean",
}


class EventStep(NamedTuple):
    """Something to do around the event, and the numbers in it."""

    when: str
    what: str
    figures: Sequence[Figure] = ()


class CapacityPlan(NamedTuple):
    """An event on the deployment that is chosen for it, its predictions, its cost, and the steps around the event."""

    goals: Goals
    decisions: dict[str, Figure]
    predictions: dict[str, Figure]
    scenario: EventScenario
    steps: Sequence[EventStep]
    unique_counts: str  # how often, or why not
    offers: Mapping[settings.Door, doors.DoorOffer]
    door: settings.Door  # that votes come through
    offer: doors.DoorOffer  # of this door
    reason: str  # for the door

    def figures(self) -> dict[str, Figure]:
        """Return every number of the plan by name, for ``--explain``."""
        voters = self.scenario.event.figures["voters"]
        return {
            **self.decisions,
            **self.predictions,
            voters.name: voters,
            **figures_of(self.offer.items),
            **{f"quota: {quota.name}": quota.needed for quota in self.offer.quotas},
            **{f"default of quota: {quota.name}": quota.default for quota in self.offer.quotas},
            **{f"step: {figure.name}": figure for step in self.steps for figure in step.figures},
        }


def plan(
    event: VotingEvent,
    goals: Goals,
    facts: Facts,
    *,
    keeping: Keeping | None = None,
    times: FunctionTimes | None = None,
    current_shards: int | None = None,
    door: settings.Door | None = None,
    shard_level_metrics: Sequence[str] = (),
    pages_by_cdn: bool | None = None,
) -> CapacityPlan:
    """Choose a deployment. Raises LimitExceeded (the message names the limit) or InvalidInput: it is impossible.

    ``keeping`` is how long capacity is up around the event, and ``times`` are measured function times. The others
    are the environment's: the shards of its stream (None: a new one), its door (None: the cheapest that holds the
    event), its metrics, which are paid, and whether CloudFront serves its pages (None: it has no pages).
    """
    most = facts.value("kinesis.shards_per_stream")
    if current_shards is not None and not 1 <= current_shards <= most:
        raise InvalidInput(f"current_shards: must be from 1 to {most:,.0f}, not {current_shards}")
    planner = Planner(event, goals, facts, keeping or Keeping(), times or {})
    choosing.choose_stream_and_aggregator(planner)
    buckets = choose_writer.choose(planner)
    choosing.choose_throttles(planner, pages_by_cdn)
    choosing.choose_tallies_table(planner)
    choosing.finish_stream(planner, shard_level_metrics)
    auth = settings.VoterAuthSettings(mode=event.identity, user_pool_tier=event.user_pool_tier)
    firewall = settings.Present() if doors.needs_firewall(event) else None
    web = None if pages_by_cdn is None else settings.Present()
    planner.settle(voter_auth=auth, firewall=firewall, web=web)
    scenario = planner.scenario()
    peak = planner.decisions[PEAK_UNITS].value if doors.prewarming(planner, scenario) else None
    around = settings.Surroundings(buckets_per_poll=buckets, votes_table_previous_peak=peak)
    scenario = replace(scenario, surroundings=around)
    usage = Usage.of(flow(scenario), planner.keeping, "predicted course")
    offers = doors.offers(planner, scenario, usage)
    chosen, reason = doors.choose(offers, door)
    counted = _choose_unique_counts(planner, offers[chosen].cost)
    offers = doors.offers(planner, replace(scenario, deployment=planner.draft), usage)
    offer = offers[chosen]
    if chosen is not settings.Door.REST:
        planner.decide(doors.reserved_concurrency(planner))
        if SHARDS in planner.decisions:  # the lanes of an on-demand stream grow
            factor = planner.draft.vote_writer.parallelization_factor
            lanes = planner.shards * given("parallelization_factor", factor, "lanes")
            planner.choose("vote_writer: reserved_concurrency", "", lanes)
            planner.choose("vote_aggregator: reserved_concurrency", "", planner.shards * 1)
        if (ready := doors.ready_concurrency(planner)) is not None:
            planner.decide(ready)
    summary = CourseSummary(flow(offer.scenario))
    scenario = _with_retention(planner, offer.scenario, summary)
    predictions, cost = _predictions(planner, scenario, summary), offer.cost
    per_million = derived("cost per million votes", "USD", cost / planner.demand["votes"] * 1e6)
    predictions |= {cost.name: cost, per_million.name: per_million}
    steps = _steps(planner, offer, current_shards)
    decided = planner.decisions, predictions, scenario, steps, counted
    return CapacityPlan(goals, *decided, offers, chosen, offer, reason)


def _choose_unique_counts(planner: Planner, bill: Figure) -> str:
    """Put the shortest refresh that costs little of the bill into the draft, and return what to say about it."""
    event, facts, table = planner.event, planner.facts, planner.draft.votes_table
    share = assumed(
        "share of the bill for unique counts", 0.02, "", "they are an addition to the live counts"
    )
    allowed, hours = max(_LITTLE, bill.value * share.value), whole(planner.hours(event.duration))
    half = facts.value("dynamodb.on_demand.initial_read_units") / 2
    most = assumed("read units/s for unique counts", half, "units/s", "half of a new on-demand table's")
    if table.provisioned is not None:
        most = facts["dynamodb.table_units"]
    rows = count_units(event.votes, event, facts)
    for seconds in REFRESHES:
        rate, units = rows.value / seconds, unique_units(event.votes, event, seconds, facts).value
        cost = units / 1e6 * facts.value("dynamodb.read_request_units")
        if table.provisioned is not None:
            cost = rate * planner.spare_units.value * hours * facts.value("dynamodb.read_unit_hour")
        if cost <= allowed and rate <= most.value:
            break
    else:
        return f"off: one an hour costs ${cost:,.2f} ({rate:,.0f} read units/s), more than 2 % of the bill"
    how = f"the shortest of {REFRESHES} whose reads the table takes, for at most this share of the bill"
    planner.decide(computed("unique_count: refresh_seconds", seconds, "s", how, share, bill, most))
    if table.read_units is not None:
        own = given("read units without unique counts", table.read_units, "units/s", "votes_table")
        last = given("read units/s of the last unique count", rate, "units/s", "all rows in one refresh")
        both = planner.choose("votes_table: read_units", "units/s", own + ceil(last * planner.spare_units))
        planner.settle(votes_table=table.model_copy(update={"read_units": whole(both.value)}))
    planner.settle(unique_count=settings.UniqueCount(refresh_seconds=seconds))
    return f"every {seconds} s"


def _with_retention(planner: Planner, scenario: EventScenario, summary: CourseSummary) -> EventScenario:
    """Return the event on its deployment with a retention of four times the longest wait."""
    most = planner.facts["kinesis.retention_hours_max"]
    lag = computed("oldest unstored vote", summary.storing_lag_peak, "s", "the predicted course")
    included = planner.facts["kinesis.retention_hours_included"]
    hours = planner.choose("stream: retention_hours", "h", maximum(included, ceil(4 * lag / 3600)))
    if hours.value > most.value:
        why = f"votes would wait for {summary.storing_lag_peak / 3600:,.0f} h. An earlier deadline helps."
        raise LimitExceeded(f"{most.value:,.0f} h of retention (Kinesis)", why)
    longest_age = given("longest record age", 604_800, "s", "Lambda's; half is for redrives")
    planner.choose("vote_writer: maximum_record_age_seconds", "s", minimum(hours * 3600 / 2, longest_age))
    stream = scenario.deployment.stream.model_copy(update={"retention_hours": whole(hours.value)})
    return replace(scenario, deployment=scenario.deployment.model_copy(update={"stream": stream}))


def _predictions(planner: Planner, scenario: EventScenario, summary: CourseSummary) -> dict[str, Figure]:
    arrivals = (planner.demand["peak"], planner.demand["duration"])
    storing, counting = arrivals + scenario.writer_inputs(), arrivals + scenario.aggregator_inputs()
    last_rate = float(planner.event.rate(np.array(planner.event.duration)))
    last = max(summary.storing_drain, summary.live_drain)
    how = f"{_HOW}: when the slower consumer has processed the last vote"
    drained = computed("drained", last, "s", how, *(*storing, counting[2]))
    settle, count = planner.settling, _counting(planner, scenario)
    how = "the closing markers' time through the aggregator"
    seconds = longest(scenario.aggregator, last_rate / summary.shards_peak)
    proof = computed("proof", seconds, "s", how, *counting)
    final = derived("final result after the event", "s", maximum(drained, settle) + proof + settle + count)
    if final.value > (deadline := planner.goals.deadline):
        parts = f"(drained {drained.value:,.0f} s, counted in {count.value:,.0f} s)"
        why = f"the final result would be proved {final.value:,.0f} s after the event {parts}, not {deadline:g} s."
        raise LimitExceeded("read units of the votes table, and the drain before them", why)
    refused = summary.votes_refused_by_api + summary.votes_refused_by_stream
    told = course_figures(scenario, summary, _HOW)
    told["live_lag_peak"] = replace(told["live_lag_peak"], how=f"{_HOW}: poll + window + invocation")
    figures = [replace(told[name], name=shown) for shown, name in _PREDICTED.items()]
    figures.insert(1, computed("refused votes", refused, "votes", _HOW, *storing))
    writer, aggregator = (
        replace(time, per_round=derived("per round, twice as long", "s", 2 * time.per_round))
        for time in (scenario.writer_time, scenario.aggregator_time)
    )
    slow = CourseSummary(flow(replace(scenario, writer_time=writer, aggregator_time=aggregator)))
    slow_drained = max(slow.storing_drain, slow.live_drain, settle.value)
    slow_final = final.value - max(drained.value, settle.value) + slow_drained
    name = "final result if calls to the store take twice as long"
    slower = computed(name, slow_final, "s", f"{_HOW}, with twice the time per round of calls", final)
    figures += [final, slower, doors.concurrency(scenario)]
    if scenario.deployment.api.vote_door is not settings.Door.REST:
        how = "containers that start for a request, which waits for them"
        figures.append(computed("cold starts of the ingress", summary.cold_starts, "starts", how, *arrivals))
        figures.append(ingress_times(scenario.deployment.ingress, planner.facts)[1])
    return {figure.name: figure for figure in figures}


def _counting(planner: Planner, scenario: EventScenario) -> Figure:
    """Return the seconds of reading every stored row."""
    table, facts = scenario.deployment.votes_table, planner.facts
    rate = facts["dynamodb.on_demand.initial_read_units"]
    if table.read_units is not None:
        rate = given("read_units", table.read_units, "units/s", "votes_table")
    rate = planner.decisions.get(COUNT_READS, rate)
    buckets = given("buckets per poll", scenario.surroundings.buckets_per_poll)
    give = facts["dynamodb.partition_read_units"] * buckets * given("polls", planner.event.polls)
    partitions = derived("units that the buckets give", "units/s", give)
    units = count_units(planner.event.votes, planner.event, facts)
    return derived("count", "s", units / minimum(rate, partitions))


def _steps(planner: Planner, offer: doors.DoorOffer, current_shards: int | None) -> list[EventStep]:
    """Return the steps around the event, in order."""
    scenario = offer.scenario
    facts, keeping, decisions, steps = planner.facts, planner.keeping, planner.decisions, list[EventStep]()

    def step(when: str, what: str, *figures: Figure) -> None:
        steps.append(EventStep(when, what, figures))

    if offer.to_raise:
        step("weeks before", "raise the quotas marked above (Service Quotas; AWS promises no time)")
    shards = scenario.deployment.stream.shard_count
    if shards is not None and current_shards is not None and shards > current_shards:
        factor, a_day = facts["kinesis.resizing_factor"], facts["kinesis.resizings_per_day"]
        current = given("current_shards", current_shards, "shards")
        times = ceil(log2(decisions[SHARDS] / current) / log2(factor) - 1e-9)
        resizings = derived("resizings of the stream", "", times)
        days = derived("days of resizing", "days", ceil(resizings / a_day))
        text = f"resize the stream from {current_shards} to {shards} shards: {resizings.value} step(s) of at most"
        text = f"{text} {factor.value:g} times, minutes each, {a_day.value:g} a day"
        step(f"{days.value} day(s) before", text, resizings, days)
    if doors.prewarming(planner, scenario) is not None:
        level, new = decisions[PEAK_UNITS], facts["dynamodb.on_demand.initial_write_units"]
        capacity = f"billing_mode PROVISIONED and {whole(level.value):,} write_units for an hour"
        text = f"pre-warm the votes table: one apply with {capacity}, then the file as it is"
        step("a day before", f"{text}: a new on-demand table takes {new.value:,.0f}", level, new)
    if planner.event.identity is settings.VoterIdentity.COGNITO:
        quota = facts["cognito.sign_ins_per_second"]
        early = derived("time of all sign-ins", "s", planner.demand["voters"] / quota)
        text = f"let voters sign in early: at the default quota of {quota.value:,.0f}/s all of them take"
        step("a day before", f"{text} {spoken(early.value)}", early)
    step(f"{keeping.before:g} h before", "apply the tfvars; a new stream or table takes the target at once")
    ready = decisions.get(doors.READY)
    if ready is not None and scenario.deployment.api.vote_door is not settings.Door.REST:
        text = f"set ingress.provisioned_concurrency to {ready.value:,} and apply; once the rate is steady"
        step("half an hour before", f"{text}, lower it in steps of at most 1,000 to null", ready)
    buckets = scenario.surroundings.buckets_per_poll
    if buckets != facts.value("votestream.buckets_per_poll"):
        step("when polls are created", f"give each poll a bucket_count of {buckets}")
    text = "send test votes to a poll of their own until every shard has had some: cold starts"
    step("10 minutes before", text)
    if count_reads := decisions.get(COUNT_READS):
        text = f"set votes_table.read_units to {count_reads.value:,} in the tfvars and apply: for the count alone"
        step("1 h before the end", text, count_reads)
    step(f"{keeping.after:g} h after", "apply the everyday tfvars; shards halve per step at most")
    return steps
