"""Reads a shard as Lambda does: in order, into lanes, with a checkpoint before the oldest record that is not done.

A shard is read into `parallelization_factor` lanes, by the hash of the partition key; a lane delivers one batch
at a time, and its next one only when that is stored or given up. The README says why LocalEmu's own reader is not
used.
"""

import logging
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from localcloud.emulator.lane import Backoff, ShardLane
from localcloud.emulator.stream_mapping import MappingEvent, MappingTarget, Policy, Position, Source

LOG = logging.getLogger(__name__)

# Records of one shard that are read but neither stored nor given up. More than two of the largest batches.
BACKLOG_LIMIT = 25_000


def lane_of(partition_key: str, lanes: int) -> int:
    """The lane of a partition key: always the same, so that one voter's records stay in order."""
    return zlib.crc32(partition_key.encode()) % lanes


def shards_to_start(
    parents: Mapping[str, Iterable[str]], started: Iterable[str], finished: Iterable[str]
) -> list[str]:
    """The shards that may be read now: not before all of a shard's parents that still exist are finished.

    Args:
        parents: every shard of the stream, with the ids of the shards it came from.
        started: shards that are being read.
        finished: shards that were closed and whose last record is stored or given up.
    """
    done = set(finished)
    return [
        shard
        for shard, its_parents in parents.items()
        if shard not in done.union(started)
        and all(parent in done or parent not in parents for parent in its_parents)
    ]


class ShardReader:
    """Reads one shard into its lanes until the shard ends or `stopping` is set."""

    def __init__(
        self,
        shard_id: str,
        position: Position,
        policy: Policy,
        source: Source,
        target: MappingTarget,
        poll_interval_seconds: float,
        now: Callable[[], float] = time.time,
        first_backoff_seconds: float = 0.2,
    ) -> None:
        self.shard_id = shard_id
        self.policy = policy
        self.target = target
        self.now = now
        self.first_backoff_seconds = first_backoff_seconds
        self.stopping = threading.Event()
        self._source = source
        self._poll_interval_seconds = poll_interval_seconds
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._start = position
        self._last_read: str | None = None
        # In the order of the shard, so that the first key is the oldest record that is not done.
        self._pending: dict[str, None] = {}
        self._ended = False
        self._lanes = [ShardLane(self) for _ in range(policy.parallelization_factor)]
        self._threads = [
            threading.Thread(target=run, name=f"{role}-{shard_id}", daemon=True)
            for role, run in [
                ("shard-reader", self._read),
                *(("shard-lane", lane.run) for lane in self._lanes),
            ]
        ]

    def start(self) -> None:
        """Start to read."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Start no further delivery; `join` waits for a running one."""
        self.stopping.set()
        for lane in self._lanes:
            lane.wake()

    def join(self, timeout_seconds: float) -> None:
        """Wait until the running deliveries are over, but no longer than that."""
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    @property
    def finished(self) -> bool:
        """Whether the shard is closed and its last record is stored or given up."""
        with self._lock:
            return self._ended and not self._pending

    @property
    def position(self) -> Position:
        """The position at which a successor gets every unfinished record."""
        with self._lock:
            if self._pending:
                return Position("AT_SEQUENCE_NUMBER", next(iter(self._pending)))
            if self._last_read is not None:
                return Position("AFTER_SEQUENCE_NUMBER", self._last_read)
            return self._start

    def done(self, events: Iterable[MappingEvent]) -> None:
        """Record that these records are stored or given up."""
        with self._lock:
            for event in events:
                self._pending.pop(event.sequence, None)
            self._room.notify_all()

    def _read(self) -> None:
        iterator: str | None = None
        backoff = Backoff(self.first_backoff_seconds)
        while not self.stopping.is_set():
            try:
                if iterator is None:
                    iterator = self._source.open(self.shard_id, self._next_position())
                page = self._source.read(self.shard_id, iterator)
            except Exception as error:  # noqa: BLE001 - after any error the reading must continue
                LOG.warning("reading %s failed, trying again: %s", self.shard_id, error)
                iterator = None
                backoff.wait(self.stopping)
                continue
            backoff = Backoff(self.first_backoff_seconds)
            self._accept(page.events)
            iterator = page.next_iterator
            if iterator is None:
                with self._lock:
                    # When stopping, the last page may not have been accepted.
                    self._ended = not self.stopping.is_set()
                break
            if not page.is_full:
                self.stopping.wait(self._poll_interval_seconds)
        for lane in self._lanes:
            lane.close()

    def _next_position(self) -> Position:
        if self._last_read is None:
            return self._start
        return Position("AFTER_SEQUENCE_NUMBER", self._last_read)

    def _accept(self, events: Sequence[MappingEvent]) -> None:
        if not events:
            return
        with self._lock:
            while len(self._pending) + len(events) > BACKLOG_LIMIT and self._pending:
                if self.stopping.is_set():
                    return
                self._room.wait(0.5)
            self._pending.update(dict.fromkeys(event.sequence for event in events))
            self._last_read = events[-1].sequence
        by_lane: dict[int, list[MappingEvent]] = {}
        for event in events:
            by_lane.setdefault(lane_of(event.partition_key, len(self._lanes)), []).append(event)
        for lane, its_events in by_lane.items():
            self._lanes[lane].put(its_events)
