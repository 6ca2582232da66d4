"""Passes over a poll's stored votes, bucket by bucket, one pass of a bucket at a time.

A schedule starts an invocation a minute for each poll. It counts the buckets that are due, waits for the next ones
within its minute, and ends. A pass that takes longer than a minute gets help: each new invocation counts buckets that
no other invocation is counting, until nothing is due or its time is up.

The lease in a bucket's row keeps the numbers from falling. A pass takes it before its first read, and writes its count
only if it still holds it. So a stored count's pass began after the pass before it had ended, and read all of its
voters. A lease that expires early, because of a wrong clock or a slow call, only costs a pass.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from voting.counting import BucketReader, Partial, VotePage, count_on
from voting.errors import StoreUnavailable
from voting.live import LiveCounts
from voting.metrics import Metric, Telemetry
from voting.pacing import Pace
from voting.polls import Poll, poll_bucket
from voting.unique import UniqueCounts

type Clock = Callable[[], int]  # in ms

# How long a bucket's count may take. A pass that dies blocks its bucket for as long.
LEASE_MS = 60_000

# How often the schedule starts an invocation. Later buckets are left to the next one.
PERIOD_MS = 60_000

# Pause before the next try if no bucket could be counted.
PAUSE_MS = 1_000


class BucketState(NamedTuple):
    """A bucket's row: its last complete count (None: not yet), and until when it is leased (epoch ms)."""

    counted: UniqueCounts | None = None
    lease_until: int | None = None


class Lease(NamedTuple):
    """The right to count a bucket. Times are epoch ms, by the clock of its holder.

    Attributes:
        id: no other lease has it.
        from_ms: when it is taken.
        until_ms: after this, another pass may take it.
        due_ms: it can be taken only if the bucket's last count began before.
    """

    id: str
    from_ms: int
    until_ms: int
    due_ms: int


class UniqueRows(Protocol):
    """The tallies table, as passes use it. Each read is strongly consistent.

    Raises, in every method:
        StoreUnavailable: the table throttles or fails on its side; a write may have happened.
    """

    def is_over(self, poll_id: str) -> bool:
        """Say whether the poll is final or cancelled."""
        ...

    def buckets(self, poll_id: str) -> Mapping[int, BucketState]:
        """Return the state of each bucket that has a row."""
        ...

    def begin(self, poll_id: str, bucket: int, lease: Lease) -> bool:
        """Take a bucket's lease; return False if another pass holds it, or has counted the bucket since it was due.

        Done again with the same lease it succeeds again.
        """
        ...

    def end(self, poll_id: str, bucket: int, lease: Lease, counted: UniqueCounts) -> bool:
        """Write a bucket's count and release its lease; return False, and change nothing, if it is not held."""
        ...

    def live(self, poll_id: str) -> LiveCounts:
        """Return the live counts."""
        ...


class PollTelemetry(Telemetry, Protocol):
    """Metrics and warnings of the counter."""

    def count_for_poll(self, poll_id: str, counts: Mapping[str, int]) -> None:
        """Emit these counts with the poll as one more dimension."""
        ...


class PassOutcome(StrEnum):
    """How a pass over a bucket ended."""

    COUNTED = "counted"
    BUSY = "busy"  # another pass holds the lease, or has just counted the bucket
    UNFINISHED = "unfinished"  # time or lease ran out, or the table failed
    LOST = "lost"  # the lease had expired, and another pass had taken it


@dataclass(frozen=True)
class CounterRuntime:
    """The state that a container keeps between invocations.

    Attributes:
        load_poll: return a poll, read strongly consistently.
        rows: the tallies table.
        votes: the votes table.
        pace: in read units of the votes table.
        stop_schedule: end the schedule that starts invocations for a poll.
        telemetry: metrics and warnings.
        refresh_ms: how old a bucket's count may become before it is due.
        new_lease: return an id that no other pass has.
        choose: return a random number below the given one: where to begin among the due buckets.
        now_ms: the time, epoch ms.
        sleep_ms: wait.
    """

    load_poll: Callable[[str], Poll | None]
    rows: UniqueRows
    votes: BucketReader
    pace: Pace
    stop_schedule: Callable[[str], None]
    telemetry: PollTelemetry
    refresh_ms: int
    new_lease: Callable[[], str]
    choose: Callable[[int], int]
    now_ms: Clock
    sleep_ms: Callable[[float], None]


class _PacedVotes:
    """A ``BucketReader`` that spends read units at an even rate."""

    def __init__(self, votes: BucketReader, pace: Pace, remaining_ms: Clock) -> None:
        self._votes = votes
        self._pace = pace
        self._remaining_ms = remaining_ms

    def page(self, poll_bucket: str, after: str | None) -> VotePage:
        page = self._votes.page(poll_bucket, after)
        # The cost of a page is known afterwards, so the next page waits for it. No page is read after the deadline.
        self._pace.admit(round(page.read_units), self._remaining_ms)
        return page


def count_voters(poll_id: str, runtime: CounterRuntime, remaining_ms: Clock) -> None:
    """Count the buckets of a poll that are or become due within this invocation's minute.

    Args:
        poll_id: the poll. If it is final or cancelled, its schedule is ended. If it has not opened or does not exist,
            nothing is done, because it may be created soon.
        runtime: what to work with.
        remaining_ms: how long this invocation may still make calls.

    Raises:
        StoreUnavailable: a table can't be read at the moment.
    """
    ends_at = runtime.now_ms() + PERIOD_MS
    first = True
    while remaining_ms() > 0:
        poll = runtime.load_poll(poll_id)
        if poll is None or runtime.now_ms() < poll.opens_at:
            return
        if poll.cancelled_at is not None or runtime.rows.is_over(poll_id):
            runtime.stop_schedule(poll_id)
            return
        states = runtime.rows.buckets(poll_id)
        if first:  # the result of earlier invocations, even if this one fails
            _report(poll, states, runtime, Counter())
            first = False
        next_at = _next_due_at(poll, states, runtime)
        now = runtime.now_ms()
        if next_at <= now:
            done = Counter[str]()
            for bucket in _due(poll, states, runtime):
                if remaining_ms() <= 0:
                    break
                done += _pass(poll, bucket, runtime, remaining_ms)
            _report(poll, runtime.rows.buckets(poll_id), runtime, done)
            if not done[Metric.BUCKETS_COUNTED]:
                runtime.sleep_ms(min(PAUSE_MS, max(0, remaining_ms())))
        elif next_at >= ends_at or next_at - now >= remaining_ms():
            return
        else:
            runtime.sleep_ms(next_at - now)


def _due_at(state: BucketState, runtime: CounterRuntime) -> int:
    """Return when a bucket can be counted next (epoch ms)."""
    refresh_at = 0 if state.counted is None else state.counted.counted_at + runtime.refresh_ms
    # Or earlier, if the pass that holds the lease ends.
    return refresh_at if state.lease_until is None else max(refresh_at, state.lease_until + 1)


def _next_due_at(poll: Poll, states: Mapping[int, BucketState], runtime: CounterRuntime) -> int:
    return min(_due_at(states.get(bucket, BucketState()), runtime) for bucket in range(poll.bucket_count))


def _due(poll: Poll, states: Mapping[int, BucketState], runtime: CounterRuntime) -> Iterator[int]:
    """Yield the due buckets from a random one on, so that two invocations seldom meet."""
    now, start = runtime.now_ms(), runtime.choose(poll.bucket_count)
    for number in range(poll.bucket_count):
        bucket = (start + number) % poll.bucket_count
        if _due_at(states.get(bucket, BucketState()), runtime) <= now:
            yield bucket


def _pass(poll: Poll, bucket: int, runtime: CounterRuntime, remaining_ms: Clock) -> Counter[str]:
    """Count one bucket; return its metrics."""
    partial = Partial()
    try:
        outcome = _count_bucket(poll, bucket, partial, runtime, remaining_ms)
    except StoreUnavailable as error:
        runtime.telemetry.warn("a bucket could not be counted", cause=str(error), bucket=bucket)
        outcome = PassOutcome.UNFINISHED
    return Counter({OUTCOMES[outcome]: 1, Metric.VOTES_COUNTED: partial.options.total()})


def _count_bucket(
    poll: Poll, bucket: int, partial: Partial, runtime: CounterRuntime, remaining_ms: Clock
) -> PassOutcome:
    now = runtime.now_ms()
    lease = Lease(runtime.new_lease(), now, now + LEASE_MS, now - runtime.refresh_ms + 1)
    if not runtime.rows.begin(poll.poll_id, bucket, lease):
        return PassOutcome.BUSY

    def left_ms() -> int:
        return min(remaining_ms(), lease.until_ms - runtime.now_ms())

    votes = _PacedVotes(runtime.votes, runtime.pace, left_ms)
    key = poll_bucket(poll.poll_id, bucket)
    if not count_on(partial, key, votes, runtime.now_ms, runtime.sleep_ms, left_ms):
        return PassOutcome.UNFINISHED
    counted = UniqueCounts(partial.options, lease.from_ms)
    return PassOutcome.COUNTED if runtime.rows.end(poll.poll_id, bucket, lease, counted) else PassOutcome.LOST


OUTCOMES: Mapping[PassOutcome, Metric] = {
    PassOutcome.COUNTED: Metric.BUCKETS_COUNTED,
    PassOutcome.BUSY: Metric.BUCKETS_BUSY,
    PassOutcome.UNFINISHED: Metric.BUCKETS_UNFINISHED,
    PassOutcome.LOST: Metric.BUCKETS_LOST,
}


def _report(
    poll: Poll, states: Mapping[int, BucketState], runtime: CounterRuntime, done: Counter[str]
) -> None:
    counts = {bucket: state.counted for bucket, state in states.items() if state.counted is not None}
    complete = len(counts) == poll.bucket_count
    since = min(count.counted_at for count in counts.values()) if complete else poll.opens_at
    runtime.telemetry.count(
        dict.fromkeys(OUTCOMES.values(), 0)
        | {Metric.VOTES_COUNTED: 0}
        | done
        | {Metric.UNIQUE_COUNT_AGE: max(0, runtime.now_ms() - since)}
    )
    voters = sum(count.voters for count in counts.values())
    if complete and voters and done:
        votes = runtime.rows.live(poll.poll_id).total
        runtime.telemetry.count_for_poll(
            poll.poll_id, {Metric.VOTES_PER_HUNDRED_VOTERS: round(100 * votes / voters)}
        )
