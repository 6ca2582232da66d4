"""Unique counts: one vote per voter while a poll is open. Passes over the stored votes write them into rows.

Each bucket of a poll has a row with its last complete count. A bucket's voters never become fewer, because a stored
vote is only replaced, and a pass begins only when the last one has ended (``unique_counter.passes``). So the sum over
the rows never falls either, from one read to the next. An option's number may fall: voters change their minds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from voting.tallies import OPTION_PREFIX, STARTED_AT, UNIQUE_PREFIX


class UniqueCounts(NamedTuple):
    """Voters by the option of their stored vote.

    ``counted_at`` (epoch ms) is when the oldest of the passes began: each vote that was stored by then is included.
    """

    options: Counter[str]
    counted_at: int

    @property
    def voters(self) -> int:
        """The number of voters with a stored vote."""
        return self.options.total()

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Mapping[str, str]]], bucket_count: int) -> Self | None:
        """Sum the rows of a poll, as DynamoDB writes them; return None until each bucket has been counted."""
        counted = {
            bucket: count
            for row in rows
            for bucket, count in [(bucket_in(row), count_in(row))]
            if count is not None
        }
        if not counted.keys() >= set(range(bucket_count)):
            return None
        options: Counter[str] = sum((count.options for count in counted.values()), Counter())
        return cls(options, min(count.counted_at for count in counted.values()))


def bucket_in(row: Mapping[str, Mapping[str, str]]) -> int:
    """Return the bucket of a row."""
    return int(row["entry"]["S"].removeprefix(UNIQUE_PREFIX))


def count_in(row: Mapping[str, Mapping[str, str]]) -> UniqueCounts | None:
    """Return a bucket's last complete count, or None if the first pass has not ended."""
    if STARTED_AT not in row:
        return None
    options = Counter(
        {
            name.removeprefix(OPTION_PREFIX): int(value["N"])
            for name, value in row.items()
            if name.startswith(OPTION_PREFIX)
        }
    )
    return UniqueCounts(options, int(row[STARTED_AT]["N"]))
