"""Putting closing markers after every vote that can count, in every open shard and every lane of it.

A marker is a record like any other. A consumer that has passed it has passed everything before it in the shard, or in
the lane of the shard. Closed shards need none: Lambda reads a child only when it has finished
the child's parents, so a consumer that passes a marker in the child has passed the parents' end.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from voting.errors import StoreUnavailable
from voting.markers import marker_ids

# Lambda sorts a shard's records into lanes by partition key, in an undocumented way. With n lanes and 24 n random keys
# a lane gets no marker once in e^24 = 26,000,000,000 times.
MARKERS_PER_LANE = 24

# How often the shards are listed before the step gives up: they must stay unchanged for a moment.
ROUNDS = 10
PAUSE_MS = 1_000


class OpenShard(NamedTuple):
    """An open shard, and a hash key that leads there."""

    shard_id: str
    hash_key: str


class MarkerStream(Protocol):
    """The stream of votes."""

    def open_shards(self) -> list[OpenShard]:
        """Return the shards that take records. The answer may be out of date a moment later."""
        ...

    def put_markers(self, poll_id: str, ids: Sequence[str], hash_key: str) -> set[str]:
        """Put one record per marker, each with its own partition key; return the shards that hold them.

        Raises:
            StoreUnavailable: not all of them are known to be in the stream.
        """
        ...


class Expectations(Protocol):
    """The rows that tell consumers which markers to expect."""

    def expect(self, poll_id: str, shard_id: str, tally_id: str) -> None:
        """Prepare the drain rows of both consumers, and keep their existing content.

        Raises:
            StoreUnavailable: it is unknown whether they exist.
        """
        ...


def markers_per_shard(lanes: int) -> int:
    """Return how many markers reach every lane of a shard."""
    return 1 if lanes == 1 else MARKERS_PER_LANE * lanes


def put_markers(
    poll_id: str,
    tally_id: str,
    lanes: int,
    stream: MarkerStream,
    rows: Expectations,
    sleep_ms: Callable[[float], None],
) -> list[str]:
    """Put markers until every open shard has its own; return those shards.

    A marker in another shard proves nothing: a reshard has replaced the target. Then the shards are listed again, and
    new ones get markers, too. May be called again with the same tally at any time: consumers pass a marker once, even
    if the stream holds it several times.

    Raises:
        StoreUnavailable: the stream or the table can't take them now, or resharding does not end.
    """
    ids = marker_ids(tally_id, markers_per_shard(lanes))
    covered: set[str] = set()
    for _ in range(ROUNDS):
        shards = stream.open_shards()
        missing = [shard for shard in shards if shard.shard_id not in covered]
        if not missing:
            return sorted(shard.shard_id for shard in shards)
        for shard in missing:
            # First the row, then the markers: a consumer ignores a marker that no row asks for.
            rows.expect(poll_id, shard.shard_id, tally_id)
            if stream.put_markers(poll_id, ids, shard.hash_key) == {shard.shard_id}:
                covered.add(shard.shard_id)
        if not covered.issuperset(shard.shard_id for shard in missing):
            sleep_ms(PAUSE_MS)  # a reshard is in progress, and its result may not be listed yet
    raise StoreUnavailable("the stream is being resharded: its open shards don't stay the same")
