"""A rehearsal: an event's votes put into a deployment's stream, and what its consumers made of them.

What they did is read from their logs, which hold the same lines on AWS and on the local cloud: Lambda's REPORT line
of each invocation, and the metrics of each batch. Nobody else may vote meanwhile: lines name no poll.
"""

import time
from collections.abc import Callable, Sequence
from itertools import islice
from statistics import quantiles
from typing import TYPE_CHECKING

import boto3

from localcloud.parts import POLL_INTERVAL_SECONDS
from votectl.counts import CountReader
from votectl.deployment import LOCAL
from votectl.deployment import Deployment as Target
from votectl.polls import PollDesk
from votectl.settings.deployment import Deployment, Surroundings
from votectl.sizing import measure
from votectl.sizing.demand import Event
from votectl.sizing.errors import Nonsense, RehearsalFailed
from votectl.sizing.logged_work import Work, work
from votectl.sizing.real_run import Measured, RealRun
from votectl.sizing.sending import Ballot, Sent, as_sent, ballots, send
from voting.metrics import Metric
from voting.polls import Option, Poll

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# A rehearsal is no load test: what is compared shows with a few votes.
MOST_VOTES = 100_000
FEWEST_VOTES = 100
LONGEST_SECONDS = 600.0
# From the last vote until all is stored, counted and logged.
PATIENCE_SECONDS = 120.0

_WARMING_VOTES = 20  # per shard
_OPEN_LONGER_MS = 900_000
_DIRECT_INVOCATIONS = 8  # before the event, and after it
_DIRECT_VOTES = 10  # in each of them


def check(event: Event) -> None:
    """Refuse what is no rehearsal.

    Raises:
        Nonsense: too many votes, too few, or too long.
    """
    if event.votes < FEWEST_VOTES:
        raise Nonsense(
            f"a rehearsal of {event.votes:.3g} votes shows chance alone; {FEWEST_VOTES} are the fewest"
        )
    if event.votes > MOST_VOTES or event.duration_seconds > LONGEST_SECONDS:
        raise Nonsense(
            f"a rehearsal has at most {MOST_VOTES:,} votes in {LONGEST_SECONDS:g} s, not {event.votes:,.0f} in "
            f"{event.duration_seconds:g} s; what it shows does not depend on how many there are"
        )


def rehearse(target: Target, event: Event, settings: Deployment, seed: int) -> RealRun:
    """Send an event's votes through a deployment that is otherwise idle, and return what was measured.

    Raises:
        RehearsalFailed: votes are refused, or not processed in time, or somebody else votes.
        Nonsense: the stream has not the shards that the settings say.
    """
    desk, reader = PollDesk(target.polls_table), CountReader(target)
    kinesis, logs = boto3.client("kinesis"), boto3.client("logs")
    check_shards(kinesis, target.stream_name, settings)
    number = desk.now_ms()
    polls = _open_polls(desk, f"rehearsal-{number}", event)
    warming, *voted = polls

    def logged(since_ms: int, written: int, counted: int) -> tuple[Work, Work]:
        """Wait until the functions' logs tell of so many votes, and of the end of every invocation."""
        found: list[Work] = []

        def told() -> bool:
            found[:] = [
                work(logs, name, since_ms)
                for name in (target.vote_writer_function, target.vote_aggregator_function)
            ]
            return all(
                done.invocations >= done.batches and done.counts[Metric.VOTES_ACCEPTED] >= votes
                for done, votes in zip(found, (written, counted), strict=True)
            )

        _wait(told)
        writer, aggregator = found
        return writer, aggregator

    # Every lane's function has started before anything is measured, and its log of that is complete.
    invoking = _invoking_seconds(target.vote_writer_function, warming, "before")
    warm = [
        Ballot(0, 0, f"warming-{voter}")
        for voter in range(_WARMING_VOTES * (settings.stream.shard_count or 4))
    ]
    send(kinesis, target.stream_name, [warming], [warm])
    _wait(lambda: reader.live(warming.poll_id).total == len(warm))
    logged(number, len(warm) + _DIRECT_INVOCATIONS * _DIRECT_VOTES, len(warm))
    since_ms = desk.now_ms() + 1
    sent = send(kinesis, target.stream_name, voted, ballots(event, number + seed))
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
        measured=Measured(
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


def check_shards(client: "KinesisClient", stream: str, settings: Deployment) -> None:
    """Refuse a stream that is not as its settings say.

    Raises:
        Nonsense: it has other shards.
    """
    wanted = settings.stream.shard_count
    shards = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["OpenShardCount"]
    if wanted not in {None, shards}:
        raise Nonsense(
            f"shard_count: the settings say {wanted}, and the stream has {shards} open shards; wait until it is "
            "resized, apply the settings, or name the file that was applied (--tfvars)"
        )


def check_alone(sent: Sent, *done: Work) -> None:
    """Refuse logs that tell of more than was sent.

    Raises:
        RehearsalFailed: somebody else votes, or votes came twice.
    """
    accepted = max(work.counts[Metric.VOTES_ACCEPTED] for work in done)
    if accepted > sent.votes:
        raise RehearsalFailed(
            f"a function accepted {accepted:,} votes, and {sent.votes:,} were sent: somebody else votes, or batches "
            "were delivered again (`votectl doctor`); rehearse where nobody else votes"
        )


def _invoking_seconds(function: str, poll: Poll, run: str) -> list[float]:
    """Return what invocations take besides their own time, as a caller next to them sees it."""
    client, batches = (
        boto3.client("lambda"),
        measure.events(poll.poll_id, poll.options[0].id, run, _DIRECT_VOTES, time.time()),
    )
    taken = []
    for event in islice(batches, _DIRECT_INVOCATIONS):
        seconds = measure.invoke(client, function, event, time.perf_counter)
        taken.append(max(0.0, seconds.elapsed - (seconds.reported or seconds.elapsed)))
    return taken


def emulated(invoking: Sequence[float]) -> tuple[Surroundings, ...]:
    """Return how the local cloud differs from AWS: how often it reads, and what it takes to invoke a function.

    The latter hangs on what else the machine does, so it is between the quartiles of what was measured.
    """
    least, _, most = quantiles(invoking, n=4, method="inclusive")
    return tuple(
        Surroundings(mapping_poll_interval_seconds=POLL_INTERVAL_SECONDS, mapping_overhead_seconds=seconds)
        for seconds in (least, most)
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
