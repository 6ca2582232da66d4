"""Closing markers: records after a poll's last vote. They prove that a consumer has read that far."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from voting.errors import StoreUnavailable
from voting.records import Marker

# The consumers that have to pass markers before a poll can be final.
VOTE_AGGREGATOR = "vote_aggregator"
VOTE_WRITER = "vote_writer"
CONSUMERS = (VOTE_AGGREGATOR, VOTE_WRITER)


def marker_ids(tally_id: str, count: int) -> list[str]:
    """Return the ids of the markers that one tally puts into a shard."""
    return [f"{tally_id}-{number}" for number in range(count)]


class DrainRows(Protocol):
    """The drain rows of one consumer."""

    def passed(self, poll_id: str, shard: str, ids: Sequence[str]) -> bool:
        """Record that markers have been passed; return False if no tally expects any here.

        Recording them again changes nothing.

        Raises:
            StoreUnavailable: it is unknown whether they were recorded.
            StoreRefused: they were not recorded, and a retry would not help.
        """
        ...


@dataclass
class PassedMarkers:
    """The result of a batch's markers; ``retry_from`` is the version of the first that has to be retried."""

    passed: int = 0
    ignored: int = 0
    retry_from: str | None = None
    cause: str = ""


def pass_markers(
    markers: Iterable[Marker],
    done_before: str | None,
    shard: str,
    rows: DrainRows,
    remaining_ms: Callable[[], int],
) -> PassedMarkers:
    """Pass the markers of a batch that come after finished records only.

    Call it when the batch's votes are done. A passed marker promises that everything before it is in the tables.

    Args:
        markers: of one batch.
        done_before: the version from which the batch is retried; None: all of it is done.
        shard: where the batch comes from.
        rows: the store.
        remaining_ms: the time left for starting a call.
    """
    by_poll: dict[str, list[Marker]] = {}
    for marker in markers:
        if done_before is None or marker.version < done_before:
            by_poll.setdefault(marker.poll_id, []).append(marker)
    done = PassedMarkers()
    for poll_id, group in by_poll.items():
        try:
            if remaining_ms() <= 0:
                raise StoreUnavailable("the invocation's time is up")
            if rows.passed(poll_id, shard, [marker.marker_id for marker in group]):
                done.passed += len(group)
            else:
                done.ignored += len(group)
        except StoreUnavailable as error:
            first = min(marker.version for marker in group)
            done.retry_from = min(done.retry_from or first, first)
            done.cause = str(error)
    return done
