"""Fold several votes of one voter in a batch into the last one, which would replace the others anyway."""

from collections.abc import Iterable
from typing import NamedTuple

from voting.polls import bucket_of, poll_bucket
from voting.rules import Accepted


class Ballot(NamedTuple):
    """One row to be written to the votes table.

    ``oldest_version`` is that of the voter's first vote in the batch: a retry has to start there
    if this row could not be written.
    """

    poll_bucket: str
    voter: str
    option: str
    version: str
    arrived_at: int
    expires_at: int | None
    oldest_version: str

    @property
    def key(self) -> tuple[str, str]:
        """The row's primary key."""
        return (self.poll_bucket, self.voter)


def fold(accepted: Iterable[Accepted], retention_days: int) -> list[Ballot]:
    """Return one ballot per poll and voter: the one with the highest version, whatever the order.

    Args:
        accepted: a batch's accepted votes.
        retention_days: how long after its poll's ``closes_at`` a vote may be deleted (TTL, in whole
            seconds of epoch time); 0 keeps it permanently.
    """
    ballots: dict[tuple[str, str], Ballot] = {}
    for vote, poll in accepted:
        bucket = poll_bucket(poll.poll_id, bucket_of(vote.voter, poll.bucket_count))
        expires_at_ms = poll.votes_expire_at(retention_days)
        expires_at = None if expires_at_ms is None else expires_at_ms // 1000
        ballot = Ballot(
            bucket, vote.voter, vote.option, vote.version, vote.arrived_at, expires_at, vote.version
        )
        other = ballots.get(ballot.key)
        if other is not None:
            newer = max(ballot, other, key=lambda candidate: candidate.version)
            ballot = newer._replace(oldest_version=min(ballot.oldest_version, other.oldest_version))
        ballots[ballot.key] = ballot
    return list(ballots.values())
