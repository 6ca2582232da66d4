"""Evidence from deployments, as files: measured function times, and real runs to compare with simulations.

An invocation takes base + slope * votes. The line is fitted to the medians of each batch size, for one memory size.
A run is compared in numbers that do not depend on the machine's speed.
"""

from collections.abc import Sequence
from statistics import median
from typing import Annotated, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from votectl.settings.deployment import DeploymentSettings, Surroundings
from votectl.sizing.consumer import FunctionTime, FunctionTimes, measured
from votectl.sizing.course import CourseSummary
from votectl.sizing.event import VotingEvent
from votectl.sizing.explain import Figure, computed, derived, given
from votectl.sizing.facts import Facts
from votectl.sizing.scenario import EventScenario, our_writing
from votectl.sizing.simulate import simulate

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]

TOLERANCE = 0.1
SEEDS = 5


class EvidenceFile(BaseModel):
    """Base of the files here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TimingSample(EvidenceFile):
    """Invocations with one batch size."""

    batch_size: Annotated[int, Field(ge=1, le=10_000)]
    milliseconds: Annotated[tuple[Positive, ...], Field(min_length=1)]


class FunctionMeasurement(EvidenceFile):
    """One function's times. ``clock``: what measured them, for the reader of the file."""

    memory_mb: Annotated[int, Field(ge=128, le=10_240)]
    clock: str
    samples: Annotated[tuple[TimingSample, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _two_sizes(self) -> Self:
        if len({sample.batch_size for sample in self.samples}) < 2:
            raise ValueError("samples: a line needs at least two batch sizes")
        return self

    def line(self) -> tuple[float, float, float]:
        """Return base and slope in seconds, neither negative, and the largest deviation from them as a share."""
        sizes = np.array([sample.batch_size for sample in self.samples], dtype=np.float64)
        times = np.array([median(sample.milliseconds) for sample in self.samples]) / 1000
        slope, base = np.polyfit(sizes, times, 1)
        if slope < 0:
            base, slope = times.mean(), 0.0
        elif base < 0:
            base, slope = 0.0, (sizes @ times) / (sizes @ sizes)
        return float(base), float(slope), float(np.max(np.abs(times / (base + slope * sizes) - 1)))


class Calibration(EvidenceFile):
    """The file that ``votectl calibrate`` writes; ``plan`` and ``simulate`` read it."""

    environment: str
    measured_at: str
    vote_writer: FunctionMeasurement | None = None
    vote_aggregator: FunctionMeasurement | None = None

    def function_times(self) -> FunctionTimes:
        """Return the times to plan with."""
        writer, aggregator = self.vote_writer, self.vote_aggregator
        return FunctionTimes(
            writer=self._time("writer", writer),
            aggregator=self._time("aggregator", aggregator),
            writer_memory_mb=None if writer is None else writer.memory_mb,
            aggregator_memory_mb=None if aggregator is None else aggregator.memory_mb,
        )

    def figures(self) -> dict[str, Figure]:
        """Return base and slope of each function."""
        times = self.function_times()
        lines = [
            line for time in (times.writer, times.aggregator) if time for line in (time.base, time.per_vote)
        ]
        return {line.name: line for line in lines}

    def _time(self, name: str, measurement: FunctionMeasurement | None) -> FunctionTime | None:
        if measurement is None:
            return None
        base, slope, deviation = measurement.line()
        source = (
            f"batches of {', '.join(str(sample.batch_size) for sample in measurement.samples)} at "
            f"{measurement.memory_mb} MB in {self.environment!r}, {self.measured_at}, {measurement.clock}; "
            f"medians within {deviation:.0%} of the line"
        )
        return measured(name, base, slope, source)


class RunNumbers(EvidenceFile):
    """The run's numbers, from the functions' metrics and the tables' reported units.

    ``votes_folded`` were not written, because the same voter has a later one in the same batch. The seconds are
    those of all invocations. The machine's speed is not compared, so the simulation uses these times.
    """

    votes_accepted: Positive
    writer_batches: Positive
    vote_write_units: NotNegative
    votes_folded: NotNegative = 0.0
    aggregator_batches: Positive
    live_rows_written: NotNegative
    writer_seconds: Positive | None = None
    aggregator_seconds: Positive | None = None


class RealRun(EvidenceFile):
    """An event as it was sent, the deployment, its surroundings (one, or a range's ends), and the measured numbers."""

    description: str
    event: VotingEvent
    deployment: DeploymentSettings
    surroundings: Annotated[tuple[Surroundings, ...], Field(min_length=1, max_length=2)] = (Surroundings(),)
    measured: RunNumbers

    def scenarios(self, facts: Facts, times: FunctionTimes) -> list[EventScenario]:
        """Return the two ends of the range in which the run was.

        A repeated vote costs one unit while the writer remembers its voter, and two otherwise. A function takes
        the mean time of this run's invocations, where it was measured and ``times`` does not say another one.
        """
        done, ours = self.measured, our_writing(facts)

        def mean(name: str, seconds: float | None, batches: float) -> FunctionTime | None:
            return measured(name, seconds / batches, 0.0, "this run's invocations") if seconds else None

        writer = times.writer or mean("writer", done.writer_seconds, done.writer_batches)
        aggregator = times.aggregator or mean("aggregator", done.aggregator_seconds, done.aggregator_batches)
        return [
            EventScenario.expected(
                self.event,
                self.deployment,
                facts,
                surroundings=surroundings,
                writing=ours.model_copy(update={"repeated_vote_units": units}),
                writer_time=writer,
                aggregator_time=aggregator,
            )
            for surroundings, units in (
                (self.surroundings[0], 1.0),
                (self.surroundings[-1], ours.repeated_vote_units),
            )
        ]


class ComparedNumber(NamedTuple):
    """One number of the run, and the range of its simulations."""

    real: Figure
    low: Figure
    high: Figure

    @property
    def deviation(self) -> float:
        """The nearest simulation's deviation as a share: 0 where the run lies between two of them."""
        real = self.real.value
        nearest = min(max(real, self.low.value), self.high.value)
        return nearest / real - 1 if real else float(nearest != 0)

    @property
    def agrees(self) -> bool:
        """Whether the run lies within ``TOLERANCE`` of a simulation."""
        return abs(self.deviation) <= TOLERANCE


def simulations(
    run: RealRun, facts: Facts, times: FunctionTimes, seed: int, step: float | None
) -> list[tuple[EventScenario, CourseSummary]]:
    """Return simulations of a run: both scenarios, with several seeds each.

    Arrival times and the begin of windows are random, in the run as in a simulation. So two simulations of a
    short event differ by some per cent.
    """
    return [
        (scenario, CourseSummary(simulate(scenario, seed + number, step)))
        for scenario in run.scenarios(facts, times)
        for number in range(SEEDS)
    ]


def compare(
    run: RealRun, played: Sequence[tuple[EventScenario, CourseSummary]]
) -> tuple[list[ComparedNumber], dict[str, Figure]]:
    """Return the numbers that can be compared, and all figures by name."""
    courses = [course for _, course in played]
    most_shards = max(course.shards_peak for course in courses)
    shards = given("shards", most_shards, "shards", "the stream's")
    window = run.deployment.vote_aggregator.batching_window_seconds or 1.0
    windows = given("windows of the event", run.event.duration_seconds / window, "", "duration / window")
    source = f"the run: {run.description}"
    told = {name: given(name, value or 0.0, "", source) for name, value in run.measured.model_dump().items()}
    accepted, written = told["votes_accepted"], told["votes_accepted"] - told["votes_folded"]
    per_window = told["live_rows_written"] / shards / windows
    rows = []
    for name, unit, real, simulated, inputs in (
        (
            "write units per vote", "units", told["vote_write_units"] / written,
            [each.vote_units / each.votes_stored for each in courses], EventScenario.writer_inputs,
        ),
        (
            "votes per writer batch", "votes", accepted / told["writer_batches"],
            [each.writer_batch_mean for each in courses], EventScenario.writer_inputs,
        ),
        (
            "votes per aggregator batch", "votes", accepted / told["aggregator_batches"],
            [each.aggregator_batch_mean for each in courses], EventScenario.aggregator_inputs,
        ),
        (
            "live rows per shard and window", "rows", per_window,
            [each.live_units / most_shards / windows.value for each in courses], EventScenario.aggregator_inputs,
        ),
    ):  # fmt: skip
        how = f"end of {2 * SEEDS} simulations, {SEEDS} in the quickest surroundings"
        ends = ("low", min(simulated), played[0][0]), ("high", max(simulated), played[-1][0])
        low, high = (
            computed(f"{name}, simulated {end}", value, unit, f"the {end} {how}", *inputs(scenario))
            for end, value, scenario in ends
        )
        rows.append(ComparedNumber(derived(name, unit, real), low, high))
    return rows, {figure.name: figure for row in rows for figure in row}
