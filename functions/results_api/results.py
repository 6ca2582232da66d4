"""A poll's results: its status, its counts, and which of them may be shown.

Counts never go backwards between two reads. Each live row only grows, every read is strongly consistent,
and nothing is cached between requests: two containers with a cache each would alternate between newer
and older counts. Once there is a final entry, only that is shown, and it never changes.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from voting.errors import PollCancelled
from voting.final import Final
from voting.live import LiveCounts
from voting.polls import Poll, Visibility
from voting.unique import UniqueCounts

# Within this time of a final result, the tally counts again, unless recounts are off.
RECOUNTED_WITHIN_MS = 24 * 3_600_000


class Status(StrEnum):
    """The status of a poll."""

    SCHEDULED = "scheduled"  # it opens later
    OPEN = "open"
    CLOSING = "closing"  # closes_at has passed; votes that arrived before are still being processed
    COUNTING = "counting"  # closing markers are on their way, or the stored votes are being counted
    FINAL = "final"
    CANCELLED = "cancelled"  # an operator withdrew it: it has no result


class ResultSource(Protocol):
    """A poll's counts, as stored. Every answer is at least as new as its question."""

    def final(self, poll_id: str) -> Final | None:
        """Return the poll's final result, once there is one.

        Raises:
            PollCancelled: the poll was cancelled.
        """
        ...

    def recounts(self, poll_id: str) -> Sequence[Final]:
        """Return the later counts of a final poll, in order."""
        ...

    def is_draining(self, poll_id: str) -> bool:
        """Say whether closing markers have been ordered for this poll."""
        ...

    def live(self, poll: Poll) -> tuple[LiveCounts, UniqueCounts | None]:
        """Return the poll's live counts, and one vote per voter: None until each of its buckets has been counted."""
        ...


class Stage(NamedTuple):
    """A poll's status, with the final result if there is one."""

    status: Status
    final: Final | None

    @property
    def is_over(self) -> bool:
        """Whether nothing changes any more."""
        return self.status in (Status.FINAL, Status.CANCELLED)


class OptionResult(NamedTuple):
    """One line of a result."""

    option: str
    label: str
    votes: int


class Counts(NamedTuple):
    """Counts in the poll's order of options, and rejected records by reason.

    ``as_of`` is epoch ms: live, the latest arrival that was counted (None: no vote yet), else the certificate's time.
    """

    options: tuple[OptionResult, ...]
    rejected: Mapping[str, int]
    as_of: int | None

    @property
    def total(self) -> int:
        """The sum of the votes."""
        return sum(option.votes for option in self.options)


class UniqueResult(NamedTuple):
    """One vote per voter, in the poll's order of options.

    ``counted_at`` is epoch ms: each vote that was stored by then is included. Of a final result it is the
    certificate's, by which all votes had been counted.
    """

    options: tuple[OptionResult, ...]
    counted_at: int

    @property
    def voters(self) -> int:
        """All voters of the lines above."""
        return sum(option.votes for option in self.options)


class Result(NamedTuple):
    """A poll's result at one moment; ``counts`` is None while they are hidden.

    ``unique`` is None, too, until the first full pass, and before the final where voters are not counted live.
    ``recounts`` go with a final result, and ``is_lasting`` says whether no more of them are expected.
    """

    poll: Poll
    stage: Stage
    counts: Counts | None
    unique: UniqueResult | None = None
    recounts: tuple[Final, ...] = ()
    is_lasting: bool = False


def stage_of(poll: Poll, tallies: ResultSource, now_ms: int) -> Stage:
    """Return the status of a poll at ``now_ms`` (the cloud's time)."""
    if poll.cancelled_at is not None:
        return Stage(Status.CANCELLED, None)
    if now_ms < poll.opens_at:
        return Stage(Status.SCHEDULED, None)
    if now_ms < poll.closes_at:
        return Stage(Status.OPEN, None)
    try:
        final = tallies.final(poll.poll_id)
    except PollCancelled:  # the poll's own row is changed a moment later
        return Stage(Status.CANCELLED, None)
    if final is not None:
        return Stage(Status.FINAL, final)
    return Stage(Status.COUNTING if tallies.is_draining(poll.poll_id) else Status.CLOSING, None)


def as_certified(poll: Poll, final: Final | None) -> Poll:
    """Return the poll with the title and labels of its certificate, which edits cannot change."""
    if final is None:
        return poll
    labels = {count.option: count.label for count in final.counts}
    options = tuple(
        option.model_copy(update={"label": labels.get(option.id) or option.label}) for option in poll.options
    )
    return poll.model_copy(update={"title": final.title or poll.title, "options": options})


def are_visible(visibility: Visibility, status: Status) -> bool:
    """Return whether a poll's counts are public now."""
    if status is Status.CANCELLED:
        return False
    match visibility:
        case Visibility.ALWAYS:
            return True
        case Visibility.AFTER_CLOSE:
            return status in (Status.CLOSING, Status.COUNTING, Status.FINAL)
        case Visibility.NEVER:
            return status is Status.FINAL


def result_of(poll: Poll, tallies: ResultSource, now_ms: int, *, show_hidden: bool = False) -> Result:
    """Return a poll's result at ``now_ms``; ``show_hidden`` is for the poll's operators."""
    stage = stage_of(poll, tallies, now_ms)
    poll = as_certified(poll, stage.final)
    if not show_hidden and not are_visible(poll.visibility, stage.status):
        return Result(poll, stage, None)
    if stage.final is not None:
        final = stage.final
        rejected = {str(reason): count for reason, count in final.rejected.items()}
        lines = _in_order(poll, final.votes)
        recounts = tuple(tallies.recounts(poll.poll_id))
        return Result(
            poll,
            stage,
            Counts(lines, rejected, final.certified_at),
            UniqueResult(lines, final.proof.counted_at),
            recounts,
            bool(recounts) or now_ms > final.certified_at + RECOUNTED_WITHIN_MS,
        )
    live, unique = tallies.live(poll)
    return Result(
        poll,
        stage,
        Counts(_in_order(poll, live.options), live.rejected, live.as_of),
        unique and UniqueResult(_in_order(poll, unique.options), unique.counted_at),
    )


def _in_order(poll: Poll, votes: Mapping[str, int]) -> tuple[OptionResult, ...]:
    return tuple(OptionResult(option.id, option.label, votes.get(option.id, 0)) for option in poll.options)
