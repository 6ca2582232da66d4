from collections.abc import Sequence

import pytest

from unit.vote_writer.conftest import ballot
from vote_writer.folding import Ballot
from vote_writer.writing import (
    FIRST_BACKOFF_MS,
    LONGEST_BACKOFF_MS,
    STATEMENTS_PER_CALL,
    BallotWriter,
    RecentVersions,
    Statement,
    WriteOperation,
    WriteOutcome,
    Written,
)
from voting.errors import StoreRefused


class ScriptedStore:
    """Scripted answers: a list of outcomes per call; the last one is repeated."""

    def __init__(self, *script: WriteOutcome | StoreRefused) -> None:
        self._script = list(script)
        self.calls: list[list[Statement]] = []

    def execute(self, statements: Sequence[Statement]) -> list[WriteOutcome]:
        self.calls.append(list(statements))
        outcome = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(outcome, StoreRefused):
            raise outcome
        return [outcome] * len(statements)

    @property
    def operations(self) -> list[WriteOperation]:
        return [statement.operation for call in self.calls for statement in call]


class Time:
    """A clock that advances only by sleep, and the deadline by it."""

    def __init__(self, limit_ms: float = 60_000) -> None:
        self.now_ms = 0.0
        self.limit_ms = limit_ms
        self.pauses: list[float] = []

    def __call__(self) -> int:
        return round(self.now_ms)

    def sleep(self, duration_ms: float) -> None:
        self.pauses.append(duration_ms)
        self.now_ms += duration_ms

    def remaining(self) -> int:
        return round(self.limit_ms - self.now_ms)


def writer(store: ScriptedStore, time: Time, recent: RecentVersions | None = None) -> BallotWriter:
    return BallotWriter(store, recent or RecentVersions(time), map, time.sleep, jitter=lambda: 1.0)


def write(ballots: list[Ballot], *script: WriteOutcome | StoreRefused) -> tuple[Written, ScriptedStore, Time]:
    store, time = ScriptedStore(*script), Time()
    return writer(store, time).write(ballots, time.remaining), store, time


def test_a_first_vote_is_one_insert() -> None:
    written, store, _time = write([ballot()], WriteOutcome.WRITTEN)
    assert (written.stored, store.operations) == (1, [WriteOperation.INSERT])


def test_a_vote_over_a_row_becomes_an_update_without_a_pause() -> None:
    written, store, time = write([ballot()], WriteOutcome.DUPLICATE, WriteOutcome.WRITTEN)
    assert (written.stored, written.changed) == (0, 1)
    assert store.operations == [WriteOperation.INSERT, WriteOperation.UPDATE]
    assert time.pauses == []


@pytest.mark.parametrize("refusal", [WriteOutcome.NOT_OLDER, WriteOutcome.REFUSED])
def test_a_refused_update_of_an_existing_row_counts_as_already_stored(refusal: WriteOutcome) -> None:
    written, store, _time = write([ballot()], WriteOutcome.DUPLICATE, refusal)
    assert (written.already_stored, written.unwritten) == (1, [])
    assert store.operations == [WriteOperation.INSERT, WriteOperation.UPDATE]


def test_an_insert_that_returns_a_newer_row_needs_no_update() -> None:
    written, store, _time = write([ballot()], WriteOutcome.NOT_OLDER)
    assert (written.already_stored, store.operations) == (1, [WriteOperation.INSERT])


def test_ballots_go_in_calls_of_25() -> None:
    written, store, _time = write([ballot(f"voter-{n}") for n in range(60)], WriteOutcome.WRITTEN)
    assert [len(call) for call in store.calls] == [STATEMENTS_PER_CALL, STATEMENTS_PER_CALL, 10]
    assert written.stored == 60


def test_no_call_is_made_without_ballots() -> None:
    written, store, _time = write([], WriteOutcome.WRITTEN)
    assert (written, store.calls) == (Written(), [])


@pytest.mark.parametrize("trouble", [WriteOutcome.THROTTLED, WriteOutcome.UNAVAILABLE])
def test_waits_double_up_to_a_limit(trouble: WriteOutcome) -> None:
    written, _store, time = write([ballot()], *[trouble] * 8, WriteOutcome.WRITTEN)
    assert time.pauses == [min(FIRST_BACKOFF_MS * 2**n, LONGEST_BACKOFF_MS) for n in range(8)]
    assert written.stored == 1
    assert written.throttled_statements == (8 if trouble is WriteOutcome.THROTTLED else 0)
    assert written.answered_statements == 1


def test_waits_have_random_jitter() -> None:
    store, time = ScriptedStore(WriteOutcome.THROTTLED, WriteOutcome.WRITTEN), Time()
    unlucky = BallotWriter(store, RecentVersions(time), map, time.sleep, jitter=lambda: 0.0)
    unlucky.write([ballot()], time.remaining)
    assert time.pauses == [FIRST_BACKOFF_MS / 2]


def test_votes_still_throttled_at_the_end_are_returned_for_a_retry() -> None:
    written, _store, time = write([ballot("voter-1"), ballot("voter-2")], WriteOutcome.THROTTLED)
    assert [one.voter for one in written.unwritten] == ["voter-1", "voter-2"]
    assert time.remaining() > 0, "it does not sleep through its own end"


def test_no_call_is_started_without_time_for_it() -> None:
    store, time = ScriptedStore(WriteOutcome.WRITTEN), Time(limit_ms=0)
    written = writer(store, time).write([ballot()], time.remaining)
    assert store.calls == []
    assert len(written.unwritten) == 1


def test_an_update_without_time_left_is_returned_for_a_retry() -> None:
    store, time = ScriptedStore(WriteOutcome.DUPLICATE), Time(limit_ms=1)
    remaining = iter([1, 0])
    written = writer(store, time).write([ballot()], lambda: next(remaining))
    assert (len(store.calls), len(written.unwritten)) == (1, 1)


def test_only_what_was_throttled_is_sent_again() -> None:
    class Choosy(ScriptedStore):
        def execute(self, statements: Sequence[Statement]) -> list[WriteOutcome]:
            super().execute(statements)
            first_time = len(self.calls) == 1
            return [
                WriteOutcome.THROTTLED
                if first_time and statement.ballot.voter == "voter-2"
                else WriteOutcome.WRITTEN
                for statement in statements
            ]

    store, time = Choosy(WriteOutcome.WRITTEN), Time()
    writer(store, time).write([ballot("voter-1"), ballot("voter-2"), ballot("voter-3")], time.remaining)
    assert [[statement.ballot.voter for statement in call] for call in store.calls] == [
        ["voter-1", "voter-2", "voter-3"],
        ["voter-2"],
    ]


def test_a_permanent_error_is_raised() -> None:
    with pytest.raises(StoreRefused):
        write([ballot()], StoreRefused("INSERT was refused permanently: AccessDenied"))


def test_every_ballot_is_accounted_for() -> None:
    class Mixed(ScriptedStore):
        def execute(self, statements: Sequence[Statement]) -> list[WriteOutcome]:
            by_voter = {
                "voter-1": WriteOutcome.WRITTEN,
                "voter-2": WriteOutcome.NOT_OLDER,
                "voter-3": WriteOutcome.THROTTLED,
                "voter-4": WriteOutcome.DUPLICATE
                if statements[-1].operation is WriteOperation.INSERT
                else WriteOutcome.WRITTEN,
            }
            return [by_voter[statement.ballot.voter] for statement in statements]

    time = Time(limit_ms=100)
    ballots = [ballot(f"voter-{n}") for n in range(1, 5)]
    written = writer(Mixed(WriteOutcome.WRITTEN), time).write(ballots, time.remaining)
    done = written.stored + written.changed + written.already_stored
    assert done + len(written.unwritten) == len(ballots)


# The memory of a process


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def recent(time: Time) -> RecentVersions:
    return RecentVersions(time)


def rewrite(
    recent: RecentVersions, time: Time, ballot: Ballot, *script: WriteOutcome
) -> tuple[Written, ScriptedStore]:
    store = ScriptedStore(*script)
    return writer(store, time, recent).write([ballot], time.remaining), store


def test_a_change_of_mind_within_minutes_is_one_update(recent: RecentVersions, time: Time) -> None:
    rewrite(recent, time, ballot(version=5), WriteOutcome.WRITTEN)
    written, store = rewrite(recent, time, ballot(version=6), WriteOutcome.WRITTEN)
    assert (written.changed, store.operations) == (1, [WriteOperation.UPDATE])


@pytest.mark.parametrize("version", [4, 5])
def test_a_redelivered_vote_costs_nothing(version: int, recent: RecentVersions, time: Time) -> None:
    rewrite(recent, time, ballot(version=5), WriteOutcome.WRITTEN)
    written, store = rewrite(recent, time, ballot(version=version), WriteOutcome.WRITTEN)
    assert (written.already_stored, store.calls) == (1, [])


def test_a_row_that_was_not_older_is_remembered_with_the_votes_version(
    recent: RecentVersions, time: Time
) -> None:
    rewrite(recent, time, ballot(version=5), WriteOutcome.NOT_OLDER)
    written, store = rewrite(recent, time, ballot(version=5), WriteOutcome.WRITTEN)
    assert (written.already_stored, store.calls) == (1, [])


@pytest.mark.parametrize("trouble", [WriteOutcome.THROTTLED, WriteOutcome.UNAVAILABLE])
def test_unsettled_votes_are_not_remembered(
    trouble: WriteOutcome, recent: RecentVersions, time: Time
) -> None:
    rewrite(recent, time, ballot(version=5), trouble)
    assert recent.get(ballot(version=5)) is None


def test_a_remembered_row_that_has_expired_is_inserted_again(recent: RecentVersions, time: Time) -> None:
    rewrite(recent, time, ballot(version=5), WriteOutcome.WRITTEN)
    written, store = rewrite(recent, time, ballot(version=6), WriteOutcome.REFUSED, WriteOutcome.WRITTEN)
    assert (written.stored, store.operations) == (1, [WriteOperation.UPDATE, WriteOperation.INSERT])


def test_a_remembered_row_that_is_newer_by_now_is_not_written(recent: RecentVersions, time: Time) -> None:
    rewrite(recent, time, ballot(version=5), WriteOutcome.WRITTEN)
    script = (WriteOutcome.REFUSED, WriteOutcome.DUPLICATE, WriteOutcome.REFUSED)
    written, store = rewrite(recent, time, ballot(version=6), *script)
    assert written.already_stored == 1
    assert store.operations == [WriteOperation.UPDATE, WriteOperation.INSERT, WriteOperation.UPDATE]


def test_the_memory_of_versions_expires_after_minutes(recent: RecentVersions, time: Time) -> None:
    rewrite(recent, time, ballot(version=5), WriteOutcome.WRITTEN)
    time.now_ms += RecentVersions.TRUSTED_MS - 1
    assert recent.get(ballot()) is not None
    time.now_ms += 1
    assert recent.get(ballot()) is None


def test_the_memory_of_versions_is_not_used_after_the_clock_was_set_back(
    recent: RecentVersions, time: Time
) -> None:
    rewrite(recent, time, ballot(version=5), WriteOutcome.WRITTEN)
    time.now_ms -= 1
    assert recent.get(ballot()) is None


def test_an_emptied_table_is_filled_again_by_a_replay(recent: RecentVersions, time: Time) -> None:
    """An expired version must not become valid again with the next written vote."""
    rewrite(recent, time, ballot(version=9), WriteOutcome.WRITTEN)
    time.now_ms += RecentVersions.TRUSTED_MS
    time.limit_ms += RecentVersions.TRUSTED_MS
    rewrite(recent, time, ballot(version=1), WriteOutcome.WRITTEN)
    written, store = rewrite(recent, time, ballot(version=5), WriteOutcome.WRITTEN)
    assert (written.changed, store.operations) == (1, [WriteOperation.UPDATE])


def test_the_memory_of_versions_forgets_the_oldest_rows(
    recent: RecentVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RecentVersions, "CAPACITY", 2)
    recent.remember([ballot("voter-1"), ballot("voter-2")])
    recent.remember([ballot("voter-1")])
    recent.remember([ballot("voter-3")])
    known = [voter for voter in ("voter-1", "voter-2", "voter-3") if recent.get(ballot(voter))]
    assert known == ["voter-1", "voter-3"]
