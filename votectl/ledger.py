"""The ledger of a poll: every received record with its outcome."""

from collections import Counter
from dataclasses import dataclass

from votectl.counts import CountReader
from voting.polls import Poll


@dataclass(frozen=True)
class Ledger:
    """A poll's records. ``received`` and ``accepted`` come from live rows, ``voters`` from stored votes."""

    poll_id: str
    received: int
    accepted: int
    rejected: Counter[str]
    voters: int

    @property
    def unexplained(self) -> int:
        """Received records that are neither accepted nor rejected. Any number except 0 is an alarm."""
        return self.received - self.accepted - self.rejected.total()

    @property
    def repeated(self) -> int:
        """Accepted records beyond one per voter: changes of mind, and the same vote sent again."""
        return self.accepted - self.voters

    @property
    def conserved(self) -> bool:
        """Whether all records are accounted for."""
        return self.unexplained == 0 and self.repeated >= 0

    def as_fields(self) -> dict[str, object]:
        """Return it as JSON's types."""
        return {
            "poll_id": self.poll_id,
            "received": self.received,
            "accepted": self.accepted,
            "rejected": dict(sorted(self.rejected.items())),
            "unexplained": self.unexplained,
            "voters": self.voters,
            "repeated": self.repeated,
            "conserved": self.conserved,
        }


def take(poll: Poll, reader: CountReader) -> Ledger:
    """Return the current ledger of a poll."""
    # Stored votes first: votes that are stored during the audit must not exceed the accepted ones.
    voters = reader.stored(poll).total()
    live = reader.live(poll.poll_id)
    return Ledger(poll.poll_id, live.received, live.total, live.rejected, voters)
