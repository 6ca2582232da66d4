"""The rules: which records count as votes, and why the others do not."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from voting.errors import InvalidVote
from voting.polls import Poll
from voting.records import Marker, Record, Vote, read_marker, read_vote, version_of


class Reason(StrEnum):
    """Why a record was rejected."""

    UNKNOWN_POLL = "unknown_poll"
    UNKNOWN_OPTION = "unknown_option"
    NOT_OPEN_YET = "not_open_yet"
    CLOSED = "closed"
    MALFORMED = "malformed"


class Accepted(NamedTuple):
    """A vote that counts, with the poll whose rules it passed."""

    vote: Vote
    poll: Poll


class Rejected(NamedTuple):
    """A record that does not count. ``poll_id`` is None if it names no existing poll."""

    version: str
    arrived_at: int
    poll_id: str | None
    reason: Reason


class Judged(NamedTuple):
    """A batch after the rules: every record is in exactly one of the lists, in delivery order.

    Closing markers are not votes: they are neither accepted nor rejected, nor counted as received.
    """

    accepted: list[Accepted]
    rejected: list[Rejected]
    markers: Sequence[Marker] = ()


class PollSource(Protocol):
    """The part of the poll cache that the rules need."""

    def polls_for(self, latest_arrivals: Mapping[str, int]) -> Mapping[str, Poll | None]:
        """Return each poll, or None for one that does not exist (``PollCache.polls_for``)."""
        ...


def reason_to_reject(vote: Vote, poll: Poll | None) -> Reason | None:
    """Return why this vote does not count, or None when it does.

    Only the vote itself, its arrival and the poll decide: never the time of processing. A vote that
    arrived at ``opens_at`` counts, one that arrived at ``closes_at`` does not. In a cancelled poll, votes count
    until ``cancelled_at`` only.
    """
    if poll is None or vote.arrived_at < poll.announced_at:
        return Reason.UNKNOWN_POLL
    if vote.arrived_at < poll.opens_at:
        return Reason.NOT_OPEN_YET
    if vote.arrived_at >= poll.ends_at:
        return Reason.CLOSED
    if vote.option not in poll.option_ids:
        return Reason.UNKNOWN_OPTION
    return None


def judge(records: Iterable[Record], polls: PollSource) -> Judged:
    """Read and judge a batch of records.

    Raises:
        StoreUnavailable: the polls could not be looked up; nothing of the batch has been decided.
    """
    accepted: list[Accepted] = []
    rejected: list[Rejected] = []
    markers: list[Marker] = []
    votes: list[Vote] = []
    latest_arrivals: dict[str, int] = {}
    for record in records:
        try:
            vote = read_vote(record)
        except InvalidVote:
            # Markers are rare: a record is read as a marker only after it failed as a vote.
            if marker := read_marker(record):
                markers.append(marker)
                continue
            rejected.append(Rejected(version_of(record.sequence), record.arrived_at, None, Reason.MALFORMED))
            continue
        votes.append(vote)
        if latest_arrivals.get(vote.poll_id, -1) < vote.arrived_at:
            latest_arrivals[vote.poll_id] = vote.arrived_at
    known = polls.polls_for(latest_arrivals)
    for vote in votes:
        poll = known[vote.poll_id]
        reason = reason_to_reject(vote, poll)
        if reason is None:
            assert poll is not None  # noqa: S101 - for mypy: reason_to_reject has checked it
            accepted.append(Accepted(vote, poll))
        else:
            # Votes for unknown polls are counted together, so that invented ids create no rows.
            named = None if reason is Reason.UNKNOWN_POLL else vote.poll_id
            rejected.append(Rejected(vote.version, vote.arrived_at, named, reason))
    rejected.sort(key=lambda rejection: rejection.version)
    return Judged(accepted, rejected, markers)
