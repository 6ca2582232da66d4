"""A real run beside the simulation: everything of it that does not depend on how fast the machine was.

A local cloud has no lanes as quick as AWS's and no limits of its own, but it must write as often per
vote, form batches and touch live rows as the model says. The file is written by whoever drives the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sizing import files
from sizing.course import Course, Outcome
from sizing.demand import Event
from sizing.deployment import Deployment, Surroundings
from sizing.function_time import FunctionTime, FunctionTimes, measured

Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]

TOLERANCE = 0.1


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measured(_Model):
    """What the run did, from the functions' metrics and the tables' reported units."""

    votes_accepted: Annotated[float, Field(gt=0)]
    writer_batches: Annotated[float, Field(gt=0)]
    vote_write_units: Number
    aggregator_batches: Annotated[float, Field(gt=0)]
    live_rows_written: Number
    # Time of all invocations. How fast the machine is is not what is compared: the simulation takes it over.
    writer_seconds: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    aggregator_seconds: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None


class RealRun(_Model):
    """An event as it was sent, the deployment that took it, and what was measured."""

    description: str
    event: Event
    deployment: Deployment
    surroundings: Surroundings = Surroundings()
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


@dataclass(frozen=True)
class Compared:
    """One number of the run beside the simulation's."""

    quantity: str
    real: float
    simulated: float

    @property
    def deviation(self) -> float:
        """The simulation's deviation from the run, as a share."""
        return self.simulated / self.real - 1 if self.real else float(self.simulated != 0)

    @property
    def agrees(self) -> bool:
        """Whether the two lie within ``TOLERANCE`` of each other."""
        return abs(self.deviation) <= TOLERANCE


def compare(run: RealRun, course: Course) -> Sequence[Compared]:
    """Return what can be compared."""
    real, outcome = run.measured, Outcome.of(course)
    shards = outcome.shards_peak
    window = run.deployment.vote_aggregator.batching_window_seconds or 1
    windows = run.event.duration_seconds / window
    accepted = outcome.votes_sent - outcome.votes_refused_by_api - outcome.votes_refused_by_stream
    return (
        Compared(
            "write units per vote", real.vote_write_units / real.votes_accepted, outcome.vote_units / accepted
        ),
        Compared(
            "votes per writer batch", real.votes_accepted / real.writer_batches, outcome.writer_batch_mean
        ),
        Compared(
            "votes per aggregator batch",
            real.votes_accepted / real.aggregator_batches,
            outcome.aggregator_batch_mean,
        ),
        Compared(
            "live rows per shard and window",
            real.live_rows_written / shards / windows,
            outcome.live_units / shards / windows,
        ),
    )


def load(path: Path) -> RealRun:
    """Return a run's file (``files.load``)."""
    return files.load(RealRun, path, "run")
