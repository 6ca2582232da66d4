"""The event played through, step by step: votes by chance, batches one by one, every limit in its place.

A vote's way in a step: random arrival (Poisson, each lane its share) → the front door's throttle → its
shard's limit → the lane's queue. A poll brings it into a batch, which starts when the lane is free, and
the batch is full or its window is over. Then the table's units limit it. Votes that the votes table
refuses go back to the queue; if the tallies table refuses, the aggregator's invocation waits.

Arrays hold numbers of votes per lane (shards by lanes per shard), so a step costs the same however many votes come.
A step lasts from ``now`` to ``end``, in seconds from the event's beginning. One seed gives one course.
"""

from math import floor

import numpy as np

from votectl.sizing.capacity import WriteMeter
from votectl.sizing.consumer import ConsumerLane, LiveRowModel, whole
from votectl.sizing.course import ConsumerWork, Course, Play
from votectl.sizing.event import Array
from votectl.sizing.inputs import InvalidInput, LimitExceeded, spoken
from votectl.sizing.predict import age, flow
from votectl.sizing.scenario import EventScenario

_STEPS_A_SECOND = (10, 5, 4, 2, 1)  # whole, so that polls and samples fall on steps
_STEPS_AIMED_AT = 6_000
_SAMPLES_AIMED_AT = 4_000
_MOST_STEPS = 1_500_000  # a few minutes
_LONGEST_DRAIN_SECONDS = 7 * 86_400


def step_seconds(seconds: float) -> float:
    """Return a step of 0.1 s to 1 s: fine for short courses, coarse for long ones."""
    fitting = (1 / per_second for per_second in _STEPS_A_SECOND if seconds * per_second <= _STEPS_AIMED_AT)
    return next(fitting, 1.0)


def simulate(scenario: EventScenario, seed: int = 0, step: float | None = None) -> Course:
    """Return one course of an event; ``step`` (s) divides a second. Raises LimitExceeded or InvalidInput: too long."""
    expected = float(flow(scenario).times[-1])
    if expected > scenario.event.duration + _LONGEST_DRAIN_SECONDS:
        why = "the last vote would be stored more than a week after the event."
        raise LimitExceeded("the consumers' rate, or their tables' write units", why)
    step = step or step_seconds(expected)
    if expected > _MOST_STEPS * step:
        remedy = "simulate the busiest part of the event, or give a larger step (1 s at most)"
        raise InvalidInput(f"step: {spoken(expected)} in steps of {step:g} s are too many; {remedy}")
    return _Simulation(scenario, seed, step).run()


def thin(counts: Array, share: float | Array, offset: float) -> Array:
    """Return a share of each count in whole numbers that add up. ``offset`` in [0, 1) says where fractions fall."""
    sums = np.floor(np.cumsum(counts * share, axis=-1) + offset)
    return np.minimum(np.diff(sums, axis=-1, prepend=0.0), counts)


class Lanes(ConsumerWork):
    """One consumer: a queue and a running invocation per lane."""

    def __init__(
        self, lane: ConsumerLane, scenario: EventScenario, meter: WriteMeter, random: np.random.Generator
    ) -> None:
        shape = (scenario.shards, lane.per_shard)
        super().__init__(lane, meter)
        self._per_vote = scenario.units_per_vote.value
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
        self.ended = 0.0  # when the last invocation so far ends
        self._rows, self._row_units = (
            LiveRowModel(scenario.event, scenario.writing),
            scenario.live_row_units.value,
        )
        self._unwritten = np.zeros(shape)  # units of live rows of running invocations
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
        share = granted / wanted if wanted > 0 and pace is None else 1.0
        self.units += granted
        self._owed -= granted if pace is not None else 0.0  # refused units stay owed
        self.batches += float(started.sum()) * share
        if share < 1:
            written = thin(taken.ravel(), share, offset).reshape(taken.shape)
            self.queue = self.queue + taken - written
            self.waiting_since = np.where(taken > written, now, self.waiting_since)
            taken = written
        self._go_on(taken, last, end)

    def _go_on(self, taken: Array, last: Array, end: float) -> None:
        """Keep the votes of invocations that run beyond the end of a step."""
        under_way = np.where(taken > 0, np.minimum(last, taken), self.running)
        self.running = np.where(self.free_at > end, under_way, 0.0)

    def _form(self, fresh: Array, now: float, end: float, offset: float) -> tuple[Array, Array, Array]:
        """Start batches before ``end``. Return per lane: votes taken, invocations started, votes in the last one."""
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
        if self.lane.window == 0 and self.lane.poll.value == 0:
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

    def busy(self, now: float) -> bool:
        """Return whether there are votes, or invocations under way."""
        return bool(self.waiting.any() or (self.free_at > now).any())

    def spread_to(self, shards: int) -> None:
        """Add lanes for new shards of a growing stream."""
        more = ((0, shards - len(self.queue)), (0, 0))
        for name, of_lanes in vars(self).items():
            if isinstance(of_lanes, np.ndarray):
                new = np.inf if name == "waiting_since" else 0.0
                setattr(self, name, np.pad(of_lanes, more, constant_values=new))


class CountingLanes(Lanes):
    """The aggregator's lanes: an invocation retries a row that the table refuses, and so ends later."""

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


class _Simulation(Play):
    """Everything that changes from step to step."""

    def __init__(self, scenario: EventScenario, seed: int, step: float) -> None:
        super().__init__(scenario)
        self._step, self._random = step, np.random.default_rng(seed)
        duration = scenario.event.duration
        self._steps = whole(duration / step)
        # Samples fall on whole seconds, and there are not too many of them.
        self._sample_every = max(1, round(1 / step)) * max(1, floor(duration / _SAMPLES_AIMED_AT))
        self._shard_limit = scenario.records_per_shard.value
        self._tokens = np.full(self._shards, self._shard_limit)
        votes_table, tallies_table = scenario.meters()
        writer = Lanes(scenario.writer, scenario, votes_table, self._random)
        aggregator = CountingLanes(scenario.aggregator, scenario, tallies_table, self._random)
        self._consumers: tuple[Lanes, Lanes] = (writer, aggregator)
        self._came = np.zeros(self._shards)
        self._phases = self._random.random(self._shards)
        # Per sample and shard: votes that came, and those that wait for each consumer.
        self._in_shards: list[tuple[Array, Array, Array]] = []

    def run(self) -> Course:
        """Play the event and its drain."""
        edges = np.arange(self._steps + 1, dtype=np.float64) * self._step
        means = np.diff(self._scenario.event.sent(edges))
        self._sample(0.0)
        index = 0
        while index < self._steps or any(lanes.busy(index * self._step) for lanes in self._consumers):
            self._advance(index, float(means[index]) if index < self._steps else 0.0)
            index += 1
            if index % self._sample_every == 0:
                self._sample(index * self._step)
        if index % self._sample_every:
            self._sample(index * self._step)
        return self._course()

    def _advance(self, index: int, mean: float) -> None:
        now, end = index * self._step, (index + 1) * self._step
        if self._growth is not None:
            self._grow_to(self._scenario.shards_for(self._growth.at(now)))
        per_lane = self._accept(mean, now) if mean > 0 else np.zeros_like(self._consumers[0].queue)
        per_shard = per_lane.sum(axis=1, keepdims=True)
        self._came += per_shard[:, 0]
        for lanes, votes in zip(self._consumers, (per_lane, per_shard), strict=True):
            fresh = lanes.arrive(votes, self._polled(lanes.lane, index), now, end)
            lanes.work(fresh, now, end, self._offset())

    def _offset(self) -> float:
        """Return the random offset of ``thin``; above 0, so that a share of 1 keeps every vote."""
        return float(0.01 + 0.98 * self._random.random())

    def _polled(self, lane: ConsumerLane, index: int) -> Array | None:
        """Return 1 for shards that are polled in this step. None: votes are read at once (fan-out, open window)."""
        if lane.poll.value == 0 or lane.window > 0:
            return None
        every = max(1, round(lane.poll.value / self._step))
        return np.asarray(index % every == np.floor(self._phases * every))[:, None].astype(np.float64)

    def _accept(self, mean: float, now: float) -> Array:
        """Return the votes per lane that the door and the shards accept in a step."""
        per_vote = self._scenario.event.figures["requests_per_vote"].value
        sent = self._random.poisson(mean * self._weights()).astype(np.float64)
        total, allowed = float(sent.sum()), self._door.offer(self._step) / per_vote
        admitted = sent
        if total > allowed:
            admitted = thin(sent.ravel(), floor(allowed) / total, self._offset()).reshape(sent.shape)
        passed = float(admitted.sum())
        self._door.take(passed * per_vote, self._step)
        in_shard = admitted.sum(axis=1)
        offered = self._tokens + self._shard_limit * self._step
        accepted = admitted
        if (in_shard > offered).any():
            share = np.minimum(1.0, np.floor(offered) / np.maximum(in_shard, 1.0))[:, None]
            accepted = thin(admitted, share, self._offset())
        taken = accepted.sum(axis=1)
        self._tokens = np.minimum(self._shard_limit, offered - taken)
        self._count(total, passed, float(taken.sum()))
        if self._growth is not None:
            self._growth.consumed(now, float(taken.sum()) / self._step)
        return accepted

    def _weights(self) -> Array:
        """Return each lane's share of the votes; the hot voter's lane is the first."""
        hot, queue = self._scenario.event.hot_voter_share, self._consumers[0].queue
        weights = np.full(queue.shape, (1 - hot) / queue.size)
        weights[0, 0] += hot
        return weights

    def _grow_to(self, shards: int) -> None:
        more = shards - self._shards
        if more > 0:
            self._shards = shards
            self._tokens = np.pad(self._tokens, (0, more), constant_values=self._shard_limit)
            self._came = np.pad(self._came, (0, more))
            self._phases = np.concatenate([self._phases, self._random.random(more)])
            for lanes in self._consumers:
                lanes.spread_to(shards)

    def _sample(self, now: float) -> None:
        """Keep all numbers of this moment."""
        to_store, to_count = (lanes.waiting for lanes in self._consumers)
        stored, counted = float((self._came - to_store).sum()), float((self._came - to_count).sum())
        self._keep(now, *self._consumers, stored=stored, counted=counted)
        self._in_shards.append((self._came.copy(), to_store, to_count))

    def _lag(self, consumer: int, times: Array) -> Array:
        """Return the age of a consumer's oldest unfinished vote; it was on its way for a while first."""
        came, waiting = np.zeros((2, len(times), self._shards))
        for row, numbers in enumerate(self._in_shards):
            came[row, : len(numbers[0])], waiting[row, : len(numbers[0])] = numbers[0], numbers[1 + consumer]
        oldest = np.zeros_like(times)
        for volume, backlog in zip(came.T, waiting.T, strict=True):
            oldest = np.maximum(oldest, age(times, volume, backlog))
        return np.where(oldest > 0, oldest + self._consumers[consumer].lane.on_its_way, 0.0)

    def _course(self) -> Course:
        ends = [lanes.ended + lanes.lane.on_its_way for lanes in self._consumers]
        own = (columns := self._curves()).pop("times")
        times = np.union1d(own, ends)
        columns |= {"storing_lag": self._lag(0, own), "live_lag": self._lag(1, own)}
        found = {name: np.interp(times, own, column) for name, column in columns.items()}
        accepted = found["sent"] - found["refused_by_api"] - found["refused_by_stream"]
        # The last vote of each consumer is processed when its batch ends.
        for name, end in zip(("stored", "counted"), ends, strict=True):
            column = columns[name]
            unfinished = (own < end) & (column < column[-1])
            known = np.append(own[unfinished], end)
            done = np.interp(times, known, np.append(column[unfinished], column[-1]))
            # Between two samples, a vote can't be processed before it was accepted.
            found[name] = np.minimum(done, accepted)
        return Course(times=times, event_seconds=self._scenario.event.duration, **found)
