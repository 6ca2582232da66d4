"""Putting closing markers: behind every vote that can count, in every open shard and every lane of it.

A marker is a record like any other, so a consumer that has passed it has passed all that came before it in
its shard, or in its lane of the shard. Shards that are closed need none: Lambda reads a child only when it
is through with the child's parents, so a consumer that passes a marker in the child has passed the parents' end.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from voting.errors import StoreUnavailable
from voting.markers import marker_ids

# Lambda sorts a shard's records into lanes by partition key, in a way that it does not tell. With n lanes and
# 24 n random keys a lane goes without a marker once in e^24 = 26,000,000,000 times.
MARKERS_PER_LANE = 24

# How often the shards are listed before it is given up that they stay as they are for a moment.
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
        """Put one record per marker, each with a partition key of its own; return the shards that hold them.

        Raises:
            StoreUnavailable: not all of them are known to be in the stream.
        """
        ...


class Expectations(Protocol):
    """Where a consumer finds that a marker is meant for it."""

    def expect(self, poll_id: str, shard_id: str, tally_id: str) -> None:
        """Prepare the drain rows of both consumers; what they hold already stays.

        Raises:
            StoreUnavailable: it can't be said whether they are there.
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
    """Put markers until every open shard has its own; return the shards that had to be waited for.

    A marker that another shard took (the one aimed at has been split or merged meanwhile) proves nothing:
    then the shards are listed anew, and those that came into being get markers, too. May be called again
    with the same tally at any time: consumers pass a marker once, however often it is in the stream.

    Raises:
        StoreUnavailable: the stream or the table can't take them now, or is being resharded all the time.
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
            sleep_ms(PAUSE_MS)  # a reshard is under way, and its outcome may not be listed yet
    raise StoreUnavailable("the stream is being resharded: its open shards don't stay the same")
