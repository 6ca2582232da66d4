"""The hostile world of the unique counter: passes overlap, die, hang and are throttled, with wrong clocks.

The test stores the votes, so it knows what was stored at each moment. Three promises:

- ``voters`` never falls, whatever the sequence of reads; a slow reader reads row by row during passes.
- ``counted_at`` is correct: the number includes each vote stored by then, and never goes back.
- After the last vote, one undisturbed pass gives the certificate's number, and no earlier pass changes it.
"""

from collections import Counter as Counts
from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from votectl.polls import to_row
from voting.counting import Partial, count_on
from voting.errors import StoreRefused, StoreUnavailable
from voting.polls import Option, Poll, bucket_of, poll_bucket
from voting.tallies import unique_entry
from voting.unique import UniqueCounts
from voting_aws.stored_votes import StoredVoteTable
from world.clock import Clock
from world.cloud import PRIVATE, Violation
from world.containers import POLLS, TABLES, TALLIES, VOTES
from world.dynamodb import FakeDynamoDB, Item
from world.faults import Fault, FunctionStopped
from world.invocations import Invocation
from world.unique import Counter, unique_counts

POLL_ID = "finale"
OPTIONS = ("choice-a", "choice-b", "choice-c")
VOTERS = tuple(f"voter-{number}" for number in range(9))

FAULTS = (
    Fault.NONE,
    Fault.NONE,
    Fault.NONE,
    Fault.SLOW,
    Fault.THROTTLES_ALL,
    Fault.CALL_THROTTLED,
    Fault.CALL_FAILS,
    Fault.UNREACHABLE,
    Fault.PERMISSION_LOST,
    Fault.FAILS_AFTERWARDS,
    Fault.RESPONSE_LOST,
    Fault.FUNCTION_ENDS_BEFORE,
    Fault.FUNCTION_ENDS_AFTER,
)
REFRESH_MS = 10_000
MOST_STEPS = 2_000

any_index = st.integers(0, 20)
ballots = st.lists(st.tuples(st.sampled_from(VOTERS), st.sampled_from(OPTIONS)), min_size=1, max_size=6)


class Running(NamedTuple):
    """An invocation, and the container that it runs in."""

    invocation: Invocation
    counter: Counter


class SlowRead:
    """A viewer's read of one bucket after another while passes run. ``floor``: voters shown before it began."""

    def __init__(self, floor: int, buckets: int) -> None:
        self.floor = floor
        self.rows: list[Item] = []
        self._left = list(range(buckets))

    def read_on(self, database: FakeDynamoDB) -> bool:
        """Read the next row; return whether that was the last."""
        row = database.tables[TALLIES].rows.get((POLL_ID, unique_entry(self._left.pop(0))))
        self.rows += [] if row is None else [dict(row)]
        return not self._left


class UniqueWorld(RuleBasedStateMachine):
    """One schedule of passes, votes and faults."""

    schedules = 0  # how many this process has run
    overwritten = 0  # how often a pass lost its bucket to another one: without some, little is shown

    @initialize(
        buckets=st.integers(1, 3),
        per_page=st.integers(1, 3),
        skews_ms=st.sampled_from([(0,), (-500, 0, 500), (-70_000, 0, 70_000)]),
        early=ballots,
    )
    def a_poll_opens(
        self, buckets: int, per_page: int, skews_ms: tuple[int, ...], early: list[tuple[str, str]]
    ) -> None:
        self.clock = Clock()
        self.database = FakeDynamoDB(TABLES, rows_per_page=per_page)
        self.skews_ms = skews_ms
        self.running: list[Running] = []
        self.counters: list[Counter] = []
        self.reads: list[SlowRead] = []
        self.votes: dict[str, str] = {}
        self.stored_at: dict[str, int] = {}  # when a voter's first vote was stored
        self.shown_voters = 0
        self.shown_counted_at = 0
        self.cancelled = False
        now = self.clock.now_ms
        self.poll = Poll(
            poll_id=POLL_ID,
            title="The finale",
            options=tuple(Option(id=option, label=option) for option in OPTIONS),
            announced_at=now - 200_000,
            opens_at=now - 100_000,
            closes_at=now + 600_000,
            bucket_count=buckets,
        )
        self._store_poll()
        self.votes_are_stored(early)

    @rule(ballots=ballots)
    def votes_are_stored(self, ballots: list[tuple[str, str]]) -> None:
        """First ones, and changes of mind."""
        for voter, option in ballots:
            self.clock.pass_time(1)
            bucket = poll_bucket(POLL_ID, bucket_of(voter, self.poll.bucket_count))
            self.database.tables[VOTES].rows[bucket, voter] = {
                "poll_bucket": {"S": bucket},
                "voter": {"S": voter},
                "option": {"S": option},
            }
            self.votes[voter] = option
            self.stored_at.setdefault(voter, self.clock.now_ms)

    @rule(skew=any_index, start=any_index)
    def an_invocation_begins(self, skew: int, start: int) -> None:
        """As EventBridge starts one each minute, or as a late event does."""
        self._begin(self.skews_ms[skew % len(self.skews_ms)], start)

    @precondition(lambda self: self.running)
    @rule(which=any_index, calls=st.integers(1, 12), fault=st.sampled_from(FAULTS))
    def an_invocation_goes_on(self, which: int, calls: int, fault: Fault) -> None:
        """Some calls go well, and then one may not."""
        running = self.running[which % len(self.running)]
        for _ in range(calls - 1):
            if not running.invocation.ended:
                running.invocation.step()
        if not running.invocation.ended:
            running.invocation.step(fault)
        self._forget_ended()

    @rule(duration_ms=st.sampled_from([10, 1_000, REFRESH_MS + 1, 61_000]))
    def time_passes(self, duration_ms: int) -> None:
        self.clock.pass_time(duration_ms)

    @rule()
    def a_replica_catches_up(self) -> None:
        """Changes what an eventually consistent read returns. The code must not use one."""
        self.database.tables[VOTES].replicate()

    @rule(moves_ms=st.sampled_from([-300_000, 300_000]), title=st.sampled_from(["The finale", "The end"]))
    def the_poll_is_edited(self, moves_ms: int, title: str) -> None:
        closes_at = max(self.poll.opens_at + 1, self.poll.closes_at + moves_ms)
        self.poll = self.poll.model_copy(update={"closes_at": closes_at, "title": title})
        self._store_poll()

    @rule()
    def a_viewer_begins_to_read(self) -> None:
        self.reads.append(SlowRead(self.shown_voters, self.poll.bucket_count))

    @precondition(lambda self: self.reads)
    @rule(which=any_index)
    def a_viewer_reads_on(self, which: int) -> None:
        read = self.reads[which % len(self.reads)]
        if read.read_on(self.database):
            self.reads.remove(read)
            counts = UniqueCounts.of(read.rows, self.poll.bucket_count)
            voters = 0 if counts is None else counts.voters
            if voters < read.floor:
                raise Violation(f"a slow read shows {voters} voters after {read.floor} were shown")

    @invariant()
    def shown_results_are_true(self) -> None:
        """Compare a read of this moment with all earlier reads, and with the stored votes."""
        if not hasattr(self, "poll"):
            return
        counts = unique_counts(self.database, POLL_ID, self.poll.bucket_count)
        if counts is None:
            if self.shown_counted_at:
                raise Violation("a number that was shown is gone")
            return
        if counts.voters < self.shown_voters:
            raise Violation(f"{counts.voters} voters after {self.shown_voters}")
        if counts.counted_at < self.shown_counted_at:
            raise Violation(f"counted at {counts.counted_at} after {self.shown_counted_at}")
        if counts.voters > len(self.votes):
            raise Violation(f"{counts.voters} voters, and only {len(self.votes)} have a stored vote")
        by_then = counts.counted_at - max(map(abs, self.skews_ms))
        included = sum(stored_at < by_then for stored_at in self.stored_at.values())
        if counts.voters < included:
            raise Violation(f"{counts.voters} voters, and {included} were stored by the time that is claimed")
        self.shown_voters, self.shown_counted_at = counts.voters, counts.counted_at

    def teardown(self) -> None:
        """End all faults: one pass succeeds, and then the earlier ones continue."""
        if not hasattr(self, "poll"):
            return
        UniqueWorld.schedules += 1
        self.clock.pass_time(max(0, self.poll.closes_at - self.clock.now_ms))
        # Longer than a lease and than clocks differ.
        self.clock.pass_time(300_000)
        last = self._begin(max(self.skews_ms), 0)
        self._run_to_its_end(last)
        self._must_be_the_certificates("a pass after the last vote")
        for running in self.running:
            self._run_to_its_end(running)
            self.shown_results_are_true()
        self._must_be_the_certificates("passes that woke up after it")
        for counter in self.counters:
            for text in counter.telemetry.warnings:
                _must_be_public(text)

    def _begin(self, skew_ms: int, start: int) -> Running:
        invocation = Invocation(self.clock.pass_time)
        counter = Counter(
            self.database,
            self.clock.skewed(skew_ms),
            invocation.gate,
            invocation.use_time,
            refresh_ms=REFRESH_MS,
            start=start,
        )
        invocation.begin(lambda: counter.run(POLL_ID, invocation.remaining_ms))
        running = Running(invocation, counter)
        self.running.append(running)
        self.counters.append(counter)
        return running

    def _run_to_its_end(self, running: Running) -> None:
        for _ in range(MOST_STEPS):
            if running.invocation.ended:
                break
            running.invocation.step()
        else:
            raise Violation("an invocation does not end")
        self._judge(running)

    def _forget_ended(self) -> None:
        for running in [running for running in self.running if running.invocation.ended]:
            self.running.remove(running)
            self._judge(running)

    def _judge(self, running: Running) -> None:
        """Say whether an invocation may end like this."""
        UniqueWorld.overwritten += running.counter.telemetry.total("BucketsLost")
        outcome = running.invocation.outcome
        assert outcome is not None
        if outcome.error is None:
            return
        allowed: tuple[type[BaseException], ...] = (FunctionStopped, StoreUnavailable)
        if running.invocation.permission_lost:
            allowed += (StoreRefused,)
        if not isinstance(outcome.error, allowed):
            raise Violation(f"an invocation ends with {outcome.error!r}") from outcome.error
        _must_be_public(str(outcome.error))

    def _must_be_the_certificates(self, whose: str) -> None:
        """Compare the shown number with the count of a certificate."""
        votes = StoredVoteTable(self.database.client(), VOTES)
        options: Counts[str] = Counts()
        for bucket in range(self.poll.bucket_count):
            partial = Partial()
            count_on(
                partial,
                poll_bucket(POLL_ID, bucket),
                votes,
                lambda: self.clock.now_ms,
                lambda _duration: None,
                lambda: 1_000_000,
            )
            options += partial.options
        if options != Counts(self.votes.values()):
            raise Violation("the certificate's own count is wrong")
        counts = unique_counts(self.database, POLL_ID, self.poll.bucket_count)
        if counts is None or counts.options != options:
            raise Violation(f"{whose} shows {counts}, and the certificate {dict(options)}")

    def _store_poll(self) -> None:
        row: Item = {name: dict(value) for name, value in to_row(self.poll).items()}
        self.database.tables[POLLS].rows[POLL_ID,] = row


def _must_be_public(text: str) -> None:
    if any(word in text for word in PRIVATE):
        raise Violation(f"a log line tells who voted, or for what: {text}")
