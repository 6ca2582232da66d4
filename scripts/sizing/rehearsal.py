"""A rehearsal: an event's votes put into a deployment's stream, and what its consumers made of them.

What they did is read from their logs, which hold the same lines on AWS and on the local cloud: Lambda's REPORT line
of each invocation, and the metrics of each batch. Nobody else may vote meanwhile: lines name no poll.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched, islice
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import numpy as np

from localcloud.parts import POLL_INTERVAL_SECONDS
from sizing import measure
from sizing.demand import Event
from sizing.deployment import Deployment, Surroundings
from sizing.errors import Nonsense, SizingError
from sizing.real_run import Measured, RealRun
from votectl.counts import CountReader
from votectl.deployment import LOCAL
from votectl.deployment import Deployment as Target
from votectl.polls import PollDesk
from voting.metrics import Metric
from voting.polls import Option, Poll

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

# A rehearsal is no load test: what is compared shows with a few votes.
MOST_VOTES = 100_000
LONGEST_SECONDS = 600.0
# From the last vote until all is stored, counted and logged.
PATIENCE_SECONDS = 120.0

_WARMING_VOTES = 20  # per shard
_OPEN_LONGER_MS = 900_000
_DIRECT_INVOCATIONS = 7
_TICK_SECONDS = 0.1
_RECORDS_PER_CALL = 500


class RehearsalFailed(SizingError):
    """When votes could not be put, or are not processed in time: what was measured would say nothing."""


class Ballot(NamedTuple):
    """A vote to be sent: polls and options are numbers here."""

    poll: int
    option: int
    voter: str


@dataclass(frozen=True)
class Sent:
    """What was put into the stream."""

    votes: int
    rows: int  # votes that are the first of their voter in their poll
    seconds: float


def ballots(event: Event, seed: int) -> Iterator[list[Ballot]]:
    """Yield the votes of each tick: by chance, as many as the arrival curve says, repeats among them."""
    random = np.random.default_rng(seed)
    edges = np.arange(0, event.duration_seconds + _TICK_SECONDS, _TICK_SECONDS)
    shares = np.array(event.poll_shares)
    voters = 0
    earlier: list[tuple[int, str]] = []
    for mean in np.diff(event.sent(edges)):
        tick = []
        for _ in range(random.poisson(mean)):
            if earlier and random.random() < event.repeats:
                poll, voter = earlier[random.integers(len(earlier))]
            else:
                poll, voter = int(random.choice(len(shares), p=shares)), f"rehearsal-{seed}-{voters}"
                voters += 1
                earlier.append((poll, voter))
            tick.append(Ballot(poll, int(random.integers(event.options_per_poll)), voter))
        yield tick


def send(client: "KinesisClient", stream: str, polls: Sequence[Poll], ticks: Iterable[list[Ballot]]) -> Sent:
    """Put votes into the stream, a tenth of a second's at a time, as the front door would.

    Raises:
        RehearsalFailed: the stream does not take them.
    """
    votes, rows = 0, set()
    began = time.monotonic()
    for number, tick in enumerate(ticks, 1):
        for part in batched(tick, _RECORDS_PER_CALL, strict=False):
            _put(client, stream, [_record(polls[ballot.poll], ballot) for ballot in part])
        votes += len(tick)
        rows |= {(ballot.poll, ballot.voter) for ballot in tick}
        time.sleep(max(0.0, began + number * _TICK_SECONDS - time.monotonic()))
    return Sent(votes, len(rows), time.monotonic() - began)


def _record(poll: Poll, ballot: Ballot) -> "PutRecordsRequestEntryTypeDef":
    data = {"poll_id": poll.poll_id, "option": poll.options[ballot.option].id}
    return {"PartitionKey": ballot.voter, "Data": json.dumps(data).encode()}


def _put(client: "KinesisClient", stream: str, records: "list[PutRecordsRequestEntryTypeDef]") -> None:
    answer = client.put_records(StreamName=stream, Records=records)
    if answer["FailedRecordCount"]:
        raise RehearsalFailed(
            f"the stream refused {answer['FailedRecordCount']} of {len(records)} votes: rehearse a lower rate"
        )


def check(event: Event) -> None:
    """Refuse what is no rehearsal.

    Raises:
        Nonsense: too many votes, or too long.
    """
    if event.votes > MOST_VOTES or event.duration_seconds > LONGEST_SECONDS:
        raise Nonsense(
            f"a rehearsal has at most {MOST_VOTES:,} votes in {LONGEST_SECONDS:g} s, not {event.votes:,.0f} in "
            f"{event.duration_seconds:g} s; what it shows does not depend on how many there are"
        )


def rehearse(target: Target, event: Event, settings: Deployment, seed: int) -> RealRun:
    """Send an event's votes through a deployment that is otherwise idle, and return what was measured.

    Raises:
        RehearsalFailed: votes are refused, or not processed in time.
    """
    desk, reader = PollDesk(target.polls_table), CountReader(target)
    kinesis, logs = boto3.client("kinesis"), boto3.client("logs")
    number = desk.now_ms()
    polls = _open_polls(desk, f"rehearsal-{number}", event)
    warming, *voted = polls
    # Every lane's function has started before anything is measured.
    warm = [
        [Ballot(0, 0, f"warming-{n}") for n in range(_WARMING_VOTES * (settings.stream.shard_count or 4))]
    ]
    send(kinesis, target.stream_name, [warming], warm)
    _wait(lambda: reader.stored(warming).total() == len(warm[0]) == reader.live(warming.poll_id).total)
    invoking = _invoking_seconds(target.vote_writer_function, warming)
    time.sleep(1)  # the invocation under way has logged its end
    since_ms = desk.now_ms()
    sent = send(kinesis, target.stream_name, voted, ballots(event, number + seed))
    _wait(lambda: sum(reader.live(poll.poll_id).total for poll in voted) == sent.votes)
    _wait(lambda: sum(reader.stored(poll).total() for poll in voted) == sent.rows)

    def done() -> tuple[Work, Work]:
        return work(logs, target.vote_writer_function, since_ms), work(
            logs, target.vote_aggregator_function, since_ms
        )

    _wait(lambda: all(found.counts[Metric.VOTES_ACCEPTED] >= sent.votes for found in done()))
    writer, aggregator = done()
    busy = (writer.seconds + aggregator.seconds) / (writer.batches + aggregator.batches)
    as_sent = {
        "duration_seconds": sent.seconds,
        "peak_votes_per_second": sent.votes / sent.seconds / event.fill,
    }
    return RealRun(
        description=f"{sent.votes:,} votes in {sent.seconds:.0f} s through {target.environment!r}",
        event=event.model_copy(update=as_sent),
        deployment=settings,
        surroundings=emulated(busy, invoking) if target.environment == LOCAL else Surroundings(),
        measured=Measured(
            votes_accepted=sent.votes,
            writer_batches=writer.batches,
            vote_write_units=writer.counts[Metric.STATEMENTS_ANSWERED],
            aggregator_batches=aggregator.batches,
            live_rows_written=aggregator.counts[Metric.LIVE_ROWS_WRITTEN],
            writer_seconds=writer.seconds,
            aggregator_seconds=aggregator.seconds,
        ),
    )


def _invoking_seconds(function: str, poll: Poll) -> float:
    """Return what an invocation takes besides its own time, as a caller next to it sees it: the median of a few."""
    client, batches = (
        boto3.client("lambda"),
        measure.events(poll.poll_id, poll.options[0].id, "0", 10, time.time()),
    )
    taken = []
    for event in islice(batches, _DIRECT_INVOCATIONS):
        seconds = measure.invoke(client, function, event, time.perf_counter)
        taken.append(seconds.elapsed - (seconds.reported or seconds.elapsed))
    return max(0.0, median(taken))


def emulated(busy: float, invoking: float) -> Surroundings:
    """Return how the local cloud differs from AWS, of which the model knows nothing.

    It opens a window when it has read a vote, and it reads at fixed intervals: where the invocation ended before
    the next read, the window opens with that, on average (interval - busy)^2 / (2 * interval) later.
    """
    interval = POLL_INTERVAL_SECONDS
    until_read = max(0.0, interval - busy) ** 2 / (2 * interval)
    return Surroundings(
        mapping_poll_interval_seconds=interval, mapping_overhead_seconds=until_read + invoking
    )


def _open_polls(desk: PollDesk, name: str, event: Event) -> list[Poll]:
    """Return a poll for warming up and the event's own, all open."""
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
            raise RehearsalFailed(
                f"not every vote was stored, counted and logged within {PATIENCE_SECONDS:g} s: look at "
                "`votectl ledger` and at the functions' logs, and rehearse where nobody else votes"
            )
        time.sleep(0.3)


@dataclass
class Work:
    """What a function did: batches of votes, and the time of all its invocations."""

    batches: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, message: str) -> None:
        """Add a log line, if it says anything about this."""
        if found := measure.REPORT.search(message):
            self.seconds += float(found[1]) / 1000
        elif message.startswith("{"):
            line: dict[str, Any] = json.loads(message)
            counts = Counter({metric: _number(line[metric]) for metric in Metric if metric in line})
            self.counts += counts
            # A batch of nothing but closing markers is no batch of votes.
            self.batches += bool(counts[Metric.RECORDS_RECEIVED])


def _number(value: float | list[float]) -> int:
    """Return a metric's value, which may stand in a list of its own."""
    return int(value[0] if isinstance(value, list) else value)


def work(client: "CloudWatchLogsClient", function: str, since_ms: int) -> Work:
    """Return what a function has done since a time (epoch ms), from its log."""
    done = Work()
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{function}", startTime=since_ms
    )
    for page in pages:
        for line in page["events"]:
            done.add(line["message"])
    return done
