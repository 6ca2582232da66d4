"""Polls: what may be voted on and when, and a small cache in front of the polls table."""

import zlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from voting.errors import StoreUnavailable
from voting.records import OptionId, PollId
from voting.texts import STORED, Text, is_stored

MAX_OPTIONS = 200  # one live row holds a number per option; its update expression must stay under 4 KB
DEFAULT_BUCKETS = 64
MS_PER_DAY = 86_400_000
# Every time of a new poll must be before this, 2100-01-01T00:00Z: later ones are typing errors, and Python, DynamoDB's
# TTL and EventBridge Scheduler end at different years.
END_OF_TIME_MS = 4_102_444_800_000


class Visibility(StrEnum):
    """Who may see counts before the poll is final."""

    ALWAYS = "always"
    AFTER_CLOSE = "after_close"
    NEVER = "never"


class Option(BaseModel):
    """One answer of a poll."""

    # A copy with another label is not validated here, but in the poll that it becomes part of.
    model_config = ConfigDict(frozen=True, extra="ignore", revalidate_instances="always")

    id: OptionId
    label: Text


class Poll(BaseModel):
    """One row of the polls table. All times are epoch ms by the cloud's clock.

    ``announced_at`` is the arrival time from which the poll exists for votes. It is a little later than the moment at
    which the row was written. So "unknown_poll" depends on a vote's arrival, and never on when a consumer looked: a
    redelivered record is judged the way it was the first time.
    ``earliest_closes_at`` is set if ``closes_at`` was moved while votes came in: its earliest value since then, which
    decides when the first votes expire.
    ``cancelled_at`` is set if the poll has been cancelled: votes that arrive then or later do not count, and the poll
    never gets a certificate. A cancellation is permanent.
    Additional attributes are ignored, so that an older consumer can read a newer row.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    poll_id: PollId
    title: Text
    options: Annotated[tuple[Option, ...], Field(min_length=2, max_length=MAX_OPTIONS)]
    announced_at: Annotated[int, Field(ge=0)]
    opens_at: int
    closes_at: int
    earliest_closes_at: int | None = None
    cancelled_at: int | None = None
    bucket_count: Annotated[int, Field(ge=1, le=1000)] = DEFAULT_BUCKETS
    visibility: Visibility = Visibility.ALWAYS
    version: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _is_possible(self, info: ValidationInfo) -> Self:
        if len(self.option_ids) != len(self.options):
            raise ValueError("two options have the same id")
        if self.opens_at < self.announced_at:
            raise ValueError("opens_at lies before announced_at")
        if self.closes_at <= self.opens_at:
            raise ValueError("closes_at must lie after opens_at")
        if self.closes_at >= END_OF_TIME_MS and not is_stored(info):
            raise ValueError("closes_at must lie before the year 2100")
        return self

    @classmethod
    def from_stored(cls, item: Mapping[str, Any]) -> Self:
        """Return the poll in a row of the polls table. Rules for new texts and times do not apply to it.

        Raises:
            ValidationError: the row is not a poll.
        """
        return cls.model_validate(item, context=STORED)

    @cached_property
    def option_ids(self) -> frozenset[str]:
        """The ids of the options, for membership tests."""
        return frozenset(option.id for option in self.options)

    @property
    def ends_at(self) -> int:
        """The first arrival (epoch ms) that no longer counts: the end, or the cancellation if it comes first."""
        return self.closes_at if self.cancelled_at is None else min(self.closes_at, self.cancelled_at)

    def votes_expire_at(self, retention_days: int) -> int | None:
        """Return when a vote that is written now may be deleted (epoch ms), or None for never (0 days)."""
        return self.closes_at + retention_days * MS_PER_DAY if retention_days else None

    def first_votes_expire_at(self, retention_days: int) -> int | None:
        """Return from when on a stored vote of this poll may be deleted (epoch ms), or None for never (0 days).

        A row keeps its date, even if the closing time is moved afterwards.
        """
        if not retention_days:
            return None
        first = self.closes_at if self.earliest_closes_at is None else self.earliest_closes_at
        return min(first, self.closes_at) + retention_days * MS_PER_DAY


def bucket_of(voter: str, bucket_count: int) -> int:
    """Return which of a poll's buckets (0 … bucket_count - 1) this voter's vote is stored in."""
    return zlib.crc32(voter.encode()) % bucket_count


def poll_bucket(poll_id: str, bucket: int) -> str:
    """Return the votes table's partition key for one bucket of a poll."""
    return f"{poll_id}#{bucket}"


class PollCache:
    """Polls by id, each looked up at most once per ``ttl_ms``; an unknown poll is remembered as unknown.

    A remembered "unknown" answers only for votes that arrived before the look-up, and for those permanently. A poll
    that was opened a second ago must not be refused until the cache expires, and a poll can't be created for past
    arrivals (``Poll.announced_at``).
    """

    # Votes can name any poll id, so the cache must not grow with invented ones.
    CAPACITY = 10_000
    # The largest difference between our clock and the one that stamps arrivals. A remembered "unknown" is trusted for
    # arrivals that are at least this much older than the look-up. A vote that arrived later than now by more than this
    # is not judged. Kinesis promises no accuracy of its stamps.
    CLOCK_SKEW_MS = 1_000

    def __init__(
        self,
        load: Callable[[Collection[str]], Iterable[tuple[str, Poll | None]]],
        now_ms: Callable[[], int],
        ttl_ms: int,
    ) -> None:
        """Take ``load`` (each id with its poll or None, read strongly consistently), a clock and the TTL."""
        self._load = load
        self._now_ms = now_ms
        self._ttl_ms = ttl_ms
        self._entries: OrderedDict[str, tuple[Poll | None, int]] = OrderedDict()

    def polls_for(self, latest_arrivals: Mapping[str, int]) -> dict[str, Poll | None]:
        """Return each poll, or None for one that does not exist.

        Args:
            latest_arrivals: poll id to the latest arrival (epoch ms) of its votes in the batch.

        Raises:
            StoreUnavailable: from ``load``, whose earlier results are remembered. Or an arrival is ahead of the clock:
                until then a poll may be created or moved, and the same vote would be judged in two ways.
        """
        now = self._now_ms()
        ahead_ms = max(latest_arrivals.values(), default=now) - now
        if ahead_ms > self.CLOCK_SKEW_MS:
            raise StoreUnavailable(
                f"a vote is stamped {ahead_ms} ms ahead of the clock: it is judged after that time"
            )
        answers: dict[str, Poll | None] = {}
        missing: list[str] = []
        for poll_id, latest_arrival in latest_arrivals.items():
            entry = self._entries.get(poll_id)
            if entry is not None and self._answers(entry, latest_arrival, now):
                answers[poll_id] = entry[0]
            else:
                missing.append(poll_id)
        if missing:
            for poll_id, poll in self._load(missing):
                answers[poll_id] = poll
                # "now" was read before the look-up: the entry is at least as new as it claims.
                self._entries[poll_id] = (poll, now)
                self._entries.move_to_end(poll_id)
                if len(self._entries) > self.CAPACITY:
                    self._entries.popitem(last=False)
        return answers

    def _answers(self, entry: tuple[Poll | None, int], latest_arrival: int, now: int) -> bool:
        poll, looked_up_at = entry
        if now < looked_up_at:  # the clock was put back: the entry's age is unknown
            return False
        if poll is None:
            # Permanently: a poll that is created later is announced for later arrivals only.
            return latest_arrival < looked_up_at - self.CLOCK_SKEW_MS
        return now - looked_up_at < self._ttl_ms
