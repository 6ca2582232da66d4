"""The latency of votes through each door of a deployment, side by side.

Every round sends one vote through each door, over a connection that is kept open, so that a busy moment of the
machine falls on all doors alike.
"""

import time
from contextlib import ExitStack
from statistics import quantiles
from typing import NamedTuple

import httpx

from votectl.credentials import for_voters_of
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.polls import PollStore
from voting.polls import Option
from voting.settings import VoteDoor

OPTIONS = ("ada", "grace")
WARM_UP_VOTES = 20
TIMEOUT_SECONDS = 30.0
POLL_MS = 3_600_000


class DoorLatency(NamedTuple):
    """The latencies of the votes through one door, in milliseconds."""

    door: VoteDoor
    votes: int
    p50_ms: float
    p99_ms: float


def measure(deployment: Deployment, votes: int) -> list[DoorLatency]:
    """Send that many votes through each door, one after the other; return their latencies.

    Raises:
        OperatorError: a vote was refused, or voters sign in there.
    """
    poll_store = PollStore(deployment.polls_table)
    now = poll_store.now_ms()
    poll = poll_store.create(
        f"latency-{now}",
        "Latency of the doors",
        [Option(id=option, label=option) for option in OPTIONS],
        opens_at=None,
        closes_at=now + POLL_MS,
    )
    time.sleep(max(0, poll.opens_at - poll_store.now_ms()) / 1000)
    took: dict[VoteDoor, list[float]] = {door: [] for door in deployment.doors}
    with ExitStack() as stack:
        clients = {
            door: stack.enter_context(
                httpx.Client(
                    base_url=deployment.door_url(door),
                    auth=for_voters_of(deployment.model_copy(update={"vote_door": door})).find(),
                    timeout=TIMEOUT_SECONDS,
                )
            )
            for door in took
        }
        for number in range(WARM_UP_VOTES + votes):
            for door, client in clients.items():
                body = {"option": OPTIONS[number % 2], "voter": f"{door}-{number}"}
                began = time.perf_counter()
                answer = client.post(f"/polls/{poll.poll_id}/votes", json=body)
                seconds = time.perf_counter() - began
                if answer.status_code != httpx.codes.ACCEPTED:
                    raise OperatorError(f"the door {door} answered {answer.status_code}: {answer.text[:200]}")
                if number >= WARM_UP_VOTES:
                    took[door].append(seconds * 1000)
    return [summary(door, found) for door, found in took.items()]


def summary(door: VoteDoor, took_ms: list[float]) -> DoorLatency:
    """Return the percentiles of at least two votes."""
    percentiles = quantiles(took_ms, n=100, method="inclusive")
    return DoorLatency(door, len(took_ms), percentiles[49], percentiles[98])
