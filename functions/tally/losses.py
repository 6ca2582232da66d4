"""Records that the writer's event source mapping has lost: given up, and not written to the failure bucket.

Lambda discards such a batch and continues, and the consumer passes the closing markers after it. Only CloudWatch
reports
the loss, and its counts come late. So a zero is trusted only once the mapping's count of polls, which comes every
minute, reaches beyond the last marker. See https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from typing import NamedTuple, Protocol

from tally.errors import LanesChanged
from voting.errors import StoreUnavailable
from voting.final import Acknowledgement, Losses


class MappingLanes(NamedTuple):
    """A mapping's parallelization factor, and when the mapping was last changed (epoch ms)."""

    factor: int
    changed_at: int = 0


class WriterMapping(Protocol):
    """The event source mapping that feeds the vote writer."""

    def lanes(self) -> MappingLanes:
        """Return its parallelization factor now, and when its settings were last changed.

        Raises:
            StoreUnavailable: Lambda does not answer, or the mapping is being changed.
        """
        ...

    def losses(self, since_ms: int) -> Losses:
        """Return its losses since then, and up to when they are known.

        Raises:
            StoreUnavailable: CloudWatch does not answer.
        """
        ...


class LossVerdict(NamedTuple):
    """The known losses, and whether they allow a certificate."""

    losses: Losses
    known: bool  # whether the counts reach far enough
    acknowledgement: Acknowledgement | None  # of these losses

    @property
    def clear(self) -> bool:
        """Whether nothing was lost, or an operator has acknowledged it."""
        return self.acknowledgement is not None or (self.known and not self.losses.any)

    @property
    def lost(self) -> int:
        """Unacknowledged losses: records or, if only deliveries failed, deliveries."""
        return 0 if self.acknowledgement else self.losses.dropped or self.losses.undelivered


def judge(losses: Losses, known_until: int, acknowledgement: Acknowledgement | None) -> LossVerdict:
    """Judge losses by how far they are known (``known_until`` is the goal) and by the acknowledgement.

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


def wait_for(factor: int, mapping: WriterMapping) -> MappingLanes:
    """Return the mapping's lanes before markers are put; they must match this function's settings.

    Raises:
        StoreUnavailable: they differ, so a deployment is in progress. The state machine tries again.
    """
    now = mapping.lanes()
    if now.factor != factor:
        raise StoreUnavailable(
            f"the parallelization factor of vote_writer's mapping is {now.factor}, and this tally was deployed for "
            f"{factor}: wait until the deployment is over, or apply again"
        )
    return now


def must_still_be(lanes: MappingLanes, mapping: WriterMapping) -> None:
    """Check that the mapping's lanes have not changed since the markers were put.

    AWS does not document which lane a record goes to while the factor changes, so markers prove nothing then. The time
    of the last change reveals a factor that was changed and changed back, and any other change of the mapping.

    Args:
        lanes: before the markers were put. Older releases kept no factor (0) or no time (0) of them.
        mapping: the mapping.

    Raises:
        LanesChanged: the lanes differ, or the mapping was changed in between.
    """
    if not lanes.factor:
        return
    now = mapping.lanes()
    if now.factor != lanes.factor:
        raise LanesChanged(
            f"the parallelization factor of vote_writer's mapping is {now.factor}, and was {lanes.factor} when the "
            "closing markers were put: start the tally again"
        )
    if lanes.changed_at and now.changed_at != lanes.changed_at:
        raise LanesChanged(
            "vote_writer's mapping was changed after the closing markers were put, so nobody knows which lanes it had "
            "in between: start the tally again"
        )
