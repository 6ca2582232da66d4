"""The pace of one lane: even, never faster than its rate, never past a deadline."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vote_writer.folding import Ballot
from vote_writer.writing import (
    STATEMENTS_PER_CALL,
    BallotWriter,
    RecentVersions,
    Statement,
    WriteOperation,
    WriteOutcome,
)
from voting.pacing import Pace, unpaced

FOREVER_MS = 10**9


class Time:
    """A clock that advances with sleep and with calls."""

    def __init__(self) -> None:
        self.now_ms = 5_000.0

    def __call__(self) -> float:
        return self.now_ms

    def sleep(self, duration_ms: float) -> None:
        self.now_ms += duration_ms


class Table:
    """Records the time and number of statements. It gives the prepared answers, and then "written"."""

    def __init__(self, time: Time, answers: list[WriteOutcome] | None = None, call_ms: float = 0) -> None:
        self.sent: list[tuple[float, int]] = []
        self._time = time
        self._answers = answers or []
        self._call_ms = call_ms

    def execute(self, statements: Sequence[Statement]) -> list[WriteOutcome]:
        self.sent.append((self._time.now_ms, len(statements)))
        self._time.sleep(self._call_ms)
        return [self._answers.pop(0) if self._answers else WriteOutcome.WRITTEN] * len(statements)


def ballots(count: int) -> list[Ballot]:
    return [Ballot("poll#1", f"voter-{n}", "yes", "0" * 56, 0, None, "0" * 56) for n in range(count)]


def writer(table: Table, time: Time, writes_per_second: float) -> BallotWriter:
    pace = Pace(writes_per_second, time, time.sleep)
    recent = RecentVersions(lambda: int(time.now_ms))
    return BallotWriter(table, recent, map, time.sleep, jitter=lambda: 0.0, pace=pace)


@given(
    rate=st.floats(0.5, 5_000),
    calls=st.lists(st.tuples(st.integers(1, 25), st.floats(0, 2_000)), min_size=1, max_size=40),
)
def test_no_period_has_more_writes_than_the_rate_and_one_call(
    rate: float, calls: list[tuple[int, float]]
) -> None:
    time = Time()
    pace = Pace(rate, time, time.sleep)
    sent = []
    for writes, idle_ms in calls:
        time.sleep(idle_ms)
        assert pace.admit(writes, lambda: FOREVER_MS)
        sent.append((time.now_ms, writes))

    for first, (begun, _) in enumerate(sent):
        for last in range(first, len(sent)):
            # The last call of a stretch is the "one more": the calls after it pay for its own writes.
            before_it = sum(writes for _, writes in sent[first:last])
            assert before_it <= rate * (sent[last][0] - begun) / 1000 * (1 + 1e-9) + 1e-6


def test_a_backlog_drains_evenly() -> None:
    time = Time()
    table = Table(time, call_ms=7)

    written = writer(table, time, writes_per_second=100).write(ballots(200), lambda: FOREVER_MS)

    assert written.stored == 200
    assert [moment - 5_000 for moment, _ in table.sent] == [250.0 * n for n in range(8)]


def test_the_pace_continues_across_batches() -> None:
    time = Time()
    table = Table(time)
    lane = writer(table, time, writes_per_second=100)

    for batch in (ballots(25), ballots(60)[25:], ballots(70)[60:]):
        lane.write(batch, lambda: FOREVER_MS)

    assert [moment - 5_000 for moment, _ in table.sent] == [0, 250, 500, 600]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(WriteOutcome.DUPLICATE, id="changed-vote"),
        pytest.param(WriteOutcome.THROTTLED, id="throttled"),
        pytest.param(WriteOutcome.UNAVAILABLE, id="failed-in-passing"),
    ],
)
def test_a_vote_sent_twice_counts_twice(first: WriteOutcome) -> None:
    time = Time()
    table = Table(time, answers=[first])

    writer(table, time, writes_per_second=10).write(ballots(20), lambda: FOREVER_MS)

    assert [moment - 5_000 for moment, _ in table.sent] == [0, 2_000]


def test_statements_paced_past_the_deadline_are_returned_at_once_and_never_sent() -> None:
    time = Time()
    table = Table(time)
    deadline = time.now_ms + 1_100

    written = writer(table, time, writes_per_second=50).write(
        ballots(500), lambda: round(deadline - time.now_ms)
    )

    assert [moment - 5_000 for moment, _ in table.sent] == [0, 500, 1_000]
    assert written.unwritten == ballots(500)[3 * STATEMENTS_PER_CALL :]
    assert time.now_ms == 6_000, "the rest is the next invocation's; nobody pays for waiting"


# As infra/variables.tf counts them: all votes of a batch are changes, and the call before the batch is waited for.
WRITES_OF_A_BATCH = 2 * 500 + STATEMENTS_PER_CALL


class TableOfOtherVotes(Table):
    """A store that has a row of every voter, written by another process."""

    def execute(self, statements: Sequence[Statement]) -> list[WriteOutcome]:
        super().execute(statements)
        return [
            WriteOutcome.DUPLICATE if statement.operation is WriteOperation.INSERT else WriteOutcome.WRITTEN
            for statement in statements
        ]


@pytest.mark.parametrize(
    ("writes_in_time", "unwritten"),
    [
        pytest.param(WRITES_OF_A_BATCH, 0, id="at-the-limit"),
        pytest.param(WRITES_OF_A_BATCH - STATEMENTS_PER_CALL, 25, id="below-it"),
    ],
)
@pytest.mark.parametrize("rate", [0.5, 20, 1_000])
def test_the_largest_batch_that_terraform_allows_fits_its_invocation(
    rate: float, writes_in_time: int, unwritten: int
) -> None:
    time = Time()
    lane = writer(TableOfOtherVotes(time), time, rate)
    # The batch before: its last call is not paid for yet.
    lane.write(ballots(1_000)[-25:], lambda: FOREVER_MS)
    deadline = time.now_ms + writes_in_time / rate * 1_000

    written = lane.write(ballots(500), lambda: math.ceil(deadline - time.now_ms))

    assert len(written.unwritten) == unwritten
    assert written.changed == 500 - unwritten


def test_a_call_that_is_not_admitted_uses_no_turn() -> None:
    time = Time()
    pace = Pace(10, time, time.sleep)
    assert pace.admit(10, lambda: FOREVER_MS)

    assert not pace.admit(10, lambda: 1_000)

    assert pace.wait_ms() == 1_000


def test_without_a_pace_only_the_deadline_limits() -> None:
    assert unpaced().admit(25, lambda: 1)
    assert not unpaced().admit(25, lambda: 0)
