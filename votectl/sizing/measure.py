"""Measuring function times on a deployment: the only place here that knows boto3.

The functions are invoked directly, with events like the mapping's, made for a poll that was created for
this. So every batch size can be tried without touching the mapping, and nothing else is in the way.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from votectl.sizing.calibration import FunctionMeasurement, Sample
from votectl.sizing.errors import SizingError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# Lambda's own line about an invocation: its time without what the network adds.
REPORT = re.compile(r"^REPORT .*?\bDuration: ([\d.]+) ms", re.MULTILINE)

REPORTED, TIMED = "Lambda's REPORT line", "a clock at the caller"

# Sequence numbers of this size are above none that Kinesis gives today, and far above an old run's.
_FIRST_SEQUENCE = 10**50


class InvocationFailed(SizingError):
    """When a function answers with an error, or hands records back: its time would say nothing."""


def events(
    poll_id: str, option: str, run: str, batch_size: int, arrived_at: float
) -> Iterator[dict[str, Any]]:
    """Yield events like the mapping's, each with so many first votes of voters nobody else uses.

    Args:
        poll_id: an open poll, made for this.
        option: one of its options.
        run: a word that no other run uses, so that all voters are new.
        batch_size: votes in an event.
        arrived_at: epoch seconds; the poll must be open then.
    """
    shard = f"shardId-calibration-{run}-{batch_size}"
    data = base64.b64encode(json.dumps({"poll_id": poll_id, "option": option}).encode()).decode()
    numbers = count(_FIRST_SEQUENCE)
    while True:
        sequences = [str(next(numbers)) for _ in range(batch_size)]
        yield {
            "Records": [
                {
                    "eventID": f"{shard}:{sequence}",
                    "eventName": "aws:kinesis:record",
                    "eventSource": "aws:kinesis",
                    "eventVersion": "1.0",
                    "kinesis": {
                        "kinesisSchemaVersion": "1.0",
                        "partitionKey": f"calibrate-{run}-{batch_size}-{sequence[-9:]}",
                        "sequenceNumber": sequence,
                        "data": data,
                        "approximateArrivalTimestamp": arrived_at,
                    },
                }
                for sequence in sequences
            ]
        }


def measure(
    client: "LambdaClient",
    function: str,
    batch_events: Callable[[int], Iterator[dict[str, Any]]],
    batch_sizes: Sequence[int],
    repeats: int,
    seconds: Callable[[], float],
    progress: Callable[[], None] = lambda: None,
) -> FunctionMeasurement:
    """Invoke a function ``repeats`` times per batch size, after one invocation that does not count.

    Args:
        client: Lambda's.
        function: its name.
        batch_events: events of a batch size, fresh voters each.
        batch_sizes: votes in a batch, at least two of them.
        repeats: invocations per size.
        seconds: a clock, for clouds that report no duration.
        progress: called after each invocation.

    Raises:
        InvocationFailed: the function failed or handed records back.
    """
    memory = client.get_function_configuration(FunctionName=function)["MemorySize"]
    samples, clock = [], REPORTED
    for size in batch_sizes:
        times = []
        for number, event in zip(range(repeats + 1), batch_events(size), strict=False):
            taken = invoke(client, function, event, seconds)
            clock = TIMED if taken.reported is None else REPORTED
            if number:
                times.append((taken.reported or taken.elapsed) * 1000)
            progress()
        samples.append(Sample(batch_size=size, milliseconds=tuple(times)))
    return FunctionMeasurement(memory_mb=memory, clock=clock, samples=tuple(samples))


class Invocation(NamedTuple):
    """An invocation's time in seconds: at the caller, and as Lambda reports it (None: it does not)."""

    elapsed: float
    reported: float | None


def invoke(
    client: "LambdaClient", function: str, event: dict[str, Any], seconds: Callable[[], float]
) -> Invocation:
    """Invoke a function and return how long it took.

    Raises:
        InvocationFailed: the function failed or handed records back.
    """
    payload = json.dumps(event, separators=(",", ":")).encode()
    began = seconds()
    answer = client.invoke(FunctionName=function, Payload=payload, LogType="Tail")
    elapsed = seconds() - began
    result = answer["Payload"].read()
    if answer.get("FunctionError"):
        raise InvocationFailed(f"{function} failed: {result[:500].decode(errors='replace')}")
    failures = json.loads(result).get("batchItemFailures", [])
    if failures:
        raise InvocationFailed(
            f"{function} handed back a batch of {len(event['Records'])}: throttled, or the poll is not open"
        )
    log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
    reported = REPORT.search(log)
    return Invocation(elapsed, None if reported is None else float(reported[1]) / 1000)
