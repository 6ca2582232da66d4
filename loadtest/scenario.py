"""What a run sends: its polls, its voters' seed and its rate over time. Everything else follows from this."""

import math
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from votectl.credentials import Credentials

# A spike is this much of a run, in its middle, and stands on this much of its height.
SPIKE_FROM, SPIKE_UNTIL, SPIKE_BASE = 0.4, 0.6, 0.25


class Shape(StrEnum):
    """How the rate goes over a run."""

    FLAT = "flat"
    RAMP = "ramp"
    SPIKE = "spike"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Plan(_Part):
    """What somebody asked for.

    Attributes:
        run: names the run's polls and folder.
        environment: which deployment.
        front_door: the API's base URL.
        seed: of the voters; the same seed sends the same votes.
        shape: how the rate goes.
        rate: steps of voters per second where the shape is highest; a step is one request, now and then two.
        seconds: how long.
        viewers: readers of results, as a share of the voters under way at once.
        credentials: what requests carry.
    """

    run: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    environment: str
    front_door: str
    seed: int
    shape: Shape
    rate: Annotated[float, Field(gt=0)]
    seconds: Annotated[float, Field(gt=0)]
    viewers: Annotated[float, Field(ge=0, le=1)] = 0.1
    credentials: Credentials = Credentials()


class Ballot(_Part):
    """A poll as the voters know it. Times are epoch ms by the cloud's clock."""

    poll_id: str
    options: Annotated[tuple[str, ...], Field(min_length=2)]
    opens_at: int
    closes_at: int


class Scenario(_Part):
    """A plan with its polls. The first takes part in the whole run, the others may close during it.

    ``quiet_ms``: for so long before and after a poll's end nobody votes in it, because a sender can't know to the
    millisecond when a vote arrives. What is under way then all the same is known as uncertain.
    """

    plan: Plan
    polls: Annotated[tuple[Ballot, ...], Field(min_length=1)]
    quiet_ms: int = 3_000

    def is_quiet(self, poll_id: str, now_ms: float) -> bool:
        """Say whether a poll is so near its end that a vote would be uncertain."""
        return any(
            poll.poll_id == poll_id and abs(now_ms - poll.closes_at) < self.quiet_ms for poll in self.polls
        )


def rate_at(plan: Plan, seconds: float) -> float:
    """Return the steps per second that a plan wants so long after its begin; 0 when it is over."""
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
    """Return how many voters and viewers have to be under way for the plan's rate (each one step a second)."""
    voters = max(1, math.ceil(rate_at(plan, seconds)))
    return voters, math.ceil(voters * plan.viewers)


def steps_expected(plan: Plan) -> float:
    """Return about how many steps of voters a plan makes."""
    mean = {
        Shape.FLAT: 1.0,
        Shape.RAMP: 0.5,
        Shape.SPIKE: SPIKE_BASE + (1 - SPIKE_BASE) * (SPIKE_UNTIL - SPIKE_FROM),
    }[plan.shape]
    return plan.rate * plan.seconds * mean
