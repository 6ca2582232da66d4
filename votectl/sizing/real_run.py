"""A real run beside the simulation: everything of it that does not depend on how fast the machine was.

A local cloud has no lanes as quick as AWS's and no limits of its own, but it must write as often per
vote, form batches and touch live rows as the model says. The file is written by whoever drives the run.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from votectl.settings.deployment import Deployment, Surroundings
from votectl.sizing import files
from votectl.sizing.course import Course, Outcome
from votectl.sizing.demand import Event
from votectl.sizing.explain import Figure, computed, derived, given
from votectl.sizing.facts import Facts
from votectl.sizing.function_time import FunctionTime, FunctionTimes, measured
from votectl.sizing.scenario import Scenario, our_writing
from votectl.sizing.simulate import simulate

Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]

TOLERANCE = 0.1
SEEDS = 5


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measured(_Model):
    """What the run did, from the functions' metrics and the tables' reported units."""

    votes_accepted: Annotated[float, Field(gt=0)]
    writer_batches: Annotated[float, Field(gt=0)]
    vote_write_units: Number
    # Votes that were not written, because the same voter has a later one in the same batch.
    votes_folded: Number = 0.0
    aggregator_batches: Annotated[float, Field(gt=0)]
    live_rows_written: Number
    # Time of all invocations. How fast the machine is is not what is compared: the simulation takes it over.
    writer_seconds: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    aggregator_seconds: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None


class RealRun(_Model):
    """An event as it was sent, the deployment that took it, and what was measured.

    Surroundings: what they were, or two between which they were.
    """

    description: str
    event: Event
    deployment: Deployment
    surroundings: Annotated[tuple[Surroundings, ...], Field(min_length=1, max_length=2)] = (Surroundings(),)
    measured: Measured

    def function_times(self) -> FunctionTimes:
        """Return the functions' mean times in this run, where they were measured: the same for every batch."""
        done = self.measured

        def mean(name: str, seconds: float | None, batches: float) -> FunctionTime | None:
            return (
                None if seconds is None else measured(name, seconds / batches, 0.0, "this run's invocations")
            )

        return FunctionTimes(
            writer=mean("writer", done.writer_seconds, done.writer_batches),
            aggregator=mean("aggregator", done.aggregator_seconds, done.aggregator_batches),
        )

    def scenarios(self, facts: Facts, times: FunctionTimes) -> Iterator[Scenario]:
        """Yield the two between which the run was.

        A repeated vote costs one unit while the writer remembers its voter, and two if it does not.
        """
        own, ours = self.function_times(), our_writing(facts)
        for surroundings, units in (
            (self.surroundings[0], 1.0),
            (self.surroundings[-1], ours.repeated_vote_units),
        ):
            yield Scenario.expected(
                self.event,
                self.deployment,
                facts,
                surroundings=surroundings,
                writing=ours.model_copy(update={"repeated_vote_units": units}),
                writer_time=times.writer or own.writer,
                aggregator_time=times.aggregator or own.aggregator,
            )


@dataclass(frozen=True)
class Compared:
    """One number of the run beside those of its simulations."""

    real: Figure
    low: float
    high: float

    @property
    def quantity(self) -> str:
        """What is compared."""
        return self.real.name

    @property
    def deviation(self) -> float:
        """How far the nearest simulation is from the run, as a share: 0 where the run lies between two of them."""
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
    """Return what chance makes of a run: both scenarios, with several seeds each.

    When votes come and when windows begin is chance, in the run as in a simulation of it: in a short event, two
    simulations differ by some per cent.
    """
    return [
        simulate(scenario, seed + number, step)
        for scenario in run.scenarios(facts, times)
        for number in range(SEEDS)
    ]


def compare(run: RealRun, courses: Iterable[Course]) -> Sequence[Compared]:
    """Return what can be compared."""
    outcomes = [Outcome.of(course) for course in courses]
    shards = max(outcome.shards_peak for outcome in outcomes)
    windows = given(
        "windows of the event", run.event.duration_seconds / _window(run), "", "duration / window"
    )
    per_window = {"shards": given("shards", shards, "shards", "the stream's"), "windows": windows}

    def measured(name: str) -> Figure:
        return given(name, getattr(run.measured, name), "", f"the run: {run.description}")

    def row(real: Figure, simulated: Callable[[Outcome], float]) -> Compared:
        found = [simulated(outcome) for outcome in outcomes]
        return Compared(real, min(found), max(found))

    accepted = measured("votes_accepted")
    return [
        row(
            derived(
                "write units per vote", "units", "units / (votes - folded)",
                units=measured("vote_write_units"), votes=accepted, folded=measured("votes_folded"),
            ),
            lambda outcome: outcome.vote_units / outcome.votes_stored,
        ),
        row(
            derived(
                "votes per writer batch", "votes", "votes / batches",
                votes=accepted, batches=measured("writer_batches"),
            ),
            lambda outcome: outcome.writer_batch_mean,
        ),
        row(
            derived(
                "votes per aggregator batch", "votes", "votes / batches",
                votes=accepted, batches=measured("aggregator_batches"),
            ),
            lambda outcome: outcome.aggregator_batch_mean,
        ),
        row(
            derived(
                "live rows per shard and window", "rows", "rows / shards / windows",
                rows=measured("live_rows_written"), **per_window,
            ),
            lambda outcome: outcome.live_units / shards / windows.value,
        ),
    ]  # fmt: skip


def figures(run: RealRun, rows: Iterable[Compared], facts: Facts, times: FunctionTimes) -> dict[str, Figure]:
    """Return the run's numbers and the ends of their simulations, for ``--explain``."""
    quickest, slowest = run.scenarios(facts, times)
    found = {}
    for row in rows:
        found[row.quantity] = row.real
        for end, value, played in (("low", row.low, quickest), ("high", row.high, slowest)):
            counting = row.quantity not in {"write units per vote", "votes per writer batch"}
            inputs = played.aggregator_inputs() if counting else played.writer_inputs()
            name = f"{row.quantity}, simulated {end}"
            how = f"the {end} end of {2 * SEEDS} simulations, {SEEDS} in the quickest surroundings"
            found[name] = computed(name, value, row.real.unit, how, **inputs)
    return found


def _window(run: RealRun) -> float:
    """Return the aggregator's window (s), or a second where it has none."""
    return run.deployment.vote_aggregator.batching_window_seconds or 1.0


def load(path: Path) -> RealRun:
    """Return a run's file (``files.load``)."""
    return files.load(RealRun, path, "run")
