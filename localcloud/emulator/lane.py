"""A lane of a shard: batches, windows, retries, bisection, and records that are given up."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from localcloud.emulator.stream_mapping import BatchFailedError, MappingEvent, MappingTarget, Policy

LOG = logging.getLogger(__name__)

# A synchronous invocation carries 6 MB. The envelope around the records needs less than the rest.
PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024 - 1024

_LONGEST_BACKOFF_SECONDS = 5.0


@dataclass(slots=True)
class Backoff:
    """Doubling waits up to 5 seconds: Lambda does not document its own."""

    seconds: float

    def wait(self, stopping: threading.Event) -> None:
        """Wait, or return immediately when stopping."""
        stopping.wait(self.seconds)
        self.seconds = min(self.seconds * 2, _LONGEST_BACKOFF_SECONDS)


class ReadableShard(Protocol):
    """The part of the shard that a lane needs."""

    shard_id: str
    policy: Policy
    target: MappingTarget
    now: Callable[[], float]
    first_backoff_seconds: float
    stopping: threading.Event

    def done(self, events: Iterable[MappingEvent]) -> None:
        """Record that these records are stored or given up."""
        ...


@dataclass(slots=True)
class ShardLane:
    """Records of one shard that share a lane: delivered in order, one batch at a time."""

    reader: ReadableShard
    _waiting: deque[MappingEvent] = field(default_factory=deque)
    _waiting_bytes: int = 0
    _closed: bool = False
    _free_since: float = 0.0  # epoch seconds: when the delivery before ended
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, events: Iterable[MappingEvent]) -> None:
        """Add records, in the order of the shard."""
        with self._changed:
            for event in events:
                self._waiting.append(event)
                self._waiting_bytes += event.size
            self._changed.notify_all()

    def close(self) -> None:
        """Mark the end of the records: waiting ones are delivered without waiting for the window."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Make the lane check whether it has to stop."""
        with self._changed:
            self._changed.notify_all()

    def run(self) -> None:
        """Deliver until the reader stops, or the shard has ended and all of it is delivered."""
        while batch := self._gather():
            try:
                self._deliver(batch, attempts=0)
            except Exception:
                # A defect of ours must not lose records: the lane ends, and the checkpoint stays before them.
                LOG.exception("a lane of %s stopped", self.reader.shard_id)
                return
            self._free_since = self.reader.now()

    def _gather(self) -> list[MappingEvent]:
        """Wait for a full batch, or for the end of the window; return an empty batch at the end."""
        policy = self.reader.policy
        with self._changed:
            while not self._waiting and not self._is_over():
                self._changed.wait()
            window_ends = time.monotonic() + policy.batching_window_seconds - self._waited()
            while (
                not self._is_over()
                and len(self._waiting) < policy.batch_size
                and self._waiting_bytes < PAYLOAD_LIMIT_BYTES
                and (left := window_ends - time.monotonic()) > 0
            ):
                self._changed.wait(left)
            return [] if self.reader.stopping.is_set() else self._take()

    def _waited(self) -> float:
        """Seconds since the window opened: with its first record, or with the end of the delivery before.

        Not with the read of the record: windows are whole seconds, a multiple of the time between two reads, so their
        length would depend on whether a read came just before or just after the end.
        """
        if not self._waiting:
            return 0.0
        return max(0.0, self.reader.now() - max(self._free_since, self._waiting[0].arrival))

    def _is_over(self) -> bool:
        return self._closed or self.reader.stopping.is_set()

    def _take(self) -> list[MappingEvent]:
        batch: list[MappingEvent] = []
        size = 0
        while self._waiting and len(batch) < self.reader.policy.batch_size:
            size += self._waiting[0].size
            if batch and size > PAYLOAD_LIMIT_BYTES:
                break
            batch.append(self._waiting.popleft())
            self._waiting_bytes -= batch[-1].size
        return batch

    def _deliver(self, batch: list[MappingEvent], attempts: int) -> None:
        reader, policy = self.reader, self.reader.policy
        error: Mapping[str, object] = {}
        backoff = Backoff(reader.first_backoff_seconds)
        while not reader.stopping.is_set():
            batch = self._without_expired(batch, attempts, error)
            if not batch:
                return
            try:
                reader.target.deliver(batch)
            except BatchFailedError as failure:
                error = failure.error
                taken = _index_of(batch, failure.first_failed)
                reader.done(batch[:taken])
                batch = batch[taken:]
                if policy.bisect_batch_on_function_error and (taken or len(batch) > 1):
                    backoff.wait(reader.stopping)
                    # The batch is cut at the record that the function reported, or else in the middle.
                    # Neither counts as an attempt.
                    if not taken:
                        middle = (len(batch) + 1) // 2
                        self._deliver(batch[:middle], attempts)
                        batch = batch[middle:]
                    continue
                attempts += 1
                if 0 <= policy.maximum_retry_attempts < attempts:
                    self._give_up(batch, "RetryAttemptsExhausted", attempts, error)
                    return
            except Exception as exception:  # noqa: BLE001 - the call failed: throttled, or an error
                LOG.warning("invoking for %s failed, trying again: %s", reader.shard_id, exception)
            else:
                reader.done(batch)
                return
            backoff.wait(reader.stopping)

    def _without_expired(
        self, batch: list[MappingEvent], attempts: int, error: Mapping[str, object]
    ) -> list[MappingEvent]:
        age = self.reader.policy.maximum_record_age_seconds
        if age < 0:
            return batch
        oldest = self.reader.now() - age
        expired = [event for event in batch if event.arrival < oldest]
        if expired:
            self._give_up(expired, "RecordAgeExceeded", attempts, error)
        return [event for event in batch if event.arrival >= oldest]

    def _give_up(
        self, events: Sequence[MappingEvent], condition: str, attempts: int, error: Mapping[str, object]
    ) -> None:
        reader, backoff = self.reader, Backoff(self.reader.first_backoff_seconds)
        while not reader.stopping.is_set():
            try:
                reader.target.give_up(reader.shard_id, events, condition, attempts, error)
            except Exception as exception:  # noqa: BLE001 - records that can't be sent must stay here
                LOG.warning("the destination of %s failed, trying again: %s", reader.shard_id, exception)
                backoff.wait(reader.stopping)
            else:
                reader.done(events)
                return


def _index_of(batch: Sequence[MappingEvent], sequence: str | None) -> int:
    return next((index for index, event in enumerate(batch) if event.sequence == sequence), 0)
