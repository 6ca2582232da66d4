"""Lambda's event source mapping: reads a stream's shards in order, in batches, at least once.

A test triggers everything that it may do. It may cut batches anywhere, run lanes of a shard in parallel, and start
again from an earlier point with other cuts. It may halve a failed batch, give up a batch that failed too often or is
too old, and treat a running invocation as dead.
"""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from world.containers import Container
from world.invocations import Invocation, Outcome
from world.kinesis import STREAM_ARN, Shard, Stream, StreamRecord, event_of


@dataclass(eq=False)
class Batch:
    """Consecutive records of one lane, and how often they have been tried."""

    records: list[StreamRecord]
    attempts: int = 0


@dataclass(eq=False)
class Lane:
    """One lane of one shard: with a parallelization factor of n, a shard has n. Each keeps its order."""

    shard: Shard
    number: int
    factor: int
    done: int = 0  # number of the lane's settled records, until the poller restarts
    waiting: list[Batch] = field(default_factory=list)  # cut before, failed, to be tried again in order
    in_flight: "Delivery | None" = None

    def records(self) -> list[StreamRecord]:
        """Return the lane's records so far: all those with a partition key always share a lane."""
        return [
            record
            for record in self.shard.records
            if zlib.crc32(record.partition_key.encode(errors="replace")) % self.factor == self.number
        ]

    @property
    def at_end(self) -> bool:
        """Whether everything in it is settled."""
        return self.in_flight is None and self.done == len(self.records())

    def next_batch(self, size: int) -> Batch | None:
        """Take the batch to deliver next: what failed comes first, then new records."""
        if self.waiting:
            return self.waiting.pop(0)
        records = self.records()[self.done : self.done + size]
        return Batch(records) if records else None


@dataclass(eq=False)
class Delivery:
    """One batch on its way through an invocation. ``lane`` is None for what an operator redrives."""

    batch: Batch
    invocation: Invocation
    container: Container
    lane: Lane | None
    bisect_at: int = 0  # where to cut the batch should it fail; 0: not at all


class FailureDestination:
    """The bucket of failed batches. Each object keeps the whole event as ``payload``.

    ``late``: objects that are written minutes after the shard continued.
    """

    def __init__(self) -> None:
        self.objects: list[str] = []
        self.late: list[str] = []
        self.was_late = False

    def land(self) -> None:
        """Write the late objects."""
        self.objects += self.late
        self.late.clear()

    def put(self, batch: Batch, *, late: bool = False) -> None:
        """Write one object, in the form in which Lambda writes it."""
        self.was_late |= late
        first, last = batch.records[0], batch.records[-1]
        (self.late if late else self.objects).append(
            json.dumps(
                {
                    "requestContext": {"condition": "RetryAttemptsExhausted"},
                    "version": "1.0",
                    "KinesisBatchInfo": {
                        "shardId": first.shard_id,
                        "startSequenceNumber": first.sequence,
                        "endSequenceNumber": last.sequence,
                        "batchSize": len(batch.records),
                        "streamArn": STREAM_ARN,
                    },
                    "payload": json.dumps(event_of(batch.records)),
                }
            )
        )


class EventSourceMapping:
    """One consumer's event source mapping.

    Args:
        stream: what it reads.
        factor: lanes per shard.
        maximum_retry_attempts: after which a batch goes to the failure destination; None: never.
        start: starts an invocation with an event.
    """

    def __init__(
        self,
        stream: Stream,
        factor: int,
        maximum_retry_attempts: int | None,
        start: "Callable[[dict[str, Any]], tuple[Invocation, Container]]",
    ) -> None:
        self._stream = stream
        self._factor = factor
        self._maximum_retry_attempts = maximum_retry_attempts
        self._start = start
        self._lanes: dict[str, list[Lane]] = {}
        self.children_early = False  # whether it reads shards whose parents are not at their end
        self.failures = FailureDestination()
        # Whether the failure destination accepts batches; else they are lost.
        self.destination_works = True
        self.destination_is_slow = False
        self.lost_records: list[StreamRecord] = []
        # When (epoch ms) how many records were lost.
        self.losses: list[tuple[int, int]] = []
        self.factor_changes = 1

    @property
    def factor(self) -> int:
        """Return the parallelization factor."""
        return self._factor

    @property
    def gives_up(self) -> bool:
        """Whether it gives up batches that keep failing."""
        return self._maximum_retry_attempts is not None

    def lanes(self) -> list[Lane]:
        """Return the lanes that may be read: a shard's only when its parents' are at their end."""
        readable: list[Lane] = []
        for shard in self._stream.shards:
            if shard.shard_id not in self._lanes and (
                self.children_early or all(self._finished(parent) for parent in shard.parents)
            ):
                lanes = [Lane(shard, number, self._factor) for number in range(self._factor)]
                self._lanes[shard.shard_id] = lanes
            readable += self._lanes.get(shard.shard_id, [])
        return readable

    def _finished(self, shard: Shard) -> bool:
        lanes = self._lanes.get(shard.shard_id)
        return lanes is not None and all(lane.at_end for lane in lanes)

    def change_factor(self, factor: int) -> None:
        """Continue in other lanes from each shard's first unsettled record; running invocations live on.

        AWS does not document this. So a key's records may be in progress in an old lane and in a new one.
        """
        self._factor = factor
        self.factor_changes += 1
        for shard_id, old in self._lanes.items():
            settled = {record.sequence for lane in old for record in lane.records()[: lane.done]}
            records = old[0].shard.records
            first = next((n for n, one in enumerate(records) if one.sequence not in settled), len(records))
            ahead = {record.sequence for record in records[first:]}
            lanes = [Lane(old[0].shard, number, factor) for number in range(factor)]
            for lane in lanes:
                lane.done = sum(record.sequence not in ahead for record in lane.records())
            self._lanes[shard_id] = lanes

    def deliver(self, lane: Lane, size: int, bisect_at: int = 0) -> Delivery | None:
        """Start an invocation with the lane's next batch; None without a batch."""
        assert lane.in_flight is None, "a lane has one batch under way"
        batch = lane.next_batch(size)
        if batch is None:
            return None
        invocation, container = self._start(event_of(batch.records))
        lane.in_flight = Delivery(batch, invocation, container, lane, bisect_at)
        return lane.in_flight

    def take_for_dead(self, delivery: Delivery) -> None:
        """Wait no longer for an invocation, although it may live on; its batch is tried again."""
        lane = delivery.lane
        if lane is not None and lane.in_flight is delivery:
            lane.in_flight = None
            self._failed(lane, delivery.batch, delivery.bisect_at)

    def settle(self, delivery: Delivery) -> None:
        """Act on how an invocation ended."""
        lane, outcome = delivery.lane, delivery.invocation.outcome
        assert outcome is not None
        if lane is None or lane.in_flight is not delivery:
            return  # the mapping ignores zombies
        lane.in_flight = None
        done = settled_records(delivery.batch, outcome)
        lane.done += done
        if done < len(delivery.batch.records):
            rest = Batch(delivery.batch.records[done:], delivery.batch.attempts)
            self._failed(lane, rest, delivery.bisect_at)

    def _failed(self, lane: Lane, batch: Batch, bisect_at: int) -> None:
        cut = bisect_at % len(batch.records)
        if cut:  # halving does not count as a retry
            parts = [Batch(batch.records[:cut], batch.attempts), Batch(batch.records[cut:], batch.attempts)]
            lane.waiting[:0] = parts
            return
        batch.attempts += 1
        if self._maximum_retry_attempts is not None and batch.attempts > self._maximum_retry_attempts:
            self._give_up(lane, batch)
        else:
            lane.waiting.insert(0, batch)

    def _give_up(self, lane: Lane, batch: Batch) -> None:
        if self.destination_works:
            self.failures.put(batch, late=self.destination_is_slow)
        else:
            self.losses.append((self._stream.now_ms, len(batch.records)))
            self.lost_records += batch.records
        lane.done += len(batch.records)

    def grow_too_old(self, lane: Lane, size: int) -> None:
        """Let the lane's next batch outlive the maximum record age."""
        assert self.gives_up
        assert lane.in_flight is None
        batch = lane.next_batch(size)
        if batch is not None:
            self._give_up(lane, batch)

    def restart(self, lane: Lane, back: int) -> Delivery | None:
        """Restart the lane's poller from ``back`` settled records earlier; return whom it forgets."""
        forgotten, lane.in_flight = lane.in_flight, None
        lane.waiting.clear()
        lane.done = max(0, lane.done - back)
        return forgotten


def settled_records(batch: Batch, outcome: Outcome) -> int:
    """Return how many of a batch's records Lambda takes for done after this outcome.

    An answer that names no record of the batch counts as a failure of all (Lambda developer guide,
    "Reporting batch item failures").
    """
    if outcome.error is not None:
        return 0
    failures = outcome.answer["batchItemFailures"]
    if not failures:
        return len(batch.records)
    positions = {record.sequence: position for position, record in enumerate(batch.records)}
    named = [positions.get(failure["itemIdentifier"]) for failure in failures]
    return (
        min((position for position in named if position is not None), default=0) if None not in named else 0
    )
