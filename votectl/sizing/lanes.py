"""The lanes of a simulated consumer: they read votes, form batches, and write.

Arrays hold numbers of votes per lane (shards by lanes per shard), not single votes. A step lasts from ``now``
to ``end``, in seconds from the event's beginning.
"""

import numpy as np

from votectl.sizing.capacity import WriteMeter
from votectl.sizing.consumer import ConsumerLane, LiveRowModel
from votectl.sizing.event import Array
from votectl.sizing.scenario import EventScenario


def thin(counts: Array, share: float | Array, offset: float) -> Array:
    """Return a share of each count, in whole numbers.

    The running sum along the last axis is rounded down, not each count. So the parts add up.
    ``offset`` in [0, 1) decides where the fractions fall.
    """
    sums = np.floor(np.cumsum(counts * share, axis=-1) + offset)
    return np.minimum(np.diff(sums, axis=-1, prepend=0.0), counts)


class Lanes:
    """One consumer: a queue and a running invocation per lane."""

    def __init__(
        self, lane: ConsumerLane, scenario: EventScenario, meter: WriteMeter, random: np.random.Generator
    ) -> None:
        shape = (scenario.shards, lane.per_shard)
        self.lane, self.meter, self._per_vote = lane, meter, scenario.units_per_vote.value
        # Time from one full batch to the next: its invocation, or reading as many votes, if that takes longer.
        self._full = lane.limit / scenario.lane_rate(lane).value
        self._full_seconds = lane.time.of(lane.limit)
        self._full_busy = min(self._full, self._full_seconds + lane.overhead.value)
        self.unpolled = np.zeros(shape)  # in the stream, not read yet
        self.queue = np.zeros(shape)  # read, in no batch yet
        self.running = np.zeros(shape)  # in the invocation under way
        # When that ends. Before the first vote, windows begin at random times.
        self.free_at = -random.random(shape) * lane.window
        self.read_at = np.full(shape, -np.inf)  # when the votes of another full batch can have been read
        self.waiting_since = self.free_at.copy()  # when the window's first vote came; inf: no vote waits
        self.batches = self.seconds = self.units = 0.0
        self.ended = 0.0  # when the last invocation so far ends
        self._owed = 0.0  # units of running invocations that are still to be written, where they are paced

    def arrive(self, votes: Array, due: Array | None, now: float, end: float) -> Array:
        """Take a step's votes into the stream, and read those that the mapping polls.

        ``votes`` per lane spread evenly over the step. ``due`` is 1 for shards that are polled now, else 0; None:
        votes are read at once. Return the votes that are read at once.
        """
        first = now + (end - now) / (votes + 1)
        idle = np.isinf(self.waiting_since)
        self.waiting_since = np.where(idle & (votes > 0), first, self.waiting_since)
        if due is None:
            return votes
        read = self.unpolled * due
        self.queue = self.queue + read
        self.unpolled = self.unpolled - read + votes
        return np.zeros_like(votes)

    def work(self, fresh: Array, now: float, end: float, offset: float) -> None:
        """Form the batches of a step, write what the table takes, and put the rest back."""
        taken, started, last = self._form(fresh, now, end, offset)
        wanted, pace = float((taken * self._per_vote).sum()), self.lane.time.pace
        if pace is not None:  # a batch is spread over its invocation
            self._owed += wanted
            running = np.count_nonzero(self.free_at > now)
            at_pace = running * (end - now) / pace.value * self._per_vote
            wanted = min(self._owed, at_pace) if running else self._owed
        granted = self.meter.grant(wanted, now, end - now)  # also for 0 units: its bucket fills
        share = granted / wanted if wanted > 0 else 1.0
        self.units += granted
        if pace is not None:
            self._owed -= granted
            share = 1.0  # refused units stay owed
        self.batches += float(started.sum()) * share
        if share < 1:
            written = thin(taken.ravel(), share, offset).reshape(taken.shape)
            back = taken - written
            self.queue = self.queue + back
            self.waiting_since = np.where(back > 0, now, self.waiting_since)
            taken = written
        self._go_on(taken, last, end)

    def _go_on(self, taken: Array, last: Array, end: float) -> None:
        """Keep the votes of invocations that run beyond the end of a step."""
        under_way = np.where(taken > 0, np.minimum(last, taken), self.running)
        self.running = np.where(self.free_at > end, under_way, 0.0)

    def _form(self, fresh: Array, now: float, end: float, offset: float) -> tuple[Array, Array, Array]:
        """Start the batches that can start before ``end``.

        Return per lane: votes taken, invocations started, and votes in the last one.
        """
        full, small = self._full_batches(fresh, now, end)
        limit, taken = self.lane.limit, full * self.lane.limit
        ready = np.maximum(self.waiting_since, self.free_at) + self.lane.window
        at = np.minimum(np.maximum(ready, now), end)
        came = np.where(small > 0, fresh, np.floor(fresh * (at - now) / (end - now) + offset))
        rest = np.maximum(self.queue + came - taken, 0.0)
        flush = (rest > 0) & ((rest < limit) | (small > 0)) & (self.free_at < end) & (ready < end)
        flushed = np.where(flush, rest, 0.0)
        batches = np.where(flush, np.maximum(small, 1.0), 0.0)
        size = flushed / np.maximum(batches, 1.0)
        seconds = self.lane.time.seconds(size)
        busy = batches * (seconds + self.lane.overhead.value)
        busy = np.where(small > 1, np.minimum(busy, end - at), busy)
        self.free_at = np.where(flush, at + busy, self.free_at)
        self.seconds += float((seconds * batches).sum())
        self.queue = self.queue + fresh - taken - flushed
        moved = (full > 0) | flush
        left = self.queue + self.unpolled
        # A flush takes every vote that is there. The rest came later, evenly until the step's end.
        since = np.where(flush, np.maximum(self.free_at, at + (end - at) / (left + 1)), self.free_at)
        self.waiting_since = np.where(moved, np.where(left > 0, since, np.inf), self.waiting_since)
        self.ended = max(self.ended, float(np.max(self.free_at, where=moved, initial=0.0)))
        return taken + flushed, full + batches, np.where(flush, size, np.where(full > 0, limit, self.running))

    def _full_batches(self, fresh: Array, now: float, end: float) -> tuple[Array, Array]:
        """Start the full batches of a step; return their number, and the number of small batches."""
        limit, visible = self.lane.limit, self.queue + fresh
        begin = np.maximum(self.free_at, now)
        small = np.zeros_like(visible)
        if self.lane.window == 0 and self.lane.poll_interval is None:
            # Pushed votes go in small batches, one after the other, unless the lane has a backlog.
            calm = visible / limit * self._full <= end - begin
            small = np.where(calm, visible / self.lane.pushed(visible / (end - now)), 0.0)
        filled = now + (end - now) * np.clip((limit - self.queue) / np.maximum(fresh, 1e-9), 0.0, 1.0)
        begin = np.maximum(np.maximum(begin, filled), self.read_at)
        room = np.ceil(np.maximum(end - begin, 0.0) / self._full - 1e-9)
        full = np.where(small > 0, 0.0, np.minimum(np.floor(visible / limit), room))
        # The next batch is read while this one's invocation runs.
        self.read_at = np.where(full > 0, begin + full * self._full, self.read_at)
        self.free_at = np.where(full > 0, self.read_at - self._full + self._full_busy, self.free_at)
        self.seconds += float(full.sum()) * self._full_seconds
        return full, small

    @property
    def waiting(self) -> Array:
        """Accepted votes that are not processed yet, per shard."""
        return np.asarray((self.unpolled + self.queue + self.running).sum(axis=1))

    def spread_to(self, shards: int) -> None:
        """Add lanes for new shards of a growing stream."""
        more = ((0, shards - len(self.queue)), (0, 0))
        for name in ("unpolled", "queue", "running", "free_at", "read_at"):
            setattr(self, name, np.pad(getattr(self, name), more))
        self.waiting_since = np.pad(self.waiting_since, more, constant_values=np.inf)


class CountingLanes(Lanes):
    """The aggregator's lanes: an invocation writes its live rows in sequence.

    The same invocation retries a row that the table refuses, so it ends later. Votes don't go back to the queue.
    """

    def __init__(
        self, lane: ConsumerLane, scenario: EventScenario, meter: WriteMeter, random: np.random.Generator
    ) -> None:
        super().__init__(lane, scenario, meter, random)
        self._rows = LiveRowModel(scenario.event, scenario.writing)
        self._row_units = scenario.live_row_units.value
        self._unwritten = np.zeros_like(self.queue)  # units of the running invocation

    def work(self, fresh: Array, now: float, end: float, offset: float) -> None:
        """Form the batches of a step, and write each invocation's share of rows."""
        taken, started, last = self._form(fresh, now, end, offset)
        self.batches += float(started.sum())
        some = started > 0
        rows = self._rows.in_batch(taken[some] / started[some])
        self._unwritten[some] += rows * started[some] * self._row_units
        left = np.maximum(self.free_at - now, 0.0)  # s until the invocations end
        in_step = np.minimum(left, end - now)
        wanted = np.where(left > in_step, self._unwritten * in_step / np.maximum(left, 1e-9), self._unwritten)
        asked = float(wanted.sum())
        granted = self.meter.grant(asked, now, end - now)
        self.units += granted
        refused = 1 - granted / asked if asked > 0 else 0.0
        self._unwritten = self._unwritten - wanted * (1 - refused)
        if refused > 0:
            waits = (wanted > 0) & (in_step > 0)
            until = np.maximum(self.free_at, end) + refused * in_step
            self.seconds += float(np.where(waits, until - self.free_at, 0.0).sum())
            self.free_at = np.where(waits, until, self.free_at)
            self.ended = max(self.ended, float(np.max(self.free_at, where=waits, initial=0.0)))
        self._go_on(taken, last, end)

    def spread_to(self, shards: int) -> None:
        """Add lanes for new shards of a growing stream."""
        self._unwritten = np.pad(self._unwritten, ((0, shards - len(self._unwritten)), (0, 0)))
        super().spread_to(shards)
