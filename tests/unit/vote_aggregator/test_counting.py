from collections.abc import Callable

import pytest

from vote_aggregator.counting import count
from vote_aggregator.folding import Addition
from voting.errors import StoreRefused, StoreUnavailable
from voting.records import version_of

SHARD = "shardId-000000000000"


def v(number: int) -> str:
    return version_of(str(number))


def addition(*numbers: int, poll_id: str = "poll-1") -> Addition:
    return Addition(poll_id, SHARD, {v(number): ("option#choice-a", number) for number in numbers})


class Rows:
    """Live rows that hold the numbers counted. ``meanwhile`` runs before each call: other invocations."""

    def __init__(self, *meanwhile: Callable[["Rows"], None] | Exception) -> None:
        self.counted: dict[str, list[int]] = {}
        self.seen: list[str | None] = []
        self._meanwhile = list(meanwhile)

    def reached(self, poll_id: str) -> str:
        return v(max(self.counted.get(poll_id, [0])))

    def add(self, addition: Addition, seen: str | None) -> str | None:
        self.seen.append(seen)
        if self._meanwhile:
            happens = self._meanwhile.pop(0)
            if isinstance(happens, Exception):
                raise happens
            happens(self)
        reached = self.reached(addition.poll_id)
        if reached < addition.first_version if seen is None else reached == seen:
            self.put(*(int(version) for version in addition.records), poll_id=addition.poll_id)
            return None
        return reached

    def put(self, *numbers: int, poll_id: str = "poll-1") -> None:
        self.counted.setdefault(poll_id, []).extend(numbers)


def plenty() -> int:
    return 1


def test_a_new_batch_is_added_with_one_update() -> None:
    rows = Rows()
    done = count([addition(1, 2, 3)], rows, plenty)
    assert (done.counted, done.rows_written, done.uncounted) == (3, 1, ())
    assert rows.seen == [None]


def test_a_redelivered_batch_is_not_counted_again() -> None:
    rows = Rows()
    count([addition(1, 2, 3)], rows, plenty)
    done = count([addition(1, 2, 3)], rows, plenty)
    assert (done.counted, done.already_counted, done.rows_written) == (0, 3, 0)
    assert rows.counted["poll-1"] == [1, 2, 3]


def test_a_batch_with_other_boundaries_adds_only_records_that_the_row_lacks() -> None:
    rows = Rows()
    count([addition(1, 2, 3)], rows, plenty)
    done = count([addition(2, 3, 4, 5)], rows, plenty)
    assert (done.counted, done.already_counted) == (2, 2)
    assert rows.counted["poll-1"] == [1, 2, 3, 4, 5]
    assert rows.seen[-1] == v(3)


def test_a_row_that_changes_between_the_two_updates_is_read_again() -> None:
    rows = Rows(lambda rows: rows.put(1, 2), lambda rows: rows.put(3))
    done = count([addition(1, 2, 3, 4)], rows, plenty)
    assert (done.counted, done.already_counted) == (1, 3)
    assert rows.counted["poll-1"] == [1, 2, 3, 4]
    assert rows.seen == [None, v(2), v(3)]


def test_a_zombie_adds_nothing_after_a_quicker_retry() -> None:
    rows = Rows(lambda rows: rows.put(1, 2, 3, 4))
    assert count([addition(1, 2, 3)], rows, plenty).already_counted == 3
    assert rows.counted["poll-1"] == [1, 2, 3, 4]


def test_rows_of_several_polls_are_independent() -> None:
    rows = Rows()
    count([addition(1, 3), addition(2, poll_id="poll-2")], rows, plenty)
    assert rows.counted == {"poll-1": [1, 3], "poll-2": [2]}


def test_counting_stops_at_the_first_row_that_fails() -> None:
    rows = Rows(lambda _rows: None, StoreUnavailable("tallies can't be written: ThrottlingException"))
    additions = [addition(1, poll_id="poll-1"), addition(2, poll_id="poll-2"), addition(3, poll_id="poll-3")]
    done = count(additions, rows, plenty)
    assert done.uncounted == additions[1:]
    assert done.cause == "tallies can't be written: ThrottlingException"
    assert rows.counted == {"poll-1": [1]}


def test_a_failure_within_a_row_is_retried_from_the_rows_first_record() -> None:
    rows = Rows(lambda rows: rows.put(1), StoreUnavailable("lost"))
    additions = [addition(1, 2)]
    assert count(additions, rows, plenty).uncounted == additions


def test_no_update_is_started_without_time_for_it() -> None:
    rows = Rows()
    additions = [addition(1), addition(2, poll_id="poll-2")]
    remaining = iter([1, 0])
    done = count(additions, rows, lambda: next(remaining))
    assert (done.uncounted, done.cause) == (additions[1:], "the invocation's time is up")


def test_a_permanent_error_is_raised() -> None:
    with pytest.raises(StoreRefused):
        count([addition(1)], Rows(StoreRefused("AccessDeniedException")), plenty)
