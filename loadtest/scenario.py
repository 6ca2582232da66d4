"""The plan of a run: polls, seed of the voters, rate over time. It determines every vote."""

import math
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from votectl.credentials import Credentials

# A spike lasts from and until these shares of a run. Outside it the rate has this share of the peak.
SPIKE_FROM, SPIKE_UNTIL, SPIKE_BASE = 0.4, 0.6, 0.25


class Shape(StrEnum):
    """Course of the rate over a run."""

    FLAT = "flat"
    RAMP = "ramp"
    SPIKE = "spike"


class _RunModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Plan(_RunModel):
    """The options of a run.

    Attributes:
        run: id of the run, part of its polls' ids and its folder's name.
        environment: name of the deployment.
        front_door: the API's base URL.
        votes_door: the base URL for votes, which may be at another door.
        seed: of the voters; the same seed sends the same votes.
        shape: course of the rate.
        rate: highest rate in steps per second; a step is one request, sometimes two.
        seconds: duration.
        viewers: readers of results per active voter.
        credentials: credentials of the requests.
    """

    run: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    environment: str
    front_door: str
    votes_door: str
    seed: int
    shape: Shape
    rate: Annotated[float, Field(gt=0)]
    seconds: Annotated[float, Field(gt=0)]
    viewers: Annotated[float, Field(ge=0, le=1)] = 0.1
    credentials: Credentials = Credentials()


class RunPoll(_RunModel):
    """A poll as the voters know it. Times are epoch ms by the cloud's clock."""

    poll_id: str
    options: Annotated[tuple[str, ...], Field(min_length=2)]
    opens_at: int
    closes_at: int


class Scenario(_RunModel):
    """A plan with its polls. The first poll is open for the whole run, the others may close during it.

    ``quiet_ms``: the time before and after a poll's end in which nobody votes in it, because a sender can't know to the
    millisecond when a vote arrives. A vote in progress at the end is uncertain.
    """

    plan: Plan
    polls: Annotated[tuple[RunPoll, ...], Field(min_length=1)]
    quiet_ms: int = 3_000

    def is_quiet(self, poll_id: str, now_ms: float) -> bool:
        """Return whether a poll is so near its end that a vote would be uncertain."""
        return any(
            poll.poll_id == poll_id and abs(now_ms - poll.closes_at) < self.quiet_ms for poll in self.polls
        )


def rate_at(plan: Plan, seconds: float) -> float:
    """Return a plan's steps per second at a time in s after its start; 0 after its end."""
    if not 0 <= seconds < plan.seconds:
        return 0.0
    share = seconds / plan.seconds
    match plan.shape:
        case Shape.FLAT:
            return plan.rate
        case Shape.RAMP:
            return plan.rate * share
        case Shape.SPIKE:
            return plan.rate * (1.0 if SPIKE_FROM <= share < SPIKE_UNTIL else SPIKE_BASE)


def users_at(plan: Plan, seconds: float) -> tuple[int, int]:
    """Return the numbers of voters and viewers for the plan's rate. Each makes one step a second."""
    voters = max(1, math.ceil(rate_at(plan, seconds)))
    return voters, math.ceil(voters * plan.viewers)


def steps_expected(plan: Plan) -> float:
    """Return the approximate number of steps of a plan."""
    mean = {
        Shape.FLAT: 1.0,
        Shape.RAMP: 0.5,
        Shape.SPIKE: SPIKE_BASE + (1 - SPIKE_BASE) * (SPIKE_UNTIL - SPIKE_FROM),
    }[plan.shape]
    return plan.rate * plan.seconds * mean
