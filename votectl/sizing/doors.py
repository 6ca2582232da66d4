"""The doors that votes may come through: which ones hold an event, and what the function behind them needs."""

import numpy as np

from votectl.settings.choices import Door, VoterIdentity
from votectl.settings.deployment import Ingress
from votectl.sizing.consumer import ingress_seconds, whole
from votectl.sizing.event import VotingEvent
from votectl.sizing.explain import Figure, ceil, computed, derived, given, maximum
from votectl.sizing.facts import Facts
from votectl.sizing.planner import Planner

RESERVED = "ingress: reserved_concurrency"
READY = "ingress: provisioned_concurrency for the rise"


def needs_firewall(event: VotingEvent) -> bool:
    """Tell whether the event needs AWS WAF: by default, where nothing else limits the votes of one sender."""
    return event.identity is VoterIdentity.NONE if event.firewall is None else event.firewall


def refusal(planner: Planner, door: Door) -> str:
    """Return why a door does not hold the event; nothing if it does."""
    event, most = planner.event, planner.facts["lambda.account_concurrency_raised"]
    if door is Door.REST:
        if event.identity in (VoterIdentity.OIDC, VoterIdentity.CODES):
            return f"identity {event.identity} needs the ingress function"
        return ""
    if needs_firewall(event):
        return "no firewall"
    if event.client_keys:
        return "no client keys"
    if door is Door.URL and event.batch_endpoint_share and event.identity is not VoterIdentity.IAM:
        return "batches with identity iam only"
    concurrency = reserved_concurrency(planner).value
    if concurrency > most.value:
        return f"{concurrency:,.0f} concurrent executions, more than Lambda's {most.value:,.0f}"
    return ""


def reserved_concurrency(planner: Planner) -> Figure:
    """Return the concurrent executions of the ingress function, with room for a few votes at once."""
    rate = planner.decisions["api: throttling_rate_limit"]
    return derived(RESERVED, "", ceil(maximum(planner.together, _concurrency(rate, planner.facts))))


def _concurrency(rate: Figure, facts: Facts) -> Figure:
    """Return the containers for a rate: by the time of a vote, and by Lambda's limit of requests per container."""
    by_time, by_rate = (
        rate * ingress_seconds(Ingress(), facts),
        rate / facts["lambda.requests_per_concurrency"],
    )
    return derived("ingress: concurrent executions", "", maximum(by_time, by_rate))


def ready_concurrency(planner: Planner) -> Figure | None:
    """Return the containers to provision, where the rate rises faster than Lambda starts them.

    Lambda starts 1,000 containers at once and 100 more a second. Containers that are there stay for the event.
    """
    event, facts = planner.event, planner.facts
    burst = facts["lambda.scaling_per_10_seconds"]
    crest = planner.crest.value / event.peak_votes_per_second  # chance is in the throttle's rate, too
    times = np.concatenate([[-1e-3], np.linspace(0, event.duration_seconds, 1_000)])
    each = _concurrency(given("one request a second", 1), facts).value * event.requests_per_vote
    needed = np.maximum.accumulate(event.rate(times) * crest * each)
    beyond = needed - burst.value * times / 10
    if np.max(beyond - np.minimum.accumulate(beyond)) < burst.value:
        return None  # as the pairs below would show, which take a million numbers
    granted = burst.value * (
        1 + np.maximum(times[None, :] - times[:, None], 0) / 10
    )  # from one time to another
    late = np.triu(needed[None, :] - needed[:, None] - granted) > 0
    if not late.any():
        return None
    lacking = np.max(np.where(late, needed[None, :] - granted, 0))
    how = "the containers that Lambda would start too late: 1,000 at once, and 1,000 in 10 s, are in time"
    return computed(READY, whole(float(lacking)), "", how, reserved_concurrency(planner), burst)
