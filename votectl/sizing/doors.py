"""The doors that votes may come through: which ones hold an event, their bills and quotas, and the choice."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from votectl.settings.deployment import BillingMode, Door, Ingress, VoterIdentity
from votectl.sizing.consumer import expected_answer, ingress_times, whole
from votectl.sizing.cost import BillItem, itemise, total
from votectl.sizing.course import Usage
from votectl.sizing.event import VotingEvent
from votectl.sizing.explain import Figure, Operand, ceil, computed, derived, given, maximum
from votectl.sizing.inputs import InvalidInput, LimitExceeded
from votectl.sizing.planner import COUNT_READS, PEAK_UNITS, SHARDS, Planner
from votectl.sizing.scenario import EventScenario, asked_per_second

READY = "ingress: provisioned_concurrency for the rise"
PREWARMING = "votes table pre-warming"
PROVISIONED = "ingress provisioned concurrency"
PAID_BEFORE = {PREWARMING, PROVISIONED}
_AS_CHEAP = 0.01


class QuotaNeed(NamedTuple):
    """One of the account's quotas, and what the plan needs of it."""

    name: str
    needed: Figure
    default: Figure


class DoorOffer(NamedTuple):
    """The event through one door. ``refusal``: why the door does not hold the event; empty if it does."""

    scenario: EventScenario
    items: Sequence[BillItem]
    cost: Figure
    quotas: Sequence[QuotaNeed]
    to_raise: Sequence[QuotaNeed]  # whose default is too low
    refusal: str


def needs_firewall(event: VotingEvent) -> bool:
    """Tell whether the event needs AWS WAF: by default, where nothing else limits the votes of one sender."""
    return event.identity is VoterIdentity.NONE if event.firewall is None else event.firewall


def _refusal(planner: Planner, door: Door) -> str:
    event, most = planner.event, planner.facts["lambda.account_concurrency_raised"]
    if door is Door.REST:
        alone = event.identity in (VoterIdentity.OIDC, VoterIdentity.CODES)
        return f"identity {event.identity} needs the ingress function" if alone else ""
    if needs_firewall(event):
        return "no firewall"
    if event.client_keys:
        return "no client keys"
    if door is Door.URL and event.batch_share and event.identity is not VoterIdentity.IAM:
        return "batches with identity iam only"
    concurrency = reserved_concurrency(planner).value
    if concurrency > most.value:
        return f"{concurrency:,.0f} concurrent executions, more than Lambda's {most.value:,.0f}"
    return ""


def reserved_concurrency(planner: Planner) -> Figure:
    """Return the concurrent executions of the ingress function, with room for a few votes at once."""
    needed = _concurrency(planner, planner.decisions["api: throttling_rate_limit"])
    return derived("ingress: reserved_concurrency", "", ceil(maximum(planner.together, needed)))


def _concurrency(planner: Planner, rate: Figure) -> Figure:
    """Return the containers for a rate: by the time of a vote, and by Lambda's limit of requests per container."""
    by_time = rate * ingress_times(Ingress(), planner.facts)[0]
    by_rate = rate / planner.facts["lambda.requests_per_concurrency"]
    return derived("ingress: concurrent executions", "", maximum(by_time, by_rate))


def ready_concurrency(planner: Planner) -> Figure | None:
    """Return the containers to provision, where the rate rises faster than Lambda starts them."""
    event, burst = planner.event, planner.facts["lambda.scaling_per_10_seconds"]
    crest = planner.crest.value / event.peak  # chance is in the throttle's rate, too
    times = np.concatenate([[-1e-3], np.linspace(0, event.duration, 1_000)])
    each = _concurrency(planner, given("one request a second", 1)) * planner.demand["requests_per_vote"]
    needed = np.maximum.accumulate(event.rate(times) * crest * each.value)
    # What Lambda grants from one time to another: 1,000 containers at once, and 100 more a second.
    granted = burst.value * (1 + np.maximum(times[None, :] - times[:, None], 0) / 10)
    late = np.triu(needed[None, :] - needed[:, None] - granted) > 0
    if not late.any():
        return None
    lacking = np.max(np.where(late, needed[None, :] - granted, 0))
    how = "the containers that Lambda would start too late: 1,000 at once, and 1,000 in 10 s, are in time"
    return computed(READY, whole(float(lacking)), "", how, reserved_concurrency(planner), burst)


def offers(planner: Planner, scenario: EventScenario, usage: Usage) -> dict[Door, DoorOffer]:
    """Return the event through each door."""
    ready, found = ready_concurrency(planner), {}
    containers = 0 if ready is None else whole(ready.value)
    ingress = Ingress(reserved_concurrency=whole(reserved_concurrency(planner).value))
    for door in Door:
        through = scenario
        if door is not Door.REST:
            api = scenario.deployment.api.model_copy(update={"vote_door": door})
            deployment = scenario.deployment.model_copy(update={"api": api, "ingress": ingress})
            around = scenario.surroundings.model_copy(update={"ingress_ready": containers})
            through = replace(scenario, deployment=deployment, surroundings=around)
        items = itemise(usage, through, planner.decisions.get(COUNT_READS)) + _beforehand(planner, through)
        quotas = _quotas(planner, through)
        low = [quota for quota in quotas if quota.needed.value > quota.default.value]
        found[door] = DoorOffer(through, items, total(items), quotas, low, _refusal(planner, door))
    return found


def choose(offers: Mapping[Door, DoorOffer], wanted: Door | None) -> tuple[Door, str]:
    """Return the door and the reason: the first that costs at most a per cent more than the cheapest."""
    if wanted is not None:
        if refused := offers[wanted].refusal:
            raise InvalidInput(f"door: {wanted} does not hold this event: {refused}")
        return wanted, "as asked for"
    holding = {door: offer.cost.value for door, offer in offers.items() if not offer.refusal}
    reasons = [f"{door}: {offer.refusal}" for door, offer in offers.items() if offer.refusal]
    if not holding:
        why = "no door has the identity and the protection that the event asks for."
        raise LimitExceeded("; ".join(reasons), why)
    cheapest = min(holding.values())
    chosen = next(door for door, cost in holding.items() if cost <= cheapest * (1 + _AS_CHEAP))
    reasons += [f"{door} ${cost:,.2f}" for door, cost in holding.items() if door is not chosen]
    first = "cheapest" if holding[chosen] == cheapest else "simplest within 1 % of the cheapest"
    if len(holding) == 1:
        first = "only one"
    return chosen, f"the {first} that holds the event ({'; '.join(reasons)})"


def _beforehand(planner: Planner, scenario: EventScenario) -> list[BillItem]:
    """Return what is paid before the event: pre-warming of the table, and of the door's function."""
    items, ready = [], scenario.surroundings.ingress_ready
    if (warming := prewarming(planner, scenario)) is not None:
        items.append(BillItem("DynamoDB", warming.name, warming))
    if ready:
        memory_gb = given("ingress: memory_mb", scenario.deployment.ingress.memory_mb, "MB") / 1024
        hours = given("hours of provisioned concurrency", 1, "h", "around the begin of the event")
        price = planner.facts["lambda.provisioned.gb_second"]
        cost = given(READY, ready) * memory_gb * hours * 3600 * price
        items.append(BillItem("Lambda", PROVISIONED, derived(PROVISIONED, "USD", cost)))
    return items


def prewarming(planner: Planner, scenario: EventScenario) -> Figure | None:
    """Return the cost of making an on-demand votes table large enough; None: a new one is, or it is provisioned."""
    level, facts = planner.decisions[PEAK_UNITS], planner.facts
    enough = level.value <= facts.value("dynamodb.on_demand.initial_write_units")
    if scenario.deployment.votes_table.billing_mode is BillingMode.PROVISIONED or enough:
        return None
    hours = given("time provisioned", 1, "h", "the step above")
    return derived(PREWARMING, "USD", level * hours * facts["dynamodb.write_unit_hour"])


def concurrency(scenario: EventScenario) -> Figure:
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
    asked, votes = asked_per_second(event, facts, by_cdn=by_cdn), decisions["api: throttling_rate_limit"]
    requests = derived("requests at the peak", "requests/s", asked if door is Door.URL else votes + asked)
    running = concurrency(scenario)
    if door is not Door.REST:
        running = derived("concurrency, ingress included", "", running + reserved_concurrency(planner))
    writes = decisions.get("votes_table: write_units") or decisions[PEAK_UNITS]
    reads = decisions.get(COUNT_READS) or decisions.get("votes_table: read_units")
    shards = decisions.get(SHARDS) if deployment.stream.shard_count is not None else None
    viewed: Figure | None = None
    if (event.viewers and by_cdn) or deployment.votes_by_cdn:
        browsers: Operand = asked_per_second(event, facts, by_cdn=False) if by_cdn else 0
        browsers = browsers + votes if deployment.votes_by_cdn else browsers
        viewed = derived("requests of browsers", "requests/s", browsers)
    signing = mailed = None
    if event.identity is VoterIdentity.COGNITO:
        voters = planner.demand["voters"]
        each = given("votes per voter", event.votes_each, "votes", "votes_per_voter, changed_minds")
        rate = planner.demand["peak"] / each  # with the first votes, or evenly over the time before the event
        if event.sign_in_time is not None:
            rate = voters / given("sign_in_time", event.sign_in_time, "s")
        signing = derived("sign-ins", "requests/s", rate)
        mailed = derived("e-mails", "", voters * given("new_accounts", event.new_accounts))
    needs = (
        ("API Gateway requests per second, account", requests, "api.account_requests_per_second"),
        ("Lambda concurrent executions, account", running, "lambda.account_concurrency"),
        ("Kinesis shards, account", shards, "kinesis.account_shards"),
        ("DynamoDB write units, table", writes, "dynamodb.table_units"),
        ("DynamoDB read units, table", reads, "dynamodb.table_units"),
        ("DynamoDB write units, account", writes if reads else None, "dynamodb.account_units"),
        ("CloudFront requests per second, distribution", viewed, "cdn.requests_per_second"),
        ("Cognito sign-ins per second, account", signing, "cognito.sign_ins_per_second"),
        ("Cognito e-mails a day, without an SES sender", mailed, "cognito.emails_per_day"),
    )
    return [QuotaNeed(name, needed, facts[key]) for name, needed, key in needs if needed is not None]
