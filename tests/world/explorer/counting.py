"""A small world of the unique counter: its real code, one call at a time, while votes are stored and passes overlap."""

from collections import Counter as Counts
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any, NamedTuple, cast

from unique_counter.passes import LEASE_MS
from voting.errors import StoreUnavailable
from voting.polls import bucket_of, poll_bucket
from voting.tallies import UNIQUE_PREFIX
from voting.unique import UniqueCounts
from world.clock import START_MS
from world.containers import TALLIES
from world.dynamodb import FakeDynamoDB
from world.explorer.code import Code
from world.explorer.connection import PLENTY_MS, Stopped
from world.explorer.scope import CLOSES_MS, OPTIONS, POLL
from world.explorer.search import Broken
from world.explorer.state import Answer, Ballot, Call, Rows
from world.model import PollRow
from world.unique import Counter

type Move = tuple[str, Callable[[], CountingState]]

DIES = "dies"
REFRESH_MS = 10_000
FOREVER_MS = 3_600_000


@dataclass(frozen=True)
class CountingScope:
    """The parts of a small world of the unique counter. Its table returns one vote per page.

    Attributes:
        ballots: votes, each stored at any moment.
        buckets: of the poll.
        passes: how many invocations begin, at any moment. Two of them run at once at most.
        waits: how often so much time passes that a lease expires.
        ahead_ms: how far each invocation's clock is ahead, in their order.
        faults: that may happen.
        faults_at_most: in a schedule.
    """

    ballots: tuple[Ballot, ...]
    buckets: int = 1
    passes: int = 2
    waits: int = 1
    ahead_ms: tuple[int, ...] = (0, 0, 0)
    faults: tuple[str, ...] = ()
    faults_at_most: int = 2


class Pass(NamedTuple):
    """A running invocation: its number, the answers to its calls, and the call that it waits at."""

    number: int
    answers: tuple[Answer, ...] = ()
    call: Call | None = None


@dataclass(frozen=True)
class CountingState:
    """Everything that differs from moment to moment. ``shown``: voters, and the time of the count, shown last."""

    now_ms: int
    to_store: tuple[int, ...]
    stored_at: tuple[tuple[str, int], ...]
    votes: Rows
    tallies: Rows
    passes: tuple[Pass, ...]
    begun: int
    waits_left: int
    faults_left: int
    shown: tuple[int, int] = (0, 0)

    def then(self, **changes: Any) -> "CountingState":
        """Return the state with these changes."""
        return replace(self, **changes)


class CountingWorld:
    """``search.Graph`` of a scope."""

    def __init__(self, scope: CountingScope) -> None:
        self.scope = scope
        self._poll = PollRow(POLL, OPTIONS, START_MS - 10_000, START_MS - 10_000, CLOSES_MS, scope.buckets)
        self._code = Code(self._poll, rows_per_page=1)
        self._went: dict[Hashable, tuple[Rows, Rows, Pass | None]] = {}

    def start(self) -> CountingState:
        """Return the state before the first vote."""
        scope = self.scope
        to_store = tuple(range(len(scope.ballots)))
        return CountingState(START_MS, to_store, (), {}, {}, (), 0, scope.waits, scope.faults_at_most)

    def key(self, state: CountingState) -> Hashable:
        """Return the key of a state."""
        return (
            state.now_ms,
            state.to_store,
            state.stored_at,
            self._code.rows(state.votes),
            self._code.rows(state.tallies),
            tuple(sorted(self._number(one) for one in state.passes)),
            (state.begun, state.waits_left, state.faults_left),
            state.shown,
        )

    def _number(self, one: Pass) -> int:
        return self._code.numbers.of_object(one, lambda one: (one.number, repr(one.answers), repr(one.call)))

    def steps(self, state: CountingState) -> Iterator[tuple[str, CountingState | Broken]]:
        """Yield the possible next steps."""
        for label, move in self._moves(state):
            try:
                yield label, self._seen(move())
            except Broken as error:
                yield label, error

    def _moves(self, state: CountingState) -> Iterator[Move]:
        for position in state.to_store:
            yield f"vote {position} is stored", partial(self._stored, state, position)
        if state.begun < self.scope.passes and len(state.passes) < 2:
            begun = state.then(begun=state.begun + 1)
            yield f"pass {state.begun} begins", partial(self._goes_on, begun, Pass(state.begun), state.passes)
        if state.waits_left:
            later = {"now_ms": state.now_ms + LEASE_MS + 1, "waits_left": state.waits_left - 1}
            yield "a lease's time passes", partial(state.then, **later)
        for at, one in enumerate(state.passes):
            others = state.passes[:at] + state.passes[at + 1 :]
            assert one.call is not None
            name = f"pass {one.number}: {one.call.name}"
            yield name, partial(self._goes_on, state, one, others)
            if state.faults_left:
                less = state.then(faults_left=state.faults_left - 1)
                for fault in self.scope.faults:
                    if fault == DIES:
                        yield f"pass {one.number} {DIES}", partial(less.then, passes=others)
                    else:
                        yield f"{name} is {fault}", partial(self._goes_on, less, one, others, fault)

    def _stored(self, state: CountingState, position: int) -> CountingState:
        ballot = self.scope.ballots[position]
        bucket = poll_bucket(POLL, bucket_of(ballot.voter, self.scope.buckets))
        row = {"poll_bucket": {"S": bucket}, "voter": {"S": ballot.voter}, "option": {"S": ballot.option}}
        known = dict(state.stored_at)
        return state.then(
            to_store=tuple(other for other in state.to_store if other != position),
            stored_at=tuple(sorted((known | {ballot.voter: known.get(ballot.voter, state.now_ms)}).items())),
            votes={**state.votes, (bucket, ballot.voter): row},
        )

    def _goes_on(
        self, state: CountingState, one: Pass, others: tuple[Pass, ...], fault: str = ""
    ) -> CountingState:
        key = (
            state.now_ms,
            self._number(one),
            self._code.rows(state.votes),
            self._code.rows(state.tallies),
            fault,
        )
        if key not in self._went:
            self._went[key] = self._run(state, one, fault)
        votes, tallies, after = self._went[key]
        return state.then(votes=votes, tallies=tallies, passes=others if after is None else (*others, after))

    def _run(self, state: CountingState, one: Pass, fault: str = "") -> tuple[Rows, Rows, Pass | None]:
        """Carry out the call that a pass waits at, and run its code to its next call or its end."""
        votes, tallies, connection = state.votes, state.tallies, self._code.connection
        answers = one.answers
        if one.call is not None:
            votes, tallies, answer = self._code.carry_out(one.call, votes, tallies, fault)
            answers = (*answers, answer)
        connection.load(answers)

        def inline(call: Call) -> Answer | None:
            if call.name == "now":
                return Answer(state.now_ms + self.scope.ahead_ms[one.number])
            if call.name == "get_item" or (call.name == "query" and call.arguments["TableName"] == TALLIES):
                return self._code.carry_out(call, votes, tallies)[2]
            return None

        connection.inline = inline
        try:
            self._counter(one.number).run(POLL, lambda: 0 if connection.time_up else PLENTY_MS)
        except Stopped as stopped:
            return votes, tallies, Pass(one.number, tuple(connection.answers), stopped.call)
        except StoreUnavailable:
            return votes, tallies, None  # the schedule starts another one
        except Exception as error:
            raise Broken(f"this escaped from the unique counter: {error!r}") from error
        return votes, tallies, None

    def _counter(self, number: int) -> Counter:
        connection, leases = self._code.connection, count()

        def sleep(_duration_ms: float) -> None:
            connection.time_up = True  # an invocation that waits has nothing to do any more

        tables = cast("FakeDynamoDB", _Tables(self._code.client))
        counter = Counter(
            tables, lambda: cast("int", connection.call("now")), sleep_ms=sleep, refresh_ms=REFRESH_MS
        )
        counter.runtime = replace(counter.runtime, new_lease=lambda: f"lease-{number}-{next(leases)}")
        return counter

    # Promises

    def _seen(self, state: CountingState) -> CountingState:
        """Let a viewer read; compare the result with all earlier reads, and with the stored votes."""
        counts = self._counts(state.tallies)
        voters, counted_at = state.shown
        if counts is None:
            if counted_at:
                raise Broken("a number that was shown is gone")
            return state
        if counts.voters < voters or counts.counted_at < counted_at:
            raise Broken(f"{counts.voters} voters at {counts.counted_at}, after {voters} at {counted_at}")
        by_then = counts.counted_at - max(map(abs, self.scope.ahead_ms))
        included = sum(moment < by_then for _, moment in state.stored_at)
        if not included <= counts.voters <= len(state.stored_at):
            raise Broken(f"{counts.voters} voters, {included} of {len(state.stored_at)} were stored by then")
        return state.then(shown=(counts.voters, counts.counted_at))

    def check(self, state: CountingState, *, last: bool) -> None:
        """In the end, an undisturbed pass gives what the certificate says."""
        if not last:
            return
        after: Pass | None = Pass(0)
        later = state.then(now_ms=state.now_ms + FOREVER_MS)
        while after is not None:
            votes, tallies, after = self._run(later, after)
            later = later.then(votes=votes, tallies=tallies)
        counts = self._counts(later.tallies)
        wanted = Counts(row["option"]["S"] for row in state.votes.values())
        if (counts.options if counts else Counts()) != wanted:
            raise Broken(f"a pass after the last vote shows {counts}, and the certificate {dict(wanted)}")

    def _counts(self, tallies: Rows) -> UniqueCounts | None:
        rows = [row for (_, entry), row in tallies.items() if entry.startswith(UNIQUE_PREFIX)]
        return UniqueCounts.of(rows, self.scope.buckets)


class _Tables(NamedTuple):
    """The tables on a connection, as ``Counter`` asks for them."""

    at_the_end: Any

    def client(self, _gate: object) -> Any:
        return self.at_the_end
