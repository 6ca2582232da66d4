"""Function times: invoke a deployment's functions, keep the times in a file, and fit a line for one memory size."""

import base64
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count, islice
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from votectl.errors import OperatorError
from votectl.settings.deployment import SettingsModel
from votectl.sizing.consumer import FunctionTimes, measured

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

Milliseconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
# Lambda's log line of an invocation: its time without the network.
REPORT = re.compile(r"^REPORT .*?\bDuration: ([\d.]+) ms", re.MULTILINE)
_FIRST_SEQUENCE = 10**50  # not above the sequence numbers that Kinesis gives today


class TimingSample(SettingsModel):
    """Invocations with one batch size."""

    batch_size: Annotated[int, Field(ge=1, le=10_000)]
    milliseconds: Annotated[tuple[Milliseconds, ...], Field(min_length=1)]


class FunctionMeasurement(SettingsModel):
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


class Calibration(SettingsModel):
    """The file that ``votectl calibrate`` writes; ``plan`` and ``simulate`` read it."""

    environment: str
    measured_at: str
    vote_writer: FunctionMeasurement | None = None
    vote_aggregator: FunctionMeasurement | None = None

    def function_times(self) -> FunctionTimes:
        """Return the times to plan with."""
        times = {}
        for name, measurement in (("writer", self.vote_writer), ("aggregator", self.vote_aggregator)):
            if measurement is not None:
                *line, deviation = measurement.line()
                sizes = ", ".join(str(sample.batch_size) for sample in measurement.samples)
                source = (
                    f"batches of {sizes} at {measurement.memory_mb} MB in {self.environment!r}, {self.measured_at}, "
                    f"{measurement.clock}; medians within {deviation:.0%} of the line"
                )
                times[f"{name}_time"] = measured(name, line, source, measurement.memory_mb)
        return times


def events(poll_id: str, option: str, run: str, batch_size: int, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield events like the mapping's, each with first votes of new voters. ``run`` is a word unique to this run."""
    from votectl.redrive import as_event_record  # loads the writer

    data = json.dumps({"poll_id": poll_id, "option": option}).encode()
    vote = {"Data": data, "ApproximateArrivalTimestamp": now}
    for first in count(_FIRST_SEQUENCE, batch_size):
        records = (
            vote | {"SequenceNumber": number, "PartitionKey": f"calibrate-{run}-{batch_size}-{number[-9:]}"}
            for number in map(str, range(first, first + batch_size))
        )
        shard = f"shardId-calibration-{run}-{batch_size}"
        yield {"Records": [as_event_record(record, shard) for record in records]}


def measure(
    client: "LambdaClient",
    function: str,
    batch_events: Callable[[int], Iterator[dict[str, Any]]],
    batch_sizes: Sequence[int],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> FunctionMeasurement:
    """Invoke a function ``repeats`` times per batch size, after a first one. Raises OperatorError: it failed."""
    memory, reported = client.get_function_configuration(FunctionName=function)["MemorySize"], True
    samples = []
    for size in batch_sizes:
        times = []
        for event in islice(batch_events(size), repeats + 1):
            payload, began = json.dumps(event, separators=(",", ":")).encode(), clock()
            answer = client.invoke(FunctionName=function, Payload=payload, LogType="Tail")
            elapsed, result = (clock() - began) * 1000, answer["Payload"].read()
            if answer.get("FunctionError"):
                raise OperatorError(f"{function} failed: {result[:500].decode(errors='replace')}")
            if json.loads(result).get("batchItemFailures"):
                why = "throttled, or the poll is not open"
                raise OperatorError(f"{function} returned a batch of {size} as failed: {why}")
            line = REPORT.search(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"))
            times.append(elapsed if line is None else float(line[1]))
            reported = line is not None
        samples.append(TimingSample(batch_size=size, milliseconds=tuple(times[1:])))
    source = "Lambda's REPORT line" if reported else "a clock at the caller"
    return FunctionMeasurement(memory_mb=memory, clock=source, samples=tuple(samples))
