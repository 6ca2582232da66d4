"""Measure a deployment: invoke its functions, or send an event's votes and read the consumers' logs.

The logs have Lambda's REPORT line of each invocation, and the metrics of each batch. AWS and the local cloud have
the same lines. Rehearse alone, because log lines carry no poll id.
"""

import base64
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched, islice
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np

from localcloud.parts import POLL_INTERVAL_SECONDS
from votectl.counts import CountReader
from votectl.deployment import LOCAL
from votectl.deployment import Deployment as Target
from votectl.errors import OperatorError
from votectl.polls import PollDesk
from votectl.settings.deployment import DeploymentSettings, Surroundings
from votectl.sizing.errors import InvalidInput
from votectl.sizing.event import VotingEvent
from votectl.sizing.evidence import FunctionMeasurement, RealRun, RunNumbers, TimingSample
from voting.metrics import Metric
from voting.polls import Option, Poll

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient

# A rehearsal is not a load test: a few votes show what is compared.
MOST_VOTES = 100_000
FEWEST_VOTES = 100
LONGEST_SECONDS = 600.0
PATIENCE_SECONDS = 120.0  # from the last vote until everything is stored, counted and logged

# Lambda's log line of an invocation: its time without the network.
_REPORT = re.compile(r"^REPORT .*?\bDuration: ([\d.]+) ms", re.MULTILINE)
_FIRST_SEQUENCE = 10**50  # not above the sequence numbers that Kinesis gives today
_WARMING_VOTES = 20  # per shard
_OPEN_LONGER_MS = 900_000
_DIRECT_INVOCATIONS, _DIRECT_VOTES = 8, 10  # before the event and after it, and votes in each
_TICK_SECONDS = 0.1

# A vote: its poll's id, an option's id, and a voter.
type Vote = tuple[str, str, str]


def events(
    poll_id: str, option: str, run: str, batch_size: int, arrived_at: float
) -> Iterator[dict[str, Any]]:
    """Yield events like the mapping's, each with first votes of new voters.

    ``run`` is a word unique to this run, so that all voters are new. The poll is open at ``arrived_at``.
    """
    data = base64.b64encode(json.dumps({"poll_id": poll_id, "option": option}).encode()).decode()
    shard, number = f"shardId-calibration-{run}-{batch_size}", _FIRST_SEQUENCE

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
                "data": data,
                "approximateArrivalTimestamp": arrived_at,
            },
        }

    while True:
        yield {"Records": [record(str(number + offset)) for offset in range(batch_size)]}
        number += batch_size


def measure(
    client: "LambdaClient",
    function: str,
    batch_events: Callable[[int], Iterator[dict[str, Any]]],
    batch_sizes: Sequence[int],
    repeats: int,
) -> FunctionMeasurement:
    """Invoke a function ``repeats`` times per batch size, after one invocation that is ignored.

    Raises OperatorError: the function failed, or returned failed records.
    """
    memory = client.get_function_configuration(FunctionName=function)["MemorySize"]
    samples, clock = [], ""
    for size in batch_sizes:
        taken = [invoke(client, function, event) for event in islice(batch_events(size), repeats + 1)][1:]
        times = tuple((elapsed if reported is None else reported) * 1000 for elapsed, reported in taken)
        clock = "a clock at the caller" if taken[-1][1] is None else "Lambda's REPORT line"
        samples.append(TimingSample(batch_size=size, milliseconds=times))
    return FunctionMeasurement(memory_mb=memory, clock=clock, samples=tuple(samples))


def invoke(client: "LambdaClient", function: str, event: dict[str, Any]) -> tuple[float, float | None]:
    """Return an invocation's seconds: at the caller, and as Lambda reports them (None: it does not).

    Raises OperatorError: the function failed, or returned failed records.
    """
    payload, began = json.dumps(event, separators=(",", ":")).encode(), time.perf_counter()
    answer = client.invoke(FunctionName=function, Payload=payload, LogType="Tail")
    elapsed, result = time.perf_counter() - began, answer["Payload"].read()
    if answer.get("FunctionError"):
        raise OperatorError(f"{function} failed: {result[:500].decode(errors='replace')}")
    if json.loads(result).get("batchItemFailures"):
        raise OperatorError(
            f"{function} returned a batch of {len(event['Records'])} as failed: throttled, or the poll is not open"
        )
    reported = _REPORT.search(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"))
    return elapsed, None if reported is None else float(reported[1]) / 1000


@dataclass(frozen=True)
class SentVotes:
    """The votes that were put into the stream."""

    rows: int  # first votes of their voter in their poll
    seconds: float
    put: Sequence[tuple[float, int]]  # time (s from the beginning), and votes

    @property
    def votes(self) -> int:
        """All votes."""
        return sum(votes for _, votes in self.put)


def random_votes(event: VotingEvent, polls: Sequence[Poll], seed: int) -> Iterator[list[Vote]]:
    """Yield the votes of each tick: a random number around the arrival curve, with repeats."""
    random, shares = np.random.default_rng(seed), np.array(event.poll_shares)
    edges = np.arange(0, event.duration_seconds + _TICK_SECONDS, _TICK_SECONDS)
    earlier: list[tuple[Poll, str]] = []
    for mean in np.diff(event.sent(edges)):
        tick = []
        for _ in range(random.poisson(mean)):
            if earlier and random.random() < event.repeats:
                poll, voter = earlier[random.integers(len(earlier))]
            else:
                poll = polls[int(random.choice(len(shares), p=shares))]
                voter = f"rehearsal-{seed}-{len(earlier)}"
                earlier.append((poll, voter))
            tick.append((poll.poll_id, poll.options[int(random.integers(len(poll.options)))].id, voter))
        yield tick


def send(client: "KinesisClient", stream: str, ticks: Iterable[list[Vote]]) -> SentVotes:
    """Put votes into the stream, a tick of a tenth of a second at a time. Raises OperatorError: it refused votes."""
    put, rows, began = [], set[tuple[str, str]](), time.monotonic()
    for number, tick in enumerate(ticks, 1):
        put.append((time.monotonic() - began, len(tick)))
        for part in batched(tick, 500, strict=False):
            records: list[PutRecordsRequestEntryTypeDef] = [
                {"PartitionKey": voter, "Data": json.dumps({"poll_id": poll, "option": option}).encode()}
                for poll, option, voter in part
            ]
            answer = client.put_records(StreamName=stream, Records=records)
            if refused := answer["FailedRecordCount"]:
                raise OperatorError(
                    f"the stream refused {refused} of {len(part)} votes: rehearse a lower rate"
                )
        rows |= {(poll, voter) for poll, _, voter in tick}
        time.sleep(max(0.0, began + number * _TICK_SECONDS - time.monotonic()))
    return SentVotes(len(rows), time.monotonic() - began, put)


def as_sent(event: VotingEvent, sent: SentVotes) -> VotingEvent:
    """Return the event with its real rate in each second, length and repeats: a busy machine sends in bursts."""
    bins = max(1, round(sent.seconds))
    times, votes = np.array(sent.put).T
    counts, edges = np.histogram(times, bins=bins, range=(0.0, sent.seconds), weights=votes)
    points: list[tuple[float, float]] = []
    for level, begins, ends in zip(counts / counts.max(), edges, edges[1:], strict=False):
        # The rate changes within a millionth of the event from one bin to the next.
        points += [(float(time / sent.seconds), float(level)) for time in (begins, ends * (1 - 1e-6))]
    changed = {
        "shape": (*points[:-1], (1.0, points[-1][1])),
        "duration_seconds": sent.seconds,
        "peak_votes_per_second": float(counts.max() / (sent.seconds / bins)),
        "votes_per_voter": None,
        "changed_minds": 1 - sent.rows / sent.votes,
    }
    return VotingEvent.model_validate(event.model_dump() | changed)


@dataclass
class LoggedWork:
    """A function's batches of votes and finished invocations with their time, from its log."""

    batches: int = 0
    invocations: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, message: str) -> None:
        """Add a log line; other lines are ignored."""
        if found := _REPORT.search(message):
            self.invocations += 1
            self.seconds += float(found[1]) / 1000
        elif message.startswith("{"):
            line = json.loads(message)
            # A metric's value may be in a list of its own.
            values = {metric: line[metric] for metric in Metric if metric in line}
            numbers = {name: int(v[0] if isinstance(v, list) else v) for name, v in values.items()}
            self.counts += Counter(numbers)
            # A batch of closing markers alone is not a batch of votes.
            self.batches += bool(numbers.get(Metric.RECORDS_RECEIVED))


def _logged_work(client: "CloudWatchLogsClient", function: str, since_ms: int) -> LoggedWork:
    pages, done = client.get_paginator("filter_log_events"), LoggedWork()
    for page in pages.paginate(logGroupName=f"/aws/lambda/{function}", startTime=since_ms):
        for line in page["events"]:
            done.add(line["message"])
    return done


def check(event: VotingEvent) -> None:
    """Refuse an event that is not suitable. Raises InvalidInput: too many votes, too few, or too long."""
    if event.votes < FEWEST_VOTES:
        raise InvalidInput(
            f"a rehearsal needs at least {FEWEST_VOTES} votes, not {event.votes:.3g}: fewer show only chance"
        )
    if event.votes > MOST_VOTES or event.duration_seconds > LONGEST_SECONDS:
        raise InvalidInput(
            f"a rehearsal has at most {MOST_VOTES:,} votes in {LONGEST_SECONDS:g} s, not {event.votes:,.0f} in "
            f"{event.duration_seconds:g} s; a smaller event gives the same comparison"
        )


def rehearse(target: Target, event: VotingEvent, settings: DeploymentSettings, seed: int) -> RealRun:
    """Send an event's votes through an otherwise idle deployment, and return the measurements.

    Raises OperatorError: votes are refused, not processed in time, or not the only ones, or the stream has other
    shards than the settings.
    """
    desk, reader = PollDesk(target.polls_table), CountReader(target)
    kinesis, logs = boto3.client("kinesis"), boto3.client("logs")
    check_shards(kinesis, target.stream_name, settings)
    number = desk.now_ms()
    warming, *voted = _open_polls(desk, f"rehearsal-{number}", event)
    functions = (target.vote_writer_function, target.vote_aggregator_function)

    def logged(since_ms: int, written: int, counted: int) -> list[LoggedWork]:
        """Wait until the functions' logs contain these votes and the end of every invocation."""
        found: list[LoggedWork] = []

        def complete() -> bool:
            found[:] = [_logged_work(logs, name, since_ms) for name in functions]
            return all(
                done.invocations >= done.batches and done.counts[Metric.VOTES_ACCEPTED] >= votes
                for done, votes in zip(found, (written, counted), strict=True)
            )

        _wait(complete)
        return found

    # Every lane's function must have started, and its log must be complete, before the measurement.
    invoking = _invoking_seconds(target.vote_writer_function, warming, "before")
    warm = _WARMING_VOTES * (settings.stream.shard_count or 4)
    votes = [(warming.poll_id, warming.options[0].id, f"warming-{voter}") for voter in range(warm)]
    send(kinesis, target.stream_name, [votes])
    _wait(lambda: reader.live(warming.poll_id).total == warm)
    logged(number, warm + _DIRECT_INVOCATIONS * _DIRECT_VOTES, warm)
    since_ms = desk.now_ms() + 1
    sent = send(kinesis, target.stream_name, random_votes(event, voted, number + seed))
    _wait(lambda: sum(reader.live(poll.poll_id).total for poll in voted) == sent.votes)
    _wait(lambda: sum(reader.stored(poll).total() for poll in voted) == sent.rows)
    writer, aggregator = logged(since_ms, sent.votes, sent.votes)
    check_alone(sent, writer, aggregator)
    invoking += _invoking_seconds(target.vote_writer_function, warming, "after")
    return RealRun(
        description=f"{sent.votes:,} votes in {sent.seconds:.0f} s through {target.environment!r}",
        event=as_sent(event, sent),
        deployment=settings,
        surroundings=emulated(invoking) if target.environment == LOCAL else (Surroundings(),),
        measured=RunNumbers(
            votes_accepted=sent.votes,
            writer_batches=writer.batches,
            vote_write_units=writer.counts[Metric.STATEMENTS_ANSWERED],
            votes_folded=writer.counts[Metric.VOTES_FOLDED],
            aggregator_batches=aggregator.batches,
            live_rows_written=aggregator.counts[Metric.LIVE_ROWS_WRITTEN],
            writer_seconds=writer.seconds,
            aggregator_seconds=aggregator.seconds,
        ),
    )


def check_shards(client: "KinesisClient", stream: str, settings: DeploymentSettings) -> None:
    """Refuse a stream that differs from its settings. Raises InvalidInput: the number of shards differs."""
    wanted = settings.stream.shard_count
    shards = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["OpenShardCount"]
    if wanted not in {None, shards}:
        raise InvalidInput(
            f"shard_count: the settings say {wanted}, and the stream has {shards} open shards; wait until it "
            "is resized, apply the settings, or name the file that was applied (--tfvars)"
        )


def check_alone(sent: SentVotes, *done: LoggedWork) -> None:
    """Refuse logs with more votes than were sent. Raises OperatorError: others vote, or votes came twice."""
    accepted = max(work.counts[Metric.VOTES_ACCEPTED] for work in done)
    if accepted > sent.votes:
        raise OperatorError(
            f"a function accepted {accepted:,} votes, and {sent.votes:,} were sent: others vote, or batches "
            "were delivered again (`votectl doctor`); rehearse on an idle deployment"
        )


def _invoking_seconds(function: str, poll: Poll, run: str) -> list[float]:
    """Return the overhead of invocations in seconds: the caller's time less the function's own."""
    client = boto3.client("lambda")
    batches = events(poll.poll_id, poll.options[0].id, run, _DIRECT_VOTES, time.time())
    taken = [invoke(client, function, event) for event in islice(batches, _DIRECT_INVOCATIONS)]
    return [max(0.0, elapsed - (reported or elapsed)) for elapsed, reported in taken]


def emulated(invoking: Sequence[float]) -> tuple[Surroundings, ...]:
    """Return how the local cloud differs from AWS: its poll interval, and its time between invocations.

    The latter depends on the machine's load, so it is a range: between the quartiles of the measurements.
    """
    least, _, most = quantiles(invoking, n=4, method="inclusive")
    return tuple(
        Surroundings(mapping_poll_interval_seconds=POLL_INTERVAL_SECONDS, mapping_overhead_seconds=seconds)
        for seconds in (least, most)
    )


def _open_polls(desk: PollDesk, name: str, event: VotingEvent) -> list[Poll]:
    """Return a poll for warming up and the event's own polls, all open."""
    closes_at = desk.now_ms() + round(event.duration_seconds * 1000) + _OPEN_LONGER_MS
    options = [Option(id=f"option-{number}", label=f"{number}") for number in range(event.options_per_poll)]
    polls = [
        desk.create(f"{name}-{number}", "A rehearsal", options, opens_at=None, closes_at=closes_at)
        for number in range(event.polls + 1)
    ]
    _wait(lambda: desk.now_ms() > max(poll.opens_at for poll in polls))
    return polls


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise OperatorError(
                f"not every vote was stored, counted and logged within {PATIENCE_SECONDS:g} s: look at "
                "`votectl ledger` and at the functions' logs, and rehearse on an idle deployment"
            )
        time.sleep(0.3)
