"""Counting one bucket of a poll's stored votes, page by page, in memory that does not grow with them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from voting.errors import StoreUnavailable

FIRST_BACKOFF_MS = 100
LONGEST_BACKOFF_MS = 5_000

# Stands for all seconds before those that are counted separately.
EARLIER = 0


class VotePage(NamedTuple):
    """Part of a bucket: votes by option, the voter to continue after (None: the end), and the read units it cost.

    ``arrivals``: its votes by the second of their arrival (epoch), if the reader was asked for them.
    """

    options: Counter[str]
    last_voter: str | None
    read_units: float = 0.0
    arrivals: Counter[int] = Counter()  # noqa: RUF012 - nothing changes it


class BucketReader(Protocol):
    """The votes table."""

    def page(self, poll_bucket: str, after: str | None) -> VotePage:
        """Return the votes after a voter (None: from the start), read strongly consistently.

        Raises:
            StoreUnavailable: the table throttles or fails on its side.
        """
        ...


@dataclass
class Partial:
    """The count of a bucket so far. ``counted_at`` (epoch ms) is set once it is complete.

    ``arrivals`` counts votes by the second of their arrival from ``arrivals_from`` on, all earlier ones as ``EARLIER``.
    """

    options: Counter[str] = field(default_factory=Counter)
    arrivals: Counter[int] = field(default_factory=Counter)
    arrivals_from: int = 0
    pages: int = 0
    last_voter: str | None = None
    counted_at: int | None = None

    def add(self, page: VotePage, now_ms: int) -> None:
        """Add the next page."""
        self.options += page.options
        for second, votes in page.arrivals.items():
            self.arrivals[second if second >= self.arrivals_from else EARLIER] += votes
        self.pages += 1
        self.last_voter = page.last_voter
        self.counted_at = now_ms if page.last_voter is None else None


def count_on(
    partial: Partial,
    poll_bucket: str,
    votes: BucketReader,
    now_ms: Callable[[], int],
    sleep_ms: Callable[[float], None],
    remaining_ms: Callable[[], int],
) -> bool:
    """Continue the count at ``partial`` until the bucket or the time ends; return whether it is complete.

    Votes do not change after a complete drain, so a bucket may be counted in several calls.
    """
    backoff_ms = FIRST_BACKOFF_MS
    while partial.counted_at is None:
        if remaining_ms() <= 0:
            return False
        try:
            page = votes.page(poll_bucket, partial.last_voter)
        except StoreUnavailable:
            if remaining_ms() <= backoff_ms:
                return False
            sleep_ms(backoff_ms)
            backoff_ms = min(backoff_ms * 2, LONGEST_BACKOFF_MS)
            continue
        backoff_ms = FIRST_BACKOFF_MS
        partial.add(page, now_ms())
    return True
