"""What the writer's event source mapping has lost: records that it gave up and could not keep in the failure bucket.

Lambda discards such a batch and goes on, and the closing markers behind it are passed. Only CloudWatch tells of it, and
its counts come late. So a zero counts only once the mapping's count of polls, which comes every minute, reaches beyond
the last marker. See https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from typing import NamedTuple, Protocol

from tally.errors import LanesChanged
from voting.errors import StoreUnavailable
from voting.final import Acknowledgement, Losses


class WriterMapping(Protocol):
    """The event source mapping that feeds the vote writer."""

    def lanes(self) -> int:
        """Return its parallelization factor now.

        Raises:
            StoreUnavailable: Lambda does not answer, or the mapping is being changed.
        """
        ...

    def losses(self, since_ms: int) -> Losses:
        """Return what it has lost since then, and up to when that is known.

        Raises:
            StoreUnavailable: CloudWatch does not answer.
        """
        ...


class LossVerdict(NamedTuple):
    """Whether what was lost, or is not known yet, lets a result be certified."""

    losses: Losses
    known: bool  # whether the counts reach far enough
    acknowledgement: Acknowledgement | None  # of these losses

    @property
    def clear(self) -> bool:
        """Whether nothing was lost, or an operator has acknowledged it."""
        return self.acknowledgement is not None or (self.known and not self.losses.any)

    @property
    def lost(self) -> int:
        """What was lost and not acknowledged: records or, if only deliveries failed, deliveries."""
        return 0 if self.acknowledgement else self.losses.dropped or self.losses.undelivered


def judge(losses: Losses, known_until: int, acknowledgement: Acknowledgement | None) -> LossVerdict:
    """Judge losses by how far they are known (``known_until``: how far they have to be) and what was acknowledged.

    An acknowledgement covers what the operator saw. If more is lost afterwards, the tally waits again.
    """
    known = losses.counted_until >= known_until
    covered = (
        acknowledgement is not None
        and losses.dropped <= acknowledgement.dropped
        and losses.undelivered <= acknowledgement.undelivered
        and (known or acknowledgement.counts_missing)
    )
    return LossVerdict(losses, known, acknowledgement if covered and (losses.any or not known) else None)


def wait_for(lanes: int, mapping: WriterMapping) -> None:
    """Check, before markers are put, that the mapping has the lanes that this function was deployed for.

    Raises:
        StoreUnavailable: it has others, so a deployment is under way. The state machine tries again.
    """
    if (now := mapping.lanes()) != lanes:
        raise StoreUnavailable(
            f"the parallelization factor of vote_writer's mapping is {now}, and this tally was deployed for {lanes}: "
            "wait until the deployment is over, or apply again"
        )


def must_still_be(lanes: int, mapping: WriterMapping) -> None:
    """Check that the mapping has the lanes that the markers were made for.

    Nothing documents which lane a record goes to while the factor changes, so markers prove nothing then.

    Raises:
        LanesChanged: it has others.
    """
    if lanes and (now := mapping.lanes()) != lanes:
        raise LanesChanged(
            f"the parallelization factor of vote_writer's mapping is {now}, and was {lanes} when the closing markers "
            "were put: start the tally again"
        )
