"""Write ballots so that an older vote never replaces a newer one, for one write unit each.

INSERT first: a voter's first vote costs exactly one write unit. If a row exists already, the store
answers "duplicate" and an UPDATE follows, on the condition that the stored version is older. If that
is refused, this vote or a newer one is stored already, and nothing is left to do. Statements that meet
a throttle are retried with backoff until the deadline.
"""

import random
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import batched
from typing import NamedTuple, Protocol

from vote_writer.folding import Ballot
from voting.pacing import Pace, unpaced

STATEMENTS_PER_CALL = 25  # BatchExecuteStatement's limit

FIRST_BACKOFF_MS = 50
LONGEST_BACKOFF_MS = 2_000


class WriteOperation(Enum):
    """How a ballot is written."""

    INSERT = auto()  # only where the voter has no vote in this poll yet
    UPDATE = auto()  # only where the stored version is older


class WriteOutcome(Enum):
    """The store's answer to one statement."""

    WRITTEN = auto()
    DUPLICATE = auto()  # INSERT: there is a row, of unknown version
    NOT_OLDER = auto()  # the row holds this version or a newer one
    REFUSED = auto()  # UPDATE: the row is not older, or does not exist: the store did not say which
    THROTTLED = auto()  # try again later
    UNAVAILABLE = auto()  # transient failure, most often of the whole call; it may have been carried out


class Statement(NamedTuple):
    """One statement of a call. ``row_seen``: an INSERT has just found the row there."""

    operation: WriteOperation
    ballot: Ballot
    row_seen: bool = False


class VoteStore(Protocol):
    """The votes table."""

    def execute(self, statements: Sequence[Statement]) -> list[WriteOutcome]:
        """Carry out up to 25 statements, each on its own; return their outcomes in order.

        Callers may not assume that a statement with outcome UNAVAILABLE did not happen. Called from
        several threads at once.
        """
        ...


type Call = Sequence[Statement]

# The builtin ``map``, or a parallel one. It returns the outcomes in the calls' order.
type MapCalls = Callable[[Callable[[Call], list[WriteOutcome]], Iterable[Call]], Iterable[list[WriteOutcome]]]


@dataclass
class Written:
    """The result of writing a batch's ballots."""

    stored: int = 0
    changed: int = 0
    already_stored: int = 0
    answered_statements: int = 0
    throttled_statements: int = 0
    unwritten: list[Ballot] = field(default_factory=list)


class RecentVersions:
    """The versions that this process has recently seen stored, which saves reads.

    A voter who changes their mind within minutes then costs one write unit instead of two (UPDATE only), and a
    retried vote costs none. A version in the table only grows, so a remembered one can be too old but never
    wrong. The time limit is for an operator who empties the table and replays the stream.
    """

    CAPACITY = 20_000
    TRUSTED_MS = 300_000

    def __init__(self, now_ms: Callable[[], int]) -> None:
        """Take the clock."""
        self._now_ms = now_ms
        self._versions: OrderedDict[tuple[str, str], tuple[str, int]] = OrderedDict()

    def get(self, ballot: Ballot) -> str | None:
        """Return a version that the row is known to have reached, or None."""
        version, seen_at = self._versions.get(ballot.key, (None, 0))
        return version if 0 <= self._now_ms() - seen_at < self.TRUSTED_MS else None

    def remember(self, ballots: Iterable[Ballot]) -> None:
        """Note that the row of each ballot has reached the ballot's version."""
        now = self._now_ms()
        for ballot in ballots:
            # Never the higher of this and the remembered version. That one has expired, or the table would not have
            # been asked, and an expired version must not get a new date.
            self._versions[ballot.key] = (ballot.version, now)
            self._versions.move_to_end(ballot.key)
        while len(self._versions) > self.CAPACITY:
            self._versions.popitem(last=False)


class BallotWriter:
    """Writes batches of ballots through a store, several calls at a time where ``map_calls`` does."""

    def __init__(
        self,
        store: VoteStore,
        recent: RecentVersions,
        map_calls: MapCalls,
        sleep_ms: Callable[[float], None],
        jitter: Callable[[], float] = random.random,
        pace: Pace | None = None,
    ) -> None:
        """Take the store, the recent versions, a ``map`` (of a thread pool, say), sleep, and a pace."""
        self._store = store
        self._recent = recent
        self._map_calls = map_calls
        self._sleep_ms = sleep_ms
        self._jitter = jitter
        self._pace = pace or unpaced()

    def write(self, ballots: Sequence[Ballot], remaining_ms: Callable[[], int]) -> Written:
        """Write ballots of different rows; ``unwritten`` holds those that could not be written in time.

        Args:
            ballots: at most one per row.
            remaining_ms: the time left for starting a call.

        Errors of the store are raised, except throttling and transient failures.
        """
        written = Written()
        pending: list[Statement] = []
        for ballot in ballots:
            known = self._recent.get(ballot)
            if known is None:
                pending.append(Statement(WriteOperation.INSERT, ballot))
            elif known < ballot.version:
                pending.append(Statement(WriteOperation.UPDATE, ballot))
            else:
                written.already_stored += 1
        backoff_ms = FIRST_BACKOFF_MS
        while pending:
            follow_ups, again = self._round(pending, remaining_ms, written)
            pending = follow_ups + again
            # Follow-ups (an UPDATE after "duplicate") need no pause; throttled statements do.
            pause_ms = backoff_ms * (0.5 + 0.5 * self._jitter()) if again else 0
            # Statements whose turn comes after the deadline are left to the next invocation immediately.
            if remaining_ms() <= max(pause_ms, self._pace.wait_ms()):
                break
            if again:
                self._sleep_ms(pause_ms)
                backoff_ms = min(backoff_ms * 2, LONGEST_BACKOFF_MS)
        written.unwritten = [statement.ballot for statement in pending]
        return written

    def _round(
        self, statements: Sequence[Statement], remaining_ms: Callable[[], int], written: Written
    ) -> tuple[list[Statement], list[Statement]]:
        """Send each statement once; return the follow-ups and the statements to retry."""

        def execute(call: Call) -> list[WriteOutcome]:
            # Checked before every call: at a slow pace, a round must not outlive the function.
            in_time = self._pace.admit(len(call), remaining_ms)
            return self._store.execute(call) if in_time else [WriteOutcome.UNAVAILABLE] * len(call)

        follow_ups: list[Statement] = []
        again: list[Statement] = []
        settled: list[Ballot] = []
        calls = list(batched(statements, STATEMENTS_PER_CALL, strict=False))
        for call, outcomes in zip(calls, self._map_calls(execute, calls), strict=True):
            for statement, outcome in zip(call, outcomes, strict=True):
                ballot = statement.ballot
                written.answered_statements += outcome not in (
                    WriteOutcome.THROTTLED,
                    WriteOutcome.UNAVAILABLE,
                )
                match outcome:
                    case WriteOutcome.WRITTEN:
                        if statement.operation is WriteOperation.INSERT:
                            written.stored += 1
                        else:
                            written.changed += 1
                        settled.append(ballot)
                    case WriteOutcome.REFUSED if not statement.row_seen:
                        # Only the memory knew the row: it may have expired since.
                        follow_ups.append(Statement(WriteOperation.INSERT, ballot))
                    case WriteOutcome.NOT_OLDER | WriteOutcome.REFUSED:
                        written.already_stored += 1
                        settled.append(ballot)
                    case WriteOutcome.DUPLICATE:
                        follow_ups.append(Statement(WriteOperation.UPDATE, ballot, row_seen=True))
                    case WriteOutcome.THROTTLED:
                        written.throttled_statements += 1
                        again.append(statement)
                    case WriteOutcome.UNAVAILABLE:
                        again.append(statement)
        self._recent.remember(settled)
        return follow_ups, again
