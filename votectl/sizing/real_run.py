"""A real run as a file, and its comparison with simulations, in numbers that don't depend on the machine's speed."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from votectl.settings.deployment import DeploymentSettings, SettingsModel, Surroundings
from votectl.sizing.consumer import FunctionTimes, measured
from votectl.sizing.course import CourseSummary
from votectl.sizing.event import Positive, VotingEvent
from votectl.sizing.explain import Figure, computed, derived, given
from votectl.sizing.facts import Facts
from votectl.sizing.scenario import EventScenario, our_writing
from votectl.sizing.simulate import simulate

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
type Simulations = Sequence[tuple[EventScenario, CourseSummary]]

TOLERANCE = 0.1
SEEDS = 5  # arrivals and windows are random, so two simulations of a short event differ by some per cent


class RunNumbers(SettingsModel):
    """The run's numbers, from the functions' metrics. The seconds are those of all invocations."""

    votes_accepted: Positive
    writer_batches: Positive
    vote_write_units: NotNegative
    votes_folded: NotNegative = 0.0  # not written, because the same voter has a later one in the same batch
    aggregator_batches: Positive
    live_rows_written: NotNegative
    writer_seconds: Positive | None = None
    aggregator_seconds: Positive | None = None


class RealRun(SettingsModel):
    """An event as it was sent, the deployment, its surroundings (one, or a range's ends), and the measured numbers."""

    description: str
    event: VotingEvent
    deployment: DeploymentSettings
    surroundings: Annotated[tuple[Surroundings, ...], Field(min_length=1, max_length=2)] = (Surroundings(),)
    measured: RunNumbers

    def simulations(self, facts: Facts, times: FunctionTimes, seed: int, step: float | None) -> Simulations:
        """Return simulations with several seeds of each end of the range in which the run was.

        A repeated vote costs one unit while the writer remembers its voter, and two otherwise. A function takes
        the mean time of this run's invocations, where it was measured and ``times`` does not say another one.
        """
        known: dict[str, Any] = {}
        for name in ("writer", "aggregator"):
            if (seconds := getattr(self.measured, f"{name}_seconds")) is not None:
                line = (seconds / getattr(self.measured, f"{name}_batches"), 0.0)
                memory = getattr(self.deployment, f"vote_{name}").memory_mb
                known[f"{name}_time"] = measured(name, line, "this run's invocations", memory)
        known |= times
        ours, played = our_writing(facts), (self.event, self.deployment, facts)
        found = []
        for around, units in (self.surroundings[0], 1.0), (self.surroundings[-1], ours.repeated_vote_units):
            writing = ours.model_copy(update={"repeated_vote_units": units})
            scenario = EventScenario.expected(*played, surroundings=around, writing=writing, **known)
            seeds = range(seed, seed + SEEDS)
            found += [(scenario, CourseSummary(simulate(scenario, number, step))) for number in seeds]
        return found


class ComparedNumber(NamedTuple):
    """One number of the run, and the range of its simulations."""

    real: Figure
    low: Figure
    high: Figure

    @property
    def deviation(self) -> float:
        """The nearest simulation's deviation as a share: 0 where the run is between two of them."""
        real = self.real.value
        nearest = min(max(real, self.low.value), self.high.value)
        return nearest / real - 1 if real else float(nearest != 0)

    @property
    def agrees(self) -> bool:
        """Whether the run is within ``TOLERANCE`` of a simulation."""
        return abs(self.deviation) <= TOLERANCE


def compare(run: RealRun, played: Simulations) -> list[ComparedNumber]:
    """Return the numbers that can be compared."""
    courses, source = [course for _, course in played], f"the run: {run.description}"
    told = {name: given(name, value or 0.0, "", source) for name, value in run.measured.model_dump().items()}
    accepted, written = told["votes_accepted"], told["votes_accepted"] - told["votes_folded"]
    shards = given("shards", max(course.shards_peak for course in courses), "shards", "the stream's")
    seconds = run.deployment.vote_aggregator.batching_window_seconds or 1.0
    windows = given("windows of the event", run.event.duration / seconds, "", "duration / window")
    rows = told["live_rows_written"] / shards / windows
    writing, counting = EventScenario.writer_inputs, EventScenario.aggregator_inputs
    how, found = f"end of {2 * SEEDS} simulations, {SEEDS} in the quickest surroundings", []
    for name, unit, real, values, inputs in (
        ("write units per vote", "units", told["vote_write_units"] / written,
         [course.vote_units / course.votes_stored for course in courses], writing),
        ("votes per writer batch", "votes", accepted / told["writer_batches"],
         [course.writer_batch_mean for course in courses], writing),
        ("votes per aggregator batch", "votes", accepted / told["aggregator_batches"],
         [course.aggregator_batch_mean for course in courses], counting),
        ("live rows per shard and window", "rows", rows,
         [course.live_units / shards.value / windows.value for course in courses], counting),
    ):  # fmt: skip
        ends = ("low", min(values), played[0][0]), ("high", max(values), played[-1][0])
        low, high = (
            computed(f"{name}, simulated {end}", value, unit, f"the {end} {how}", *inputs(scenario))
            for end, value, scenario in ends
        )
        found.append(ComparedNumber(derived(name, unit, real), low, high))
    return found
