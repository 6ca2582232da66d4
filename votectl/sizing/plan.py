"""From an event and its goals to a deployment, with its predictions, cost, quotas and steps.

Shards follow from the peak, the aggregator's window from the goal for live results. The writer is the cheapest
of a few hundred settings that write everything in time. If no setting does, the error names the binding limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from votectl.settings.choices import Door, VoterIdentity
from votectl.settings.deployment import (
    BillingMode,
    DeploymentSettings,
    Firewall,
    Ingress,
    Surroundings,
    VoterAuthSettings,
    Web,
)
from votectl.sizing import choose_stream, choose_writer, doors, unique
from votectl.sizing.choose_writer import COUNT_READS
from votectl.sizing.consumer import FunctionTime, FunctionTimes, expected_answer, ingress_start, whole
from votectl.sizing.cost import BillItem, itemise, total
from votectl.sizing.course import Course, CourseSummary, Keeping, Usage
from votectl.sizing.errors import InvalidInput, LimitExceeded
from votectl.sizing.event import Goals, VotingEvent
from votectl.sizing.explain import Figure, Operand, ceil, computed, derived, given, log2, maximum, minimum
from votectl.sizing.facts import Facts
from votectl.sizing.planner import Planner
from votectl.sizing.predict import flow, longest
from votectl.sizing.quantities import spoken
from votectl.sizing.scenario import EventScenario, asked_per_second, count_units

LONGEST_RECORD_AGE = 604_800  # s: Lambda's
PREWARMING = "votes table pre-warming"
PROVISIONED = "ingress provisioned concurrency"
_AS_CHEAP = 0.01
_HOW = "expected flows along the arrival curve"


@dataclass(frozen=True)
class QuotaNeed:
    """One of the account's quotas, and what the plan needs of it."""

    name: str
    needed: Figure
    default: Figure

    @property
    def raise_it(self) -> bool:
        """Whether the default is too low."""
        return self.needed.value > self.default.value


@dataclass(frozen=True)
class EventStep:
    """Something to do around the event, and the numbers in it."""

    when: str
    what: str
    figures: Sequence[Figure] = ()


@dataclass(frozen=True)
class DoorOffer:
    """The event through one door. ``refusal``: why the door does not hold the event; empty if it does."""

    items: Sequence[BillItem]
    quotas: Sequence[QuotaNeed]
    refusal: str

    @property
    def cost(self) -> Figure:
        """The whole cost of the event."""
        return total(self.items)


@dataclass(frozen=True)
class CapacityPlan:
    """A deployment for an event, its predictions, its cost, and the steps around the event."""

    event: VotingEvent
    goals: Goals
    scenario: EventScenario
    decisions: dict[str, Figure]
    predictions: dict[str, Figure]
    items: Sequence[BillItem]
    quotas: Sequence[QuotaNeed]
    steps: Sequence[EventStep]
    course: Course
    reason: str  # for the door
    unique_counts: str  # how often, or why not
    offers: Mapping[Door, DoorOffer]

    @property
    def door(self) -> Door:
        """The door that votes come through."""
        return self.deployment.api.vote_door

    @property
    def deployment(self) -> DeploymentSettings:
        """The settings for Terraform."""
        return self.scenario.deployment

    def figures(self) -> dict[str, Figure]:
        """Return every number of the plan by name, for ``--explain``."""
        voters = self.event.figures["voters"]
        return {
            **self.decisions,
            **self.predictions,
            voters.name: voters,
            **{f"cost: {item.service}, {item.what}": item.cost for item in self.items},
            **{f"quota: {quota.name}": quota.needed for quota in self.quotas},
            **{f"default of quota: {quota.name}": quota.default for quota in self.quotas},
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
    door: Door | None = None,
    shard_level_metrics: Sequence[str] = (),
    pages_by_cdn: bool | None = None,
) -> CapacityPlan:
    """Choose a deployment.

    Args:
        event: the event.
        goals: the goals for its results.
        facts: prices and limits.
        keeping: how long capacity is kept around the event.
        times: measured function times; None: expected from the facts.
        current_shards: shards of an existing stream; None: a new stream.
        door: what votes come through; None: the cheapest that holds the event.
        shard_level_metrics: the environment's, which are paid.
        pages_by_cdn: whether CloudFront serves the environment's pages at the moment; None: it has no pages.

    Raises:
        LimitExceeded: no setting meets the goals; the binding limit is named.
        InvalidInput: ``current_shards`` is out of range, or the door does not hold the event.
    """
    most = facts.value("kinesis.shards_per_stream")
    if current_shards is not None and not 1 <= current_shards <= most:
        raise InvalidInput(f"current_shards: must be from 1 to {most:,.0f}, not {current_shards}")
    planner = Planner(event, goals, facts, keeping or Keeping(), times or FunctionTimes())
    aggregator, shards = choose_stream.aggregator(planner, choose_stream.shards(planner))
    writer, votes_table, buckets = choose_writer.choose(planner, shards, aggregator)
    units = planner.lanes(aggregator, shards).live_row_units
    results_api = choose_stream.results_api(planner)
    if not event.viewers and pages_by_cdn:  # the plan leaves it as it is
        results_api = results_api.model_copy(update={"cdn_enabled": True})
    deployment = DeploymentSettings(
        api=choose_stream.api(planner, shards),
        stream=choose_stream.stream(planner, shards),
        votes_table=votes_table,
        tallies_table=choose_stream.tallies_table(planner, shards, units),
        vote_writer=writer,
        vote_aggregator=aggregator,
        results_api=results_api,
        voter_auth=VoterAuthSettings(mode=event.identity, user_pool_tier=event.user_pool_tier),
        firewall=Firewall() if doors.needs_firewall(event) else None,
        web=None if pages_by_cdn is None else Web(),
    )
    if deployment.stream.shard_count is not None:
        watched = deployment.stream.model_copy(update={"shard_level_metrics": tuple(shard_level_metrics)})
        deployment = deployment.model_copy(update={"stream": watched})
    level = planner.decisions["votes table: write units at the peak"].value
    grows = level > facts.value("dynamodb.on_demand.initial_write_units")
    on_demand = votes_table.billing_mode is BillingMode.PAY_PER_REQUEST
    surroundings = Surroundings(
        buckets_per_poll=buckets, votes_table_previous_peak=level if on_demand and grows else None
    )
    scenario = replace(planner.scenario(deployment), surroundings=surroundings)
    usage = Usage.of(flow(scenario), planner.keeping, "predicted course")
    ready = doors.ready_concurrency(planner)
    scenarios = {each: _through(planner, scenario, each, ready) for each in Door}
    offers = _offers(planner, scenarios, usage)
    chosen, reason = _choose(offers, door)
    deployment, counted = unique.choose(planner, scenario.deployment, offers[chosen].cost)
    scenario = replace(scenario, deployment=deployment)
    scenarios = {each: _through(planner, scenario, each, ready) for each in Door}
    offers = _offers(planner, scenarios, usage)
    scenario, offer = scenarios[chosen], offers[chosen]
    if chosen is not Door.REST:
        planner.decide(doors.reserved_concurrency(planner))
        if shards.name in planner.decisions:  # the lanes of an on-demand stream grow
            lanes = given("parallelization_factor", writer.parallelization_factor, "lanes")
            planner.choose("vote_writer: reserved_concurrency", "", shards * lanes)
            planner.choose("vote_aggregator: reserved_concurrency", "", shards * 1)
        if ready is not None:
            planner.decide(ready)
    course = flow(scenario)
    summary = CourseSummary.of(course)
    scenario = _with_retention(planner, scenario, summary)
    predictions = _predictions(planner, scenario, summary)
    per_million = derived("cost per million votes", "USD", offer.cost / planner.demand["votes"] * 1e6)
    return CapacityPlan(
        event=event,
        goals=goals,
        scenario=scenario,
        decisions=planner.decisions,
        predictions={**predictions, offer.cost.name: offer.cost, per_million.name: per_million},
        items=offer.items,
        quotas=offer.quotas,
        steps=_steps(planner, scenario, offer.quotas, current_shards),
        course=course,
        reason=reason,
        unique_counts=counted,
        offers=offers,
    )


def _offers(planner: Planner, scenarios: Mapping[Door, EventScenario], usage: Usage) -> dict[Door, DoorOffer]:
    return {
        door: DoorOffer(
            _bill(planner, scenario, usage), _quotas(planner, scenario), doors.refusal(planner, door)
        )
        for door, scenario in scenarios.items()
    }


def _through(planner: Planner, scenario: EventScenario, door: Door, ready: Figure | None) -> EventScenario:
    """Return the scenario with the votes through a door."""
    if door is Door.REST:
        return scenario
    deployment, around = scenario.deployment, scenario.surroundings
    ingress = Ingress(reserved_concurrency=whole(doors.reserved_concurrency(planner).value))
    api = deployment.api.model_copy(update={"vote_door": door})
    containers = 0 if ready is None else whole(ready.value)
    return replace(
        scenario,
        deployment=deployment.model_copy(update={"api": api, "ingress": ingress}),
        surroundings=around.model_copy(update={"ingress_ready": containers}),
    )


def _choose(offers: Mapping[Door, DoorOffer], wanted: Door | None) -> tuple[Door, str]:
    """Return the door and the reason: the first that costs at most a per cent more than the cheapest."""
    if wanted is not None:
        if refused := offers[wanted].refusal:
            raise InvalidInput(f"door: {wanted} does not hold this event: {refused}")
        return wanted, "as asked for"
    holding = {door: offer.cost.value for door, offer in offers.items() if not offer.refusal}
    if not holding:
        why = "; ".join(f"{door}: {offer.refusal}" for door, offer in offers.items())
        raise LimitExceeded(why, "no door has the identity and the protection that the event asks for.")
    cheapest = min(holding.values())
    chosen = next(door for door, cost in holding.items() if cost <= cheapest * (1 + _AS_CHEAP))
    reasons = [f"{door}: {offer.refusal}" for door, offer in offers.items() if offer.refusal]
    reasons += [f"{door} ${cost:,.2f}" for door, cost in holding.items() if door is not chosen]
    if len(holding) == 1:
        return chosen, f"the only one that holds the event ({'; '.join(reasons)})"
    first = "cheapest" if holding[chosen] == cheapest else "simplest within 1 % of the cheapest"
    return chosen, f"the {first} that holds the event ({'; '.join(reasons)})"


def _bill(planner: Planner, scenario: EventScenario, usage: Usage) -> list[BillItem]:
    """Return the bill, including pre-warming of the table and of the door's function."""
    items = itemise(
        usage, planner.event, scenario.deployment, planner.facts, planner.decisions.get(COUNT_READS)
    )
    warming, ready = _prewarming(planner, scenario), scenario.surroundings.ingress_ready
    if warming is not None:
        items.append(BillItem("DynamoDB", warming.name, warming))
    if ready:
        memory_gb = given("ingress: memory_mb", scenario.deployment.ingress.memory_mb, "MB") / 1024
        hours = given("hours of provisioned concurrency", 1, "h", "around the begin of the event")
        price = planner.facts["lambda.provisioned.gb_second"]
        cost = given(doors.READY, ready) * memory_gb * hours * 3600 * price
        items.append(BillItem("Lambda", PROVISIONED, derived(PROVISIONED, "USD", cost)))
    return items


def _with_retention(planner: Planner, scenario: EventScenario, summary: CourseSummary) -> EventScenario:
    """Return the scenario with a retention of four times the longest wait.

    Raises:
        LimitExceeded: Kinesis keeps no record that long.
    """
    most = planner.facts["kinesis.retention_hours_max"]
    lag = computed("oldest unstored vote", summary.storing_lag_peak, "s", "the predicted course")
    included = planner.facts["kinesis.retention_hours_included"]
    hours = planner.choose("stream: retention_hours", "h", maximum(included, ceil(4 * lag / 3600)))
    if hours.value > most.value:
        raise LimitExceeded(
            f"{most.value:,.0f} h of retention (Kinesis)",
            f"votes would wait for {summary.storing_lag_peak / 3600:,.0f} h. An earlier deadline helps.",
        )
    longest_age = given("longest record age", LONGEST_RECORD_AGE, "s", "Lambda's; half is for redrives")
    planner.choose("vote_writer: maximum_record_age_seconds", "s", minimum(hours * 3600 / 2, longest_age))
    stream = scenario.deployment.stream.model_copy(update={"retention_hours": whole(hours.value)})
    return replace(scenario, deployment=scenario.deployment.model_copy(update={"stream": stream}))


def _predictions(planner: Planner, scenario: EventScenario, summary: CourseSummary) -> dict[str, Figure]:
    """Return the predictions by name.

    Raises:
        LimitExceeded: the final result would be later than the deadline.
    """
    arrivals = (planner.demand["peak"], planner.demand["duration"])
    storing, counting = arrivals + scenario.writer_inputs(), arrivals + scenario.aggregator_inputs()
    shards = computed("shards", summary.shards_peak, "shards", _HOW)
    last_rate = float(planner.event.rate(np.array(planner.event.duration_seconds)))
    proof = longest(scenario.aggregator, last_rate / shards.value)
    drained = computed(
        "drained",
        max(summary.storing_drain, summary.live_drain),
        "s",
        f"{_HOW}: when the slower consumer has processed the last vote",
        *(*storing, counting[2]),
    )
    how, settle = (
        "the closing markers' time through the aggregator",
        choose_writer.settling(scenario.deployment),
    )
    count = _counting(planner, scenario)
    final = derived(
        "final result after the event",
        "s",
        maximum(drained, settle) + computed("proof", proof, "s", how, *counting) + settle + count,
    )
    deadline = planner.goals.final_deadline_seconds
    if final.value > deadline:
        raise LimitExceeded(
            "read units of the votes table, and the drain before them",
            f"the final result would be proved {final.value:,.0f} s after the event "
            f"(drained {drained.value:,.0f} s, counted in {count.value:,.0f} s), "
            f"the deadline is {deadline:g} s.",
        )
    refused = summary.votes_refused_by_api + summary.votes_refused_by_stream
    lag = f"{_HOW}: poll + window + invocation"
    rows = (
        ("votes", summary.votes_stored, "votes", _HOW, storing),
        ("refused votes", refused, "votes", _HOW, storing),
        ("peak of the votes table's writes", summary.vote_units_peak, "WCU/s", _HOW, storing),
        ("writes to the votes table", summary.vote_units, "WCU", _HOW, storing),
        ("peak of the tallies table's writes", summary.live_units_peak, "WCU/s", _HOW, counting),
        ("writes to the tallies table", summary.live_units, "WCU", _HOW, counting),
        ("largest backlog", summary.backlog_peak, "votes", _HOW, storing),
        ("oldest unstored vote", summary.storing_lag_peak, "s", _HOW, storing),
        ("stored after the event", summary.storing_drain, "s", _HOW, storing),
        ("live-result lag", summary.live_lag_peak, "s", lag, counting),
        ("votes per writer batch", summary.writer_batch_mean, "votes", _HOW, storing),
        ("votes per aggregator batch", summary.aggregator_batch_mean, "votes", _HOW, counting),
    )
    figures = [computed(name, value, unit, how, *inputs) for name, value, unit, how, inputs in rows]
    slow = _with_slow_calls(scenario)
    slow_drained = max(slow.storing_drain, slow.live_drain, settle.value)
    slow_final = final.value - max(drained.value, settle.value) + slow_drained
    name = "final result if calls to the store take twice as long"
    slower = computed(name, slow_final, "s", f"{_HOW}, with twice the time per round of calls", final)
    figures += [final, slower, _concurrency(scenario)]
    if scenario.deployment.api.vote_door is not Door.REST:
        how = "containers that start for a request, which waits for them"
        figures.append(computed("cold starts of the ingress", summary.cold_starts, "starts", how, *arrivals))
        figures.append(ingress_start(scenario.deployment.ingress, planner.facts))
    return {figure.name: figure for figure in figures}


def _counting(planner: Planner, scenario: EventScenario) -> Figure:
    """Return the seconds of reading every stored row."""
    table = scenario.deployment.votes_table
    rate = planner.facts["dynamodb.on_demand.initial_read_units"]
    if table.read_units is not None:
        rate = given("read_units", table.read_units, "units/s", "votes_table")
    rate = planner.decisions.get(COUNT_READS, rate)
    buckets = given("buckets per poll", scenario.surroundings.buckets_per_poll)
    partitions = derived(
        "units that the buckets give",
        "units/s",
        planner.facts["dynamodb.partition_read_units"] * buckets * given("polls", planner.event.polls),
    )
    units = count_units(planner.event.votes, planner.event, planner.facts)
    return derived("count", "s", units / minimum(rate, partitions))


def _with_slow_calls(scenario: EventScenario) -> CourseSummary:
    """Return the course if every call to the store takes twice as long."""

    def twice(time: FunctionTime) -> FunctionTime:
        return replace(time, per_round=derived("per round, twice as long", "s", 2 * time.per_round))

    slow = replace(
        scenario,
        writer_time=twice(scenario.writer_time),
        aggregator_time=twice(scenario.aggregator_time),
    )
    return CourseSummary.of(flow(slow))


def _concurrency(scenario: EventScenario) -> Figure:
    """Return the most concurrent invocations: one per lane of both consumers, and viewers' answers."""
    writer, results_api = scenario.deployment.vote_writer, scenario.deployment.results_api
    shards = given("shards", scenario.shards, "shards", "decided")
    lanes = given("parallelization_factor", writer.parallelization_factor, "lanes")
    asked = asked_per_second(scenario.event, scenario.facts, by_cdn=results_api.cdn_enabled)
    running = shards * (lanes + 1) + asked * expected_answer(results_api, scenario.facts)
    return derived("concurrent executions", "", ceil(running))


def _quotas(planner: Planner, scenario: EventScenario) -> list[QuotaNeed]:
    """Return the account's quotas that the deployment uses, and its needs."""
    event, facts, deployment, decisions = planner.event, planner.facts, scenario.deployment, planner.decisions
    door, by_cdn = deployment.api.vote_door, deployment.results_api.cdn_enabled
    asked = asked_per_second(event, facts, by_cdn=by_cdn)
    rate = decisions["api: throttling_rate_limit"]
    requests = derived("requests at the peak", "requests/s", asked if door is Door.URL else rate + asked)
    running = _concurrency(scenario)
    if door is not Door.REST:
        ingress = doors.reserved_concurrency(planner)
        running = derived("concurrency, ingress included", "", running + ingress)
    writes = decisions.get("votes_table: write_units") or decisions["votes table: write units at the peak"]
    reads = decisions.get(COUNT_READS) or decisions.get("votes_table: read_units")
    shards = decisions.get("stream: shard_count") if deployment.stream.shard_count is not None else None
    needs: list[tuple[str, Figure | None, str]] = [
        ("API Gateway requests per second, account", requests, "api.account_requests_per_second"),
        ("Lambda concurrent executions, account", running, "lambda.account_concurrency"),
        ("Kinesis shards, account", shards, "kinesis.account_shards"),
        ("DynamoDB write units, table", writes, "dynamodb.table_units"),
        ("DynamoDB read units, table", reads, "dynamodb.table_units"),
        ("DynamoDB write units, account", writes if reads else None, "dynamodb.account_units"),
    ]
    by_viewers: Operand = asked_per_second(event, facts, by_cdn=False) if by_cdn else 0
    if deployment.votes_by_cdn:
        by_viewers = by_viewers + rate
    if (event.viewers and by_cdn) or deployment.votes_by_cdn:
        viewed = derived("requests of browsers", "requests/s", by_viewers)
        needs.append(("CloudFront requests per second, distribution", viewed, "cdn.requests_per_second"))
    if event.identity is VoterIdentity.COGNITO:
        mailed = derived("e-mails", "", planner.demand["voters"] * given("new_accounts", event.new_accounts))
        needs.append(
            ("Cognito sign-ins per second, account", sign_ins(planner), "cognito.sign_ins_per_second")
        )
        needs.append(("Cognito e-mails a day, without an SES sender", mailed, "cognito.emails_per_day"))
    return [QuotaNeed(name, needed, facts[key]) for name, needed, key in needs if needed is not None]


def sign_ins(planner: Planner) -> Figure:
    """Return the highest rate of sign-ins: with the first votes, or evenly over the time before the event."""
    event, demand = planner.event, planner.demand
    if event.sign_in_seconds is not None:
        before = given("sign_in_time", event.sign_in_seconds, "s")
        return derived("sign-ins", "requests/s", demand["voters"] / before)
    each = given("votes per voter", event.votes_each, "votes", "votes_per_voter, changed_minds")
    return derived("sign-ins", "requests/s", demand["peak"] / each)


def _steps(
    planner: Planner,
    scenario: EventScenario,
    needed: Sequence[QuotaNeed],
    current_shards: int | None,
) -> list[EventStep]:
    """Return the steps around the event, in order."""
    facts, keeping = planner.facts, planner.keeping
    steps = []
    if any(quota.raise_it for quota in needed):
        text = "raise the quotas marked above (Service Quotas; AWS promises no time)"
        steps.append(EventStep("weeks before", text))
    shards = scenario.deployment.stream.shard_count
    if shards is not None and current_shards is not None and shards > current_shards:
        steps.append(_resizing(planner, shards, current_shards))
    if _prewarming(planner, scenario) is not None:
        level = planner.decisions["votes table: write units at the peak"]
        new = facts["dynamodb.on_demand.initial_write_units"]
        text = (
            "pre-warm the votes table: one apply with billing_mode PROVISIONED and "
            f"{whole(level.value):,} write_units for an hour, then the file as it is: a "
            f"new on-demand table takes {new.value:,.0f}"
        )
        steps.append(EventStep("a day before", text, (level, new)))
    if planner.event.identity is VoterIdentity.COGNITO:
        quota = facts["cognito.sign_ins_per_second"]
        early = derived("time of all sign-ins", "s", planner.demand["voters"] / quota)
        text = (
            f"let voters sign in early: at the default quota of {quota.value:,.0f}/s all of them take "
            f"{spoken(early.value)}"
        )
        steps.append(EventStep("a day before", text, (early,)))
    text = "apply the tfvars; a new stream or table takes the target at once"
    steps.append(EventStep(f"{keeping.before:g} h before", text))
    ready = planner.decisions.get(doors.READY)
    if ready is not None and scenario.deployment.api.vote_door is not Door.REST:
        text = (
            f"set ingress.provisioned_concurrency to {ready.value:,} and apply; once the rate is steady, "
            "lower it in steps of at most 1,000 to null"
        )
        steps.append(EventStep("half an hour before", text, (ready,)))
    buckets = scenario.surroundings.buckets_per_poll
    if buckets != facts.value("votestream.buckets_per_poll"):
        steps.append(EventStep("when polls are created", f"give each poll a bucket_count of {buckets}"))
    text = "send test votes to a poll of their own until every shard has had some: cold starts"
    steps.append(EventStep("10 minutes before", text))
    if count_reads := planner.decisions.get(COUNT_READS):
        text = f"set votes_table.read_units to {count_reads.value:,} in the tfvars and apply: for the count alone"
        steps.append(EventStep("1 h before the end", text, (count_reads,)))
    text = "apply the everyday tfvars; shards halve per step at most"
    steps.append(EventStep(f"{keeping.after:g} h after", text))
    return steps


def _resizing(planner: Planner, shards: int, current_shards: int) -> EventStep:
    facts = planner.facts
    factor, a_day = facts["kinesis.resizing_factor"], facts["kinesis.resizings_per_day"]
    current = given("current_shards", current_shards, "shards")
    doublings = log2(planner.decisions["stream: shard_count"] / current) / log2(factor)
    times = derived("resizings of the stream", "", ceil(doublings - 1e-9))
    days = derived("days of resizing", "days", ceil(times / a_day))
    text = (
        f"resize the stream from {current_shards} to {shards} shards: {times.value} step(s) of at most "
        f"{factor.value:g} times, minutes each, {a_day.value:g} a day"
    )
    return EventStep(f"{days.value} day(s) before", text, (times, days))


def _prewarming(planner: Planner, scenario: EventScenario) -> Figure | None:
    """Return the cost of making an on-demand votes table large enough, or None where a new one is.

    A provisioned table keeps its size when it becomes on-demand.
    """
    level = planner.decisions["votes table: write units at the peak"]
    enough = level.value <= planner.facts.value("dynamodb.on_demand.initial_write_units")
    if scenario.deployment.votes_table.billing_mode is BillingMode.PROVISIONED or enough:
        return None
    hours = given("time provisioned", 1, "h", "the step above")
    return derived(PREWARMING, "USD", level * hours * planner.facts["dynamodb.write_unit_hour"])
