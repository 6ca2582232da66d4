"""What is measured on a deployment: its functions' times (calibrate), and an event of its own (rehearse).

Both read Lambda's REPORT line of an invocation. A rehearsal also reads each batch's metrics from the functions' logs.
They carry no poll id, so the deployment must be idle otherwise.
"""

import base64
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import batched, count, islice
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

import boto3
import numpy as np
from pydantic import Field, model_validator

from localcloud.parts import POLL_INTERVAL_SECONDS
from votectl.counts import CountReader
from votectl.deployment import LOCAL, Deployment
from votectl.errors import OperatorError
from votectl.polls import PollStore
from votectl.settings.deployment import DeploymentSettings, SettingsModel, Surroundings
from votectl.sizing.consumer import FunctionTimes, measured
from votectl.sizing.event import VotingEvent
from votectl.sizing.evidence import RealRun, RunNumbers
from votectl.sizing.inputs import InvalidInput
from voting.metrics import Metric
from voting.polls import Option, Poll

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef
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
                where = f"in {self.environment!r}, {self.measured_at}, {measurement.clock}"
                source = f"batches of {sizes} at {measurement.memory_mb} MB {where}"
                source = f"{source}; medians within {deviation:.0%} of the line"
                times[f"{name}_time"] = measured(name, line, source, measurement.memory_mb)
        return times


def events(poll_id: str, option: str, run: str, now: datetime, batch_size: int) -> Iterator[dict[str, Any]]:
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


# A rehearsal is not a load test: a few votes show what is compared.
MOST_VOTES, FEWEST_VOTES, LONGEST_SECONDS = 100_000, 100, 600.0
PATIENCE_SECONDS = 120.0  # from the last vote until everything is stored, counted and logged
_OPEN_MS = 1_800_000  # long enough for the longest event, and for everything before and after it
_TICK_SECONDS = 0.1
# The local cloud's time between two invocations depends on the machine's load, so it is a range.
_POLLED = Surroundings(mapping_poll_interval_seconds=POLL_INTERVAL_SECONDS)
_EMULATED = tuple(_POLLED.model_copy(update={"mapping_overhead_seconds": seconds}) for seconds in (0.0, 0.1))

type Vote = tuple[str, str, str]  # its poll's id, an option's id, and a voter


class SentVotes(NamedTuple):
    """What was put into the stream. ``rows``: first votes of their voter in their poll."""

    rows: int
    seconds: float
    times: Sequence[float]  # of each vote, in seconds from the beginning


class LoggedWork:
    """A function's batches of votes, the seconds of its finished invocations, and its metrics, from its log."""

    def __init__(self, function: str, since_ms: int) -> None:
        self.batches, self.seconds, self.counts = 0, list[float](), Counter[str]()
        pages = boto3.client("logs").get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=f"/aws/lambda/{function}", startTime=since_ms):
            for message in (line["message"] for line in page["events"]):
                if finished := REPORT.search(message):
                    self.seconds.append(float(finished[1]) / 1000)
                if message.startswith("{"):
                    line = json.loads(message)
                    # A metric's value may be in a list of its own.
                    values = {metric: line[metric] for metric in Metric if metric in line}
                    self.counts.update({name: int(np.ravel(value)[0]) for name, value in values.items()})
                    # A batch of closing markers alone is not a batch of votes.
                    self.batches += bool(np.any(values.get(Metric.RECORDS_RECEIVED, 0)))


def check(event: VotingEvent) -> None:
    """Refuse an event that is not suitable. Raises InvalidInput: too many votes, too few, or too long."""
    if not FEWEST_VOTES <= event.votes <= MOST_VOTES or event.duration > LONGEST_SECONDS:
        possible = f"{FEWEST_VOTES} to {MOST_VOTES:,} votes in at most {LONGEST_SECONDS:g} s"
        told = f"{event.votes:,.0f} in {event.duration:g} s"
        raise InvalidInput(f"a rehearsal has {possible}, not {told}; a small event is enough to compare")


def rehearse(target: Deployment, event: VotingEvent, settings: DeploymentSettings, seed: int) -> RealRun:
    """Send an event's votes through an otherwise idle deployment, and return the measurements.

    Raises OperatorError: votes are refused, late, or not the only ones, or the stream has other shards.
    """
    wanted, stream = settings.stream.shard_count, target.stream_name
    summary = boto3.client("kinesis").describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    if wanted not in {None, shards := summary["OpenShardCount"]}:
        remedy = "wait until it is resized, apply the settings, or name the file that was applied (--tfvars)"
        has = f"the settings say {wanted}, and the stream has {shards} open shards"
        raise InvalidInput(f"shard_count: {has}; {remedy}")
    poll_store, reader = PollStore(target.polls_table), CountReader(target)
    number, accepted = poll_store.now_ms(), Metric.VOTES_ACCEPTED
    options = [Option(id=f"option-{index}", label=f"{index}") for index in range(event.options)]
    ids = (f"rehearsal-{number}-{index}" for index in range(event.polls + 1))
    until = number + _OPEN_MS
    warming, *voted = (poll_store.create(poll, "A rehearsal", options, None, until) for poll in ids)

    def passed(polls: Sequence[Poll], ticks: Iterable[Sequence[Vote]]) -> tuple[SentVotes, list[LoggedWork]]:
        """Send votes; wait until both logs contain them and the end of every invocation."""
        since_ms, works = max(poll_store.now_ms(), *(poll.opens_at for poll in polls)), list[LoggedWork]()
        _wait(lambda: poll_store.now_ms() > since_ms)  # it is rounded up
        votes = len((sent := send(stream, ticks)).times)
        _wait(lambda: sum(reader.live(poll.poll_id).total for poll in polls) == votes)
        _wait(lambda: sum(reader.stored(poll).total() for poll in polls) == sent.rows)

        def complete() -> bool:
            functions = target.vote_writer_function, target.vote_aggregator_function
            works[:] = [LoggedWork(function, since_ms) for function in functions]
            return all(len(work.seconds) >= work.batches and work.counts[accepted] >= votes for work in works)

        _wait(complete)
        return sent, works

    # Every lane's function must have started, and its log must be complete, before the measurement.
    warm = range(20 * shards)
    passed([warming], [[(warming.poll_id, options[0].id, f"warming-{voter}") for voter in warm]])
    ticks = random_votes(event, [poll.poll_id for poll in voted], number + seed)
    sent, (writer, aggregator) = passed(voted, ticks)
    votes, most = len(sent.times), max(writer.counts[accepted], aggregator.counts[accepted])
    if most > votes:
        why = "others vote, or batches were delivered again (`votectl doctor`)"
        more = f"a function accepted {most:,} votes, and {votes:,} were sent"
        raise OperatorError(f"{more}: {why}; rehearse on an idle deployment")
    measured = RunNumbers(
        votes_accepted=votes,
        writer_batches=writer.batches,
        vote_write_units=writer.counts[Metric.STATEMENTS_ANSWERED],
        votes_folded=writer.counts[Metric.VOTES_FOLDED],
        aggregator_batches=aggregator.batches,
        live_rows_written=aggregator.counts[Metric.LIVE_ROWS_WRITTEN],
        writer_seconds=sum(writer.seconds),
        aggregator_seconds=sum(aggregator.seconds),
    )
    description = f"{votes:,} votes in {sent.seconds:.0f} s through {target.environment!r}"
    run = {"description": description, "event": as_sent(event, sent), "deployment": settings}
    around = _EMULATED if target.environment == LOCAL else (Surroundings(),)
    return RealRun.model_validate({**run, "surroundings": around, "measured": measured})


def random_votes(event: VotingEvent, polls: Sequence[str], seed: int) -> Iterator[list[Vote]]:
    """Yield the votes of each tick: a random number around the arrival curve, with repeats."""
    random, earlier = np.random.default_rng(seed), list[tuple[str, str]]()
    for mean in np.diff(event.sent(np.arange(0, event.duration + _TICK_SECONDS, _TICK_SECONDS))):
        tick = []
        for _ in range(random.poisson(mean)):
            if earlier and random.random() < event.repeats:
                poll, voter = earlier[random.integers(len(earlier))]
            else:
                poll = polls[int(random.choice(len(polls), p=event.poll_shares))]
                hot = random.random() < event.hot_voter_share
                voter = f"rehearsal-{seed}-{'hot' if hot else len(earlier)}"
                earlier.append((poll, voter))
            tick.append((poll, f"option-{random.integers(event.options)}", voter))
        yield tick


def send(stream: str, ticks: Iterable[Sequence[Vote]]) -> SentVotes:
    """Put votes into the stream, a tick of a tenth of a second at a time. Raises OperatorError: it refused votes."""
    client, began = boto3.client("kinesis"), time.monotonic()
    times, rows = list[float](), set[tuple[str, str]]()
    for number, tick in enumerate(ticks, 1):
        times += [time.monotonic() - began] * len(tick)
        for part in batched(tick, 500, strict=False):
            records: list[PutRecordsRequestEntryTypeDef] = [
                {"PartitionKey": voter, "Data": json.dumps({"poll_id": poll, "option": option}).encode()}
                for poll, option, voter in part
            ]
            if refused := client.put_records(StreamName=stream, Records=records)["FailedRecordCount"]:
                many = f"{refused} of {len(part)} votes"
                raise OperatorError(f"the stream refused {many}: rehearse a lower rate")
        rows |= {(poll, voter) for poll, _, voter in tick}
        time.sleep(max(0.0, began + number * _TICK_SECONDS - time.monotonic()))
    return SentVotes(len(rows), time.monotonic() - began, times)


def as_sent(event: VotingEvent, sent: SentVotes) -> VotingEvent:
    """Return the event with its real rate in each second, length and repeats: a busy machine sends in bursts."""
    bins = max(1, round(sent.seconds))
    counts, edges = np.histogram(sent.times, bins=bins, range=(0.0, sent.seconds))
    levels, shares = counts / counts.max(), edges / sent.seconds
    # The rate changes within a millionth of the event from one bin to the next.
    times = np.column_stack([shares[:-1], shares[1:] * (1 - 1e-6)]).ravel()
    times[-1] = 1.0
    changed = {
        "shape": list(zip(times.tolist(), np.repeat(levels, 2).tolist(), strict=True)),
        "duration": sent.seconds,
        "peak": float(counts.max() / (sent.seconds / bins)),
        "votes_per_voter": None,
        "changed_minds": 1 - sent.rows / len(sent.times),
    }
    return VotingEvent.model_validate(event.model_dump() | changed)


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            remedy = "look at `votectl ledger` and at the functions' logs, and rehearse on an idle deployment"
            late = f"not every vote was stored, counted and logged within {PATIENCE_SECONDS:g} s"
            raise OperatorError(f"{late}: {remedy}")
        time.sleep(0.3)
