"""The event: how many votes come when, from whom, for what; and the goals for its results."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError, model_validator

from votectl.settings.deployment import SettingsModel, UserPoolTier, VoterIdentity
from votectl.settings.files import problems
from votectl.sizing.explain import Figure, derived, given
from votectl.sizing.inputs import CURVES, InvalidInput, Points, Preference, RateShape

type Array = npt.NDArray[np.float64]

WORLD_POPULATION = 8.3e9  # no event has more voters than there are people
LONGEST_EVENT_SECONDS = 30 * 86_400
MOST_VOTES_PER_VOTER = 100_000
_TOLERANCE = 0.01  # by which votes may differ from peak x duration x fill

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Goals(SettingsModel):
    """Goals for the results, in seconds: from the event's end to the proved result, and for live results."""

    deadline: Annotated[float, Field(gt=0, le=7 * 86_400, allow_inf_nan=False)] = 900.0
    live_lag: Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)] = 10.0
    prefer: Preference = Preference.COST


class VotingEvent(SettingsModel):
    """One event. Rates are votes per second; times are seconds from its beginning. docs/sizing.md has the options."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")] = "event"
    peak: Positive
    duration: Positive
    shape: RateShape | Points = RateShape.FLAT
    polls: Annotated[int, Field(ge=1, le=10_000)] = 1
    options: Annotated[int, Field(ge=2, le=200)] = 2
    busiest_poll_share: Annotated[float | None, Field(gt=0, le=1)] = None  # None: all polls get the same
    # Votes of one voter over all polls, and the share of votes whose voter has voted in the same poll before.
    # None: the fewest that the other allows.
    votes_per_voter: Annotated[float | None, Field(ge=1, le=MOST_VOTES_PER_VOTER, allow_inf_nan=False)] = None
    changed_minds: Annotated[float | None, Field(ge=0, lt=1, allow_inf_nan=False)] = None
    hot_voter_share: Share = 0.0  # it is one partition key, so one shard takes them all
    batch_share: Share = 0.0
    votes_per_request: Annotated[int, Field(ge=1, le=500)] = 500
    poll_id_bytes: Annotated[int, Field(ge=1, le=64)] = 16
    option_bytes: Annotated[int, Field(ge=1, le=64)] = 8
    voter_bytes: Annotated[int, Field(ge=1, le=128)] = 36
    viewers: Annotated[int, Field(ge=0, le=8_300_000_000)] = 0
    viewer_time: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None  # None: the whole event
    viewer_refresh: Positive = 5.0
    cdn: bool = True
    identity: VoterIdentity = VoterIdentity.IAM
    firewall: bool | None = None  # None: where the identity is "none"
    client_keys: bool = False
    user_pool_tier: UserPoolTier = UserPoolTier.LITE
    new_accounts: Share = 1.0
    # How long voters sign in before the event. None: each signs in with the first vote.
    sign_in_time: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.duration > LONGEST_EVENT_SECONDS:
            raise ValueError("duration: longer than 30 days; size its busiest part instead")
        times, levels = zip(*self.curve, strict=True) if self.curve else ((), ())
        if len(times) < 2 or times[0] != 0 or times[-1] != 1 or sorted(set(times)) != list(times):
            raise ValueError("shape: times must rise strictly from 0 to 1")
        if min(levels) < 0 or abs(max(levels) - 1) > 1e-9:
            raise ValueError("shape: levels are shares of the peak, from 0 to 1, and one of them is 1")
        if self.busiest_poll_share is not None and self.busiest_poll_share < 1 / self.polls - 1e-9:
            least = f"at least 1/{self.polls} of the votes"
            raise ValueError(f"busiest_poll_share: the busiest of {self.polls} polls has {least}")
        if self.viewer_time is not None and self.viewer_time > self.duration:
            raise ValueError("viewer_time: longer than the event")
        if (voters := self.figures["voters"].value) > WORLD_POPULATION:
            more = f"votes: {voters:.3g} voters are more than there are people"
            raise ValueError(f"{more}; lower the rate or the duration, or raise votes_per_voter")
        low, high = self._bounds_of_repeats()
        if self.changed_minds is not None and not low - 1e-9 <= self.changed_minds <= high + 1e-9:
            told = f"votes_per_voter {self.votes_each:g} with {self.polls} poll(s)"
            possible = f"between {low:.3g} and {high:.3g} of the votes repeat one"
            raise ValueError(f"changed_minds: {self.changed_minds:g} contradicts {told}: {possible}")
        return self

    def _bounds_of_repeats(self) -> tuple[float, float]:
        """Return the bounds of repeats' share: a voter with v votes has between one and ``polls`` first votes."""
        return max(0.0, 1 - self.polls / self.votes_each), 1 - 1 / self.votes_each

    @property
    def curve(self) -> Points:
        """The rate's points: (share of the duration, share of the peak)."""
        return CURVES[self.shape] if isinstance(self.shape, RateShape) else self.shape

    @property
    def shape_name(self) -> str:
        """The shape's name, or ``custom``."""
        return self.shape.value if isinstance(self.shape, RateShape) else "custom"

    @cached_property
    def fill(self) -> float:
        """The mean rate as a share of the peak."""
        times, levels = np.array(self.curve).T
        return float(np.trapezoid(levels, times))

    @property
    def votes(self) -> float:
        """All votes sent."""
        return self.figures["votes"].value

    @property
    def votes_each(self) -> float:
        """All votes that one voter sends."""
        return 1 / (1 - (self.changed_minds or 0.0)) if self.votes_per_voter is None else self.votes_per_voter

    @property
    def repeats(self) -> float:
        """The share of votes that repeat one of the same voter in the same poll."""
        return self._bounds_of_repeats()[0] if self.changed_minds is None else self.changed_minds

    @property
    def poll_shares(self) -> tuple[float, ...]:
        """Each poll's share of the votes, the busiest first."""
        if self.busiest_poll_share is None or self.polls == 1:
            return (1 / self.polls,) * self.polls
        rest = (1 - self.busiest_poll_share) / (self.polls - 1)
        return (self.busiest_poll_share, *(rest,) * (self.polls - 1))

    def rate(self, seconds: Array) -> Array:
        """Return the rate at each time."""
        times, levels = np.array(self.curve).T
        rates = np.interp(seconds, times * self.duration, levels * self.peak)
        return np.where((seconds < 0) | (seconds > self.duration), 0.0, rates)

    def sent(self, seconds: Array) -> Array:
        """Return the votes sent up to each time."""
        times, levels = np.array(self.curve).T
        times, rates = times * self.duration, levels * self.peak
        # The integral of straight lines: the area up to the last point passed, and a trapezoid.
        areas = np.concatenate([[0.0], np.cumsum(np.diff(times) * (rates[1:] + rates[:-1]) / 2)])
        inside = np.clip(seconds, 0.0, self.duration)
        passed = np.clip(np.searchsorted(times, inside, side="right") - 1, 0, len(times) - 1)
        begun = inside - times[passed]
        return np.asarray(areas[passed] + begun * (rates[passed] + self.rate(inside)) / 2)

    @cached_property
    def figures(self) -> Mapping[str, Figure]:
        """The event's numbers as inputs of formulas."""
        peak, duration = given("peak rate", self.peak, "votes/s"), given("duration", self.duration, "s")
        fill = given("mean share of the peak", self.fill, "", f"area under the shape {self.shape_name}")
        per_voter = given("votes per voter", self.votes_each, "votes", "votes_per_voter, changed_minds")
        votes = derived("votes", "votes", peak * duration * fill)
        batched = given("share through the batch endpoint", self.batch_share)
        each = given("votes per batch request", self.votes_per_request, "votes")
        sources = "changed_minds, votes_per_voter, polls"
        # The record that the front door builds: {"poll_id":"","option":""}, and both ids.
        ids = given("poll id", self.poll_id_bytes, "bytes"), given("option id", self.option_bytes, "bytes")
        data = derived("record data", "bytes", 26 + ids[0] + ids[1])
        voter = given("voter id", self.voter_bytes, "bytes")
        return {
            "peak": peak,
            "duration": duration,
            "votes": votes,
            "voters": derived("voters", "voters", votes / per_voter),
            "repeats": given("share of repeated votes", self.repeats, "", sources),
            "requests_per_vote": derived("requests per vote", "requests", 1 - batched + batched / each),
            "data_bytes": data,
            "voter_bytes": voter,
            "record_bytes": derived("record", "bytes", data + voter),
            "busiest": given("share of the busiest poll", self.poll_shares[0]),
        }


def event(
    *, votes: float | None = None, peak: float | None = None, duration: float | None = None, **rest: object
) -> VotingEvent:
    """Return an event from two of its votes, peak rate and duration. Raises InvalidInput: all wrong fields."""
    for name, value in (("votes", votes), ("peak", peak), ("duration", duration)):
        if value is not None and not value > 0:
            raise InvalidInput(f"{name}: {value:g} is not positive")
    if votes is not None and votes < 1:
        raise InvalidInput(f"votes: {votes:g} is less than one vote")
    shape = rest.get("shape", RateShape.FLAT)
    fill = validated(VotingEvent, {"peak": 1.0, "duration": 1.0, "shape": shape}).fill
    if [votes, peak, duration].count(None) > 1:
        raise InvalidInput("give two of votes, peak (votes per second) and duration")
    if votes is not None:
        duration = duration or votes / ((peak or 1.0) * fill)
        peak = peak or votes / (duration * fill)
        made = peak * duration * fill
        if abs(made / votes - 1) > _TOLERANCE:
            told = f"a peak of {peak:g} votes/s over {duration:g} s in this shape, which make {made:,.0f}"
            raise InvalidInput(f"votes: {votes:g} contradict {told}; give two of the three")
    return validated(VotingEvent, {"peak": peak, "duration": duration, **rest})


def validated[Model: SettingsModel](model: type[Model], fields: Mapping[str, object]) -> Model:
    """Return what an operator gave as a model. Raises InvalidInput: all wrong fields."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise InvalidInput("; ".join(problems(error))) from None
