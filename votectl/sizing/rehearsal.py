"""A rehearsal: send an event's votes through an otherwise idle deployment, and read the consumers' logs.

The logs have Lambda's REPORT line of each invocation, and the metrics of each batch. They carry no poll id.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import batched
from typing import TYPE_CHECKING, NamedTuple

import boto3
import numpy as np

from localcloud.parts import POLL_INTERVAL_SECONDS
from votectl.counts import CountReader
from votectl.deployment import LOCAL, Deployment
from votectl.errors import OperatorError
from votectl.polls import PollStore
from votectl.settings.deployment import DeploymentSettings, Surroundings
from votectl.sizing.calibration import REPORT
from votectl.sizing.event import VotingEvent
from votectl.sizing.evidence import RealRun, RunNumbers
from votectl.sizing.inputs import InvalidInput
from voting.metrics import Metric
from voting.polls import Option, Poll

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

# A rehearsal is not a load test: a few votes show what is compared.
MOST_VOTES, FEWEST_VOTES, LONGEST_SECONDS = 100_000, 100, 600.0
PATIENCE_SECONDS = 120.0  # from the last vote until everything is stored, counted and logged
_OPEN_MS = 1_800_000  # long enough for the longest event, and for everything before and after it
_TICK_SECONDS = 0.1
# The local cloud's time between two invocations depends on the machine's load, so it is a range.
_POLLED = Surroundings(mapping_poll_interval_seconds=POLL_INTERVAL_SECONDS)
_EMULATED = tuple(_POLLED.model_copy(update={"mapping_overhead_seconds": seconds}) for seconds in (0.0, 0.1))

# A vote: its poll's id, an option's id, and a voter.
type Vote = tuple[str, str, str]


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
    if event.votes < FEWEST_VOTES:
        raise InvalidInput(f"a rehearsal needs at least {FEWEST_VOTES} votes, not {event.votes:.3g}")
    if event.votes > MOST_VOTES or event.duration > LONGEST_SECONDS:
        told = f"{event.votes:,.0f} in {event.duration:g} s; a smaller event gives the same comparison"
        most = f"{MOST_VOTES:,} votes in {LONGEST_SECONDS:g} s"
        raise InvalidInput(f"a rehearsal has at most {most}, not {told}")


def rehearse(target: Deployment, event: VotingEvent, settings: DeploymentSettings, seed: int) -> RealRun:
    """Send an event's votes through an otherwise idle deployment, and return the measurements.

    Raises OperatorError: votes are refused, not processed in time, or not the only ones, or the stream has other
    shards than the settings.
    """
    wanted, stream = settings.stream.shard_count, target.stream_name
    summary = boto3.client("kinesis").describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    if wanted not in {None, shards := summary["OpenShardCount"]}:
        raise InvalidInput(
            f"shard_count: the settings say {wanted}, and the stream has {shards} open shards; wait until it "
            "is resized, apply the settings, or name the file that was applied (--tfvars)"
        )
    poll_store, reader = PollStore(target.polls_table), CountReader(target)
    number, accepted = poll_store.now_ms(), Metric.VOTES_ACCEPTED
    options = [Option(id=f"option-{index}", label=f"{index}") for index in range(event.options)]
    ids = (f"rehearsal-{number}-{index}" for index in range(event.polls + 1))
    until = number + _OPEN_MS
    warming, *voted = (desk.create(poll, "A rehearsal", options, None, until) for poll in ids)

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
        raise OperatorError(
            f"a function accepted {most:,} votes, and {votes:,} were sent: others vote, or batches "
            "were delivered again (`votectl doctor`); rehearse on an idle deployment"
        )
    return RealRun(
        description=f"{votes:,} votes in {sent.seconds:.0f} s through {target.environment!r}",
        event=as_sent(event, sent),
        deployment=settings,
        surroundings=_EMULATED if target.environment == LOCAL else (Surroundings(),),
        measured=RunNumbers(
            votes_accepted=votes,
            writer_batches=writer.batches,
            vote_write_units=writer.counts[Metric.STATEMENTS_ANSWERED],
            votes_folded=writer.counts[Metric.VOTES_FOLDED],
            aggregator_batches=aggregator.batches,
            live_rows_written=aggregator.counts[Metric.LIVE_ROWS_WRITTEN],
            writer_seconds=sum(writer.seconds),
            aggregator_seconds=sum(aggregator.seconds),
        ),
    )


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
            raise OperatorError(
                f"not every vote was stored, counted and logged within {PATIENCE_SECONDS:g} s: look at "
                "`votectl ledger` and at the functions' logs, and rehearse on an idle deployment"
            )
        time.sleep(0.3)
