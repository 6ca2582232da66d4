"""A real run compared with its simulations, in numbers that do not depend on the machine's speed.

A local cloud is slower than AWS and has no limits. But its writes per vote, batches and live rows must be those of
the model.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from votectl.settings.deployment import DeploymentSettings, Surroundings
from votectl.sizing.consumer import FunctionTime, FunctionTimes, measured
from votectl.sizing.course import Course, CourseSummary
from votectl.sizing.event import VotingEvent
from votectl.sizing.evidence.calibration import EvidenceFile
from votectl.sizing.explain import Figure, computed, derived, given
from votectl.sizing.facts import Facts
from votectl.sizing.scenario import EventScenario, our_writing
from votectl.sizing.simulate import simulate

Some = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float | None, Field(gt=0, allow_inf_nan=False)]

TOLERANCE = 0.1
SEEDS = 5


class RunNumbers(EvidenceFile):
    """The run's numbers, from the functions' metrics and the tables' reported units.

    ``votes_folded`` were not written, because the same voter has a later one in the same batch. The seconds are
    those of all invocations. The machine's speed is not compared, so the simulation uses these times.
    """

    votes_accepted: Some
    writer_batches: Some
    vote_write_units: NotNegative
    votes_folded: NotNegative = 0.0
    aggregator_batches: Some
    live_rows_written: NotNegative
    writer_seconds: Seconds = None
    aggregator_seconds: Seconds = None


class RealRun(EvidenceFile):
    """An event as it was sent, the deployment, its surroundings (one, or a range's ends), and the measured numbers."""

    description: str
    event: VotingEvent
    deployment: DeploymentSettings
    surroundings: Annotated[tuple[Surroundings, ...], Field(min_length=1, max_length=2)] = (Surroundings(),)
    measured: RunNumbers

    def scenarios(self, facts: Facts, times: FunctionTimes) -> Iterator[EventScenario]:
        """Yield the two ends of the range in which the run was.

        A repeated vote costs one unit while the writer remembers its voter, and two otherwise. A function takes
        the mean time of this run's invocations, where it was measured and ``times`` does not say another one.
        """
        done, ours = self.measured, our_writing(facts)

        def mean(name: str, seconds: float | None, batches: float) -> FunctionTime | None:
            source = "this run's invocations"
            return None if seconds is None else measured(name, seconds / batches, 0.0, source)

        ends = ((self.surroundings[0], 1.0), (self.surroundings[-1], ours.repeated_vote_units))
        for surroundings, units in ends:
            yield EventScenario.expected(
                self.event,
                self.deployment,
                facts,
                surroundings=surroundings,
                writing=ours.model_copy(update={"repeated_vote_units": units}),
                writer_time=times.writer or mean("writer", done.writer_seconds, done.writer_batches),
                aggregator_time=times.aggregator
                or mean("aggregator", done.aggregator_seconds, done.aggregator_batches),
            )


@dataclass(frozen=True)
class ComparedNumber:
    """One number of the run, and the range of its simulations."""

    real: Figure
    low: float
    high: float
    counting: bool = True  # a number of the aggregator's, not of the writer's

    @property
    def quantity(self) -> str:
        """The number's name."""
        return self.real.name

    @property
    def deviation(self) -> float:
        """The nearest simulation's deviation as a share: 0 where the run lies between two of them."""
        real = self.real.value
        nearest = min(max(real, self.low), self.high)
        return nearest / real - 1 if real else float(nearest != 0)

    @property
    def agrees(self) -> bool:
        """Whether the run lies within ``TOLERANCE`` of a simulation."""
        return abs(self.deviation) <= TOLERANCE


def simulations(
    run: RealRun, facts: Facts, times: FunctionTimes, seed: int, step: float | None
) -> list[Course]:
    """Return simulations of a run: both scenarios, with several seeds each.

    Arrival times and the begin of windows are random, in the run as in a simulation. So two simulations of a
    short event differ by some per cent.
    """
    scenarios = run.scenarios(facts, times)
    return [simulate(scenario, seed + number, step) for scenario in scenarios for number in range(SEEDS)]


def compare(run: RealRun, courses: Iterable[Course]) -> Sequence[ComparedNumber]:
    """Return the numbers that can be compared."""
    summaries = [CourseSummary(course) for course in courses]
    most_shards = max(summary.shards_peak for summary in summaries)
    shards = given("shards", most_shards, "shards", "the stream's")
    window = run.deployment.vote_aggregator.batching_window_seconds or 1.0
    windows = given("windows of the event", run.event.duration_seconds / window, "", "duration / window")
    source = f"the run: {run.description}"
    told = {name: given(name, value or 0.0, "", source) for name, value in run.measured.model_dump().items()}
    accepted, units = told["votes_accepted"], told["vote_write_units"]
    per_vote = derived("write units per vote", "units", units / (accepted - told["votes_folded"]))
    batch = derived("votes per writer batch", "votes", accepted / told["writer_batches"])
    live_batch = derived("votes per aggregator batch", "votes", accepted / told["aggregator_batches"])
    rows = derived("live rows per shard and window", "rows", told["live_rows_written"] / shards / windows)
    simulated = (
        (per_vote, [each.vote_units / each.votes_stored for each in summaries], False),
        (batch, [each.writer_batch_mean for each in summaries], False),
        (live_batch, [each.aggregator_batch_mean for each in summaries], True),
        (rows, [each.live_units / most_shards / windows.value for each in summaries], True),
    )
    return [ComparedNumber(real, min(found), max(found), counting) for real, found, counting in simulated]


def figures(
    run: RealRun, rows: Iterable[ComparedNumber], facts: Facts, times: FunctionTimes
) -> dict[str, Figure]:
    """Return the run's numbers and the ranges of their simulations, for ``--explain``."""
    quickest, slowest = run.scenarios(facts, times)
    found = {}
    for row in rows:
        found[row.quantity] = row.real
        for end, value, played in (("low", row.low, quickest), ("high", row.high, slowest)):
            inputs = played.aggregator_inputs() if row.counting else played.writer_inputs()
            name = f"{row.quantity}, simulated {end}"
            how = f"the {end} end of {2 * SEEDS} simulations, {SEEDS} in the quickest surroundings"
            found[name] = computed(name, value, row.real.unit, how, *inputs)
    return found
