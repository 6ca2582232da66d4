"""Add to live rows exactly once, even if a batch is delivered several times or cut differently.

A live row stores the version of the last record that it has counted. Lambda delivers a shard in order, and
continues only after a batch has succeeded. So the row holds every record up to that version, and none after it.
An update adds a batch on the condition that the row ends before the batch begins. If the condition fails, the
answer holds the row's version. Then only later records are added, on the condition that the row has not changed.
So two parallel invocations (a zombie and its retry) take turns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vote_aggregator.folding import Addition
from voting.errors import StoreUnavailable


class LiveRowStore(Protocol):
    """The live rows of the tallies table."""

    def add(self, addition: Addition, seen: str | None) -> str | None:
        """Add to a row, atomically, and set its last version to the addition's.

        Args:
            addition: what to add; never empty.
            seen: the version that the row must have reached exactly; None: the row is new, or ends
                before the addition begins.

        Returns:
            None when it was added; otherwise the version that the row has reached instead.

        Raises:
            StoreUnavailable: it is unknown whether it was added.
            StoreRefused: it was not added, and a retry would not help.
        """
        ...


@dataclass
class CountingResult:
    """The result of a batch's additions; ``uncounted`` have to be retried.

    Of these, a row may have counted some records before (``already_counted``): ``records_uncounted`` are the rest,
    so that all records of a batch = counted + already counted + uncounted.
    """

    counted: int = 0
    already_counted: int = 0
    rows_written: int = 0
    uncounted: Sequence[Addition] = ()
    records_uncounted: int = 0
    cause: str = ""


def count(
    additions: Sequence[Addition], rows: LiveRowStore, remaining_ms: Callable[[], int]
) -> CountingResult:
    """Add the additions to their rows, in the given order, until one fails or time runs out.

    Args:
        additions: ordered by their first version, one per row.
        rows: the store.
        remaining_ms: the time left for starting a call.
    """
    done = CountingResult()
    for position, addition in enumerate(additions):
        rest, seen = addition, None
        while rest.records:
            try:
                if remaining_ms() <= 0:
                    raise StoreUnavailable("the invocation's time is up")
                reached = rows.add(rest, seen)
            except StoreUnavailable as error:
                # Rows before this one are complete. Their last versions protect their records
                # from a second count when the batch is retried from here on.
                done.uncounted, done.cause = additions[position:], str(error)
                done.records_uncounted = sum(
                    len(addition.records) for addition in (rest, *additions[position + 1 :])
                )
                return done
            if reached is None:
                done.rows_written += 1
                done.counted += len(rest.records)
                break
            behind = rest.after(reached)
            done.already_counted += len(rest.records) - len(behind.records)
            rest, seen = behind, reached
    return done
