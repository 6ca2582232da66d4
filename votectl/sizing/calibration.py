"""Measured function times: the file that holds them, and the straight line through them.

An invocation's time is base + slope x votes, fitted over the medians of each batch size, neither of
them negative. A measurement belongs to a memory size: a plan made with it keeps that size.
"""

from pathlib import Path
from statistics import median
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from votectl.sizing import files
from votectl.sizing.function_time import FunctionTime, FunctionTimes, measured

Milliseconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sample(_Model):
    """Invocations with one batch size."""

    batch_size: Annotated[int, Field(ge=1, le=10_000)]
    milliseconds: Annotated[tuple[Milliseconds, ...], Field(min_length=1)]


class FunctionMeasurement(_Model):
    """One function's times. ``clock``: what measured them, for whoever reads the file."""

    memory_mb: Annotated[int, Field(ge=128, le=10_240)]
    clock: str
    samples: Annotated[tuple[Sample, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _has_two_sizes(self) -> Self:
        if len({sample.batch_size for sample in self.samples}) < 2:
            raise ValueError("samples: a line needs at least two batch sizes")
        return self

    def line(self) -> tuple[float, float]:
        """Return base and slope in seconds: least squares over each batch size's median."""
        sizes = np.array([sample.batch_size for sample in self.samples], dtype=np.float64)
        times = np.array([median(sample.milliseconds) for sample in self.samples]) / 1000
        design = np.column_stack([np.ones_like(sizes), sizes])
        (base, slope), *_ = np.linalg.lstsq(design, times, rcond=None)
        if slope < 0:
            return float(times.mean()), 0.0
        if base < 0:
            return 0.0, float((sizes @ times) / (sizes @ sizes))
        return float(base), float(slope)

    def spread(self) -> float:
        """Return the largest deviation of a median from the line, as a share of it."""
        base, slope = self.line()
        return max(
            abs(median(sample.milliseconds) / 1000 / (base + slope * sample.batch_size) - 1)
            for sample in self.samples
        )


class Calibration(_Model):
    """What ``votectl calibrate`` writes, and plan and simulation read."""

    environment: str
    measured_at: str
    vote_writer: FunctionMeasurement | None = None
    vote_aggregator: FunctionMeasurement | None = None

    def function_times(self) -> FunctionTimes:
        """Return the times to plan with."""
        return FunctionTimes(
            writer=self._time("writer", self.vote_writer),
            aggregator=self._time("aggregator", self.vote_aggregator),
            writer_memory_mb=None if self.vote_writer is None else self.vote_writer.memory_mb,
            aggregator_memory_mb=None if self.vote_aggregator is None else self.vote_aggregator.memory_mb,
        )

    def _time(self, name: str, measurement: FunctionMeasurement | None) -> FunctionTime | None:
        if measurement is None:
            return None
        sizes = ", ".join(str(sample.batch_size) for sample in measurement.samples)
        source = (
            f"batches of {sizes} at {measurement.memory_mb} MB in {self.environment!r}, {self.measured_at}, "
            f"{measurement.clock}; medians within {measurement.spread():.0%} of the line"
        )
        return measured(name, *measurement.line(), source)


def load(path: Path) -> Calibration:
    """Return a calibration (``files.load``)."""
    return files.load(Calibration, path, "calibration")
