"""Receipts: whether a receipt's vote is the vote that counts. The choice is never read."""

from enum import StrEnum
from typing import Annotated, NamedTuple, Protocol

from pydantic import StringConstraints

from results_api.results import ResultSource, Status, stage_of
from voting.packs import salt_of
from voting.polls import Poll
from voting.records import version_of

ShardId = Annotated[str, StringConstraints(pattern=r"^shardId-[0-9]{12}$")]
Sequence = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,56}$")]


class Receipt(NamedTuple):
    """The receipt that a voter got with 202: the shard and the sequence number of the vote."""

    shard: str
    sequence: str


class State(StrEnum):
    """The state of a receipt's vote."""

    STORED = "stored"  # it is the voter's vote
    SUPERSEDED = "superseded"  # a later vote of the same voter has replaced it
    PENDING = "pending"  # not decided yet: it waits in the stream, or the poll's rules refuse it
    REFUSED = "refused"  # the poll is final without it: it came too early or too late, or named no option
    CANCELLED = "cancelled"  # the poll was cancelled: no vote counts
    EXPIRED = "expired"  # the poll's votes have been deleted: the state is unknown


class Opening(NamedTuple):
    """Leads anyone to a voter's line in a results pack (docs/results-pack.md), and so proves the choice."""

    poll_id: str
    voter: str
    version: str
    salt: str  # 64 hexadecimal digits


class StoredVotes(Protocol):
    """The votes table, as far as receipts need it."""

    def version(self, poll: Poll, voter: str) -> str | None:
        """Return the version of a voter's stored vote, or None if it does not exist."""
        ...


class FindKey(Protocol):
    """The keys that the salts of results packs are made from."""

    def __call__(self, poll_id: str) -> bytes | None:
        """Return a poll's key, or None if it does not exist."""
        ...


def opening_of(
    receipt: Receipt,
    voter: str,
    poll: Poll,
    state: State,
    tallies: ResultSource,
    now_ms: int,
    find_key: FindKey,
) -> Opening | None:
    """Return the opening of the vote that counts, once the poll is final; None for any other vote or time.

    Args:
        receipt: of the vote.
        voter: the authenticated voter, whose vote it is.
        poll: the poll.
        state: the state of the vote (``state_of``).
        tallies: says whether the poll is final.
        now_ms: the cloud's time.
        find_key: the polls' keys.

    Raises:
        StoreUnavailable: a table or the key can't be read at the moment.
    """
    if state is not State.STORED or stage_of(poll, tallies, now_ms).status is not Status.FINAL:
        return None
    key = find_key(poll.poll_id)
    if key is None:
        return None
    version = version_of(receipt.sequence)
    return Opening(poll.poll_id, voter, version, salt_of(key, voter, version).hex())


def state_of(
    receipt: Receipt,
    voter: str,
    poll: Poll,
    votes: StoredVotes,
    tallies: ResultSource,
    now_ms: int,
    retention_days: int,
) -> State:
    """Return the state of a receipt's vote at ``now_ms``.

    Args:
        receipt: as the front door gave it; its shard says where the vote is, its sequence which one it is.
        voter: the voter of the vote.
        poll: the poll.
        votes: the stored votes.
        tallies: says whether the poll is final.
        now_ms: the cloud's time.
        retention_days: how long after ``closes_at`` votes are kept; 0: permanently.

    Raises:
        StoreUnavailable: a table can't be read at the moment.
    """
    # Read before the vote: every vote that counts was stored before the poll became final, so a vote that is missing
    # afterwards stays missing. In the other order it could be stored in between.
    status = stage_of(poll, tallies, now_ms).status
    if status is Status.CANCELLED:
        return State.CANCELLED
    stored = votes.version(poll, voter)
    version = version_of(receipt.sequence)
    if stored is not None and stored >= version:
        return State.STORED if stored == version else State.SUPERSEDED
    if status is not Status.FINAL:
        return State.PENDING
    expires_at = poll.first_votes_expire_at(retention_days)
    return State.EXPIRED if expires_at is not None and now_ms >= expires_at else State.REFUSED
