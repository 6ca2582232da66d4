"""Function times: measure them, keep them in a file, and fit a line.

The functions are invoked directly with events like the mapping's, for a poll of its own. So every batch size can
be measured without a change of the mapping. An invocation takes base + slope x votes, fitted to the medians of each
batch size. Neither is negative. A measurement is for one memory size, and a plan keeps this size.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from votectl.errors import OperatorError
from votectl.sizing.consumer import FunctionTime, FunctionTimes, measured

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

Milliseconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]

# Lambda's log line of an invocation: its time without the network.
REPORT = re.compile(r"^REPORT .*?\bDuration: ([\d.]+) ms", re.MULTILINE)
REPORTED, TIMED = "Lambda's REPORT line", "a clock at the caller"
_FIRST_SEQUENCE = 10**50  # not above the sequence numbers that Kinesis gives today


class EvidenceFile(BaseModel):
    """Base of the files here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TimingSample(EvidenceFile):
    """Invocations with one batch size."""

    batch_size: Annotated[int, Field(ge=1, le=10_000)]
    milliseconds: Annotated[tuple[Milliseconds, ...], Field(min_length=1)]


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

    def line(self) -> tuple[float, float]:
        """Return base and slope in seconds: least squares over each batch size's median."""
        sizes = np.array([sample.batch_size for sample in self.samples], dtype=np.float64)
        times = np.array([median(sample.milliseconds) for sample in self.samples]) / 1000
        (base, slope), *_ = np.linalg.lstsq(np.column_stack([np.ones_like(sizes), sizes]), times, rcond=None)
        if slope < 0:
            return float(times.mean()), 0.0
        return (float(base), float(slope)) if base >= 0 else (0.0, float((sizes @ times) / (sizes @ sizes)))

    def spread(self) -> float:
        """Return the largest deviation of a median from the line, as a share of it."""
        base, slope = self.line()
        points = ((median(sample.milliseconds) / 1000, sample.batch_size) for sample in self.samples)
        return max(abs(time / (base + slope * size) - 1) for time, size in points)


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

    def _time(self, name: str, measurement: FunctionMeasurement | None) -> FunctionTime | None:
        if measurement is None:
            return None
        sizes = ", ".join(str(sample.batch_size) for sample in measurement.samples)
        source = (
            f"batches of {sizes} at {measurement.memory_mb} MB in {self.environment!r}, {self.measured_at}, "
            f"{measurement.clock}; medians within {measurement.spread():.0%} of the line"
        )
        return measured(name, *measurement.line(), source)


class InvocationFailed(OperatorError):
    """A function returned an error or failed records, so its time means nothing."""


def events(
    poll_id: str, option: str, run: str, batch_size: int, arrived_at: float
) -> Iterator[dict[str, Any]]:
    """Yield events like the mapping's, each with first votes of new voters.

    ``run`` is a word unique to this run, so that all voters are new. The poll is open at ``arrived_at``.
    """
    vote = json.dumps({"poll_id": poll_id, "option": option}).encode()
    numbers, shard = count(_FIRST_SEQUENCE), f"shardId-calibration-{run}-{batch_size}"

    def record(sequence: str) -> dict[str, Any]:
        return {
            "eventID": f"{shard}:{sequence}",
            "eventName": "aws:kinesis:record",
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": f"calibrate-{run}-{batch_size}-{sequence[-9:]}",
                "sequenceNumber": sequence,
                "data": base64.b64encode(vote).decode(),
                "approximateArrivalTimestamp": arrived_at,
            },
        }

    while True:
        yield {"Records": [record(str(next(numbers))) for _ in range(batch_size)]}


def measure(
    client: "LambdaClient",
    function: str,
    batch_events: Callable[[int], Iterator[dict[str, Any]]],
    batch_sizes: Sequence[int],
    repeats: int,
    seconds: Callable[[], float],
    progress: Callable[[], None] = lambda: None,
) -> FunctionMeasurement:
    """Invoke a function ``repeats`` times per batch size, after one invocation that is ignored.

    ``seconds`` is a clock, used where the cloud reports no duration. ``progress`` is called after each invocation.

    Raises:
        InvocationFailed: the function failed, or returned failed records.
    """
    memory = client.get_function_configuration(FunctionName=function)["MemorySize"]
    samples, clock = [], REPORTED
    for size in batch_sizes:
        times = []
        for _, event in zip(range(repeats + 1), batch_events(size), strict=False):
            elapsed, reported = invoke(client, function, event, seconds)
            clock = TIMED if reported is None else REPORTED
            times.append((reported or elapsed) * 1000)
            progress()
        samples.append(TimingSample(batch_size=size, milliseconds=tuple(times[1:])))
    return FunctionMeasurement(memory_mb=memory, clock=clock, samples=tuple(samples))


def invoke(
    client: "LambdaClient", function: str, event: dict[str, Any], seconds: Callable[[], float]
) -> tuple[float, float | None]:
    """Return an invocation's seconds: at the caller, and as Lambda reports them (None: it does not).

    Raises:
        InvocationFailed: the function failed, or returned failed records.
    """
    payload = json.dumps(event, separators=(",", ":")).encode()
    began = seconds()
    answer = client.invoke(FunctionName=function, Payload=payload, LogType="Tail")
    elapsed, result = seconds() - began, answer["Payload"].read()
    if answer.get("FunctionError"):
        raise InvocationFailed(f"{function} failed: {result[:500].decode(errors='replace')}")
    if json.loads(result).get("batchItemFailures"):
        raise InvocationFailed(
            f"{function} returned a batch of {len(event['Records'])} as failed: throttled, or the poll is not open"
        )
    reported = REPORT.search(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"))
    return elapsed, None if reported is None else float(reported[1]) / 1000
