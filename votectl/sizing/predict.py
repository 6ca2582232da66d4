"""What a deployment does under an event, as expected flows: no chance, no single batches.

Votes flow through the front door's throttle and the shards' limits into one queue per lane. A lane that is behind
serves its queue at the rate of full batches; a lane that is not forms batches as they come. The table's capacity
bounds all lanes together. Integrated along the arrival curve: between two points everything is linear.
"""

from collections.abc import Iterator
from math import log, sqrt

import numpy as np

from votectl.sizing.capacity import WriteMeter
from votectl.sizing.consumer import ConsumerLane, LiveRowModel
from votectl.sizing.course import ConsumerWork, Course, Play
from votectl.sizing.event import Array
from votectl.sizing.scenario import EventScenario

_POINTS = 300  # of the arrival curve
_DRAIN_POINTS = 100  # from the event's end until the queues are empty
_MOST_DRAIN_STEPS = 20_000
_EMPTY = 1e-6  # votes
_LAST_BATCH = 1e-6  # the share of votes that is done only at the very end


def flow(scenario: EventScenario) -> Course:
    """Return the expected course of an event."""
    event, integration = scenario.event, _Integration(scenario)
    points = [time * event.duration for time, _ in event.curve]
    times = np.unique(np.concatenate([np.linspace(0, event.duration, _POINTS), points]))
    for start, end, volume in zip(times, times[1:], np.diff(event.sent(times)), strict=False):
        integration.step(float(start), float(end - start), float(volume))
    now = event.duration
    for seconds in integration.draining():
        integration.step(now, seconds, 0.0)
        now += seconds
    return integration.course()


class _Queues(ConsumerWork):
    """One consumer's lanes in groups of like lanes: the hot voter's, the fullest by chance, the others."""

    def __init__(self, lane: ConsumerLane, meter: WriteMeter, lane_rate: float) -> None:
        super().__init__(lane, meter)
        self.lane_rate = lane_rate
        self.backlog = np.zeros(3)
        self.volumes = [np.zeros(3)]  # cumulative, at each time
        self.backlogs = [np.zeros(3)]  # at each time
        self.behind = 0.0  # s that the worst lane, or the table, needs for what is queued


class _Integration(Play):
    """Everything that changes while an event is integrated."""

    def __init__(self, scenario: EventScenario) -> None:
        super().__init__(scenario)
        self._consumers = [
            _Queues(lane, meter, scenario.lane_rate(lane).value)
            for lane, meter in zip((scenario.writer, scenario.aggregator), scenario.meters(), strict=True)
        ]
        self._rows = LiveRowModel(scenario.event, scenario.writing)
        self._keep(0.0, *self._consumers)

    def step(self, now: float, seconds: float, sent: float) -> None:
        """Let ``seconds`` pass in which ``sent`` votes come."""
        per_vote = self._scenario.event.figures["requests_per_vote"].value
        admitted = min(sent, self._door.offer(seconds) / per_vote)
        self._door.take(admitted * per_vote, seconds)
        hot, rest = self._accept(admitted, now, seconds)
        for queues in self._consumers:
            self._serve(queues, hot, rest, now, seconds)
        self._count(sent, admitted, hot + rest)
        self._keep(now + seconds, *self._consumers)

    def _accept(self, admitted: float, now: float, seconds: float) -> tuple[float, float]:
        """Return the hot voter's votes and all others that the stream takes."""
        if self._growth is not None:
            self._shards = self._scenario.shards_for(self._growth.at(now))
        limit = self._scenario.records_per_shard.value * seconds
        hot_share = self._scenario.event.hot_voter_share
        hot, rest = admitted * hot_share, admitted * (1 - hot_share)
        in_shard = rest / self._shards
        refused = max(0.0, 1 - limit / max(hot + in_shard, _EMPTY))  # in the hot voter's shard
        hot -= hot * refused
        rest -= in_shard * refused + max(0.0, in_shard - limit) * (self._shards - 1)
        if self._growth is not None:
            self._growth.consumed(now, (hot + rest) / seconds)
        return hot, rest

    def _serve(self, queues: _Queues, hot: float, rest: float, now: float, seconds: float) -> None:
        lane = queues.lane
        lanes, volume = self._spread(lane, hot, rest)
        due = queues.backlog + volume
        wanted = np.minimum(due, lanes * queues.lane_rate * seconds)
        # A backlog goes in full batches. Without a backlog, batches are as large as votes arrive.
        full = np.where(due - wanted > _EMPTY, wanted, np.minimum(queues.backlog, wanted))
        per_second = lane.batches_per_second((wanted - full) / seconds / np.maximum(lanes, 1.0))
        batches = full / lane.limit + np.where(wanted > full, per_second * lanes * seconds, 0.0)
        sizes = wanted / np.maximum(batches, 1e-12)
        units = float(wanted.sum()) * self._scenario.units_per_vote.value
        if queues is self._consumers[1]:
            rows = float((self._rows.in_batch(sizes) * batches).sum())
            units = rows * self._scenario.live_row_units.value
        granted = queues.meter.grant(units, now, seconds)
        share = granted / units if units > 0 else 1.0
        queues.backlog = np.maximum(due - wanted * share, 0.0)
        queues.batches += float(batches.sum()) * share
        # A throttled invocation waits, so its time counts in full.
        queues.seconds += float((batches * lane.time.seconds(sizes)).sum())
        queues.units += granted
        waiting = float(np.max(queues.backlog / np.maximum(lanes, 1.0))) / queues.lane_rate
        written = float(wanted.sum()) * share / seconds
        queues.behind = max(waiting, float(queues.backlog.sum()) / written if written > 0 else 0.0)
        queues.volumes.append(queues.volumes[-1] + volume)
        queues.backlogs.append(queues.backlog)

    def _spread(self, lane: ConsumerLane, hot: float, rest: float) -> tuple[Array, Array]:
        """Return the lanes of each group, and their votes: the largest of L counts of mean m is m + sqrt(2 m ln L)."""
        event, total = self._scenario.event, self._shards * lane.per_shard
        hot_lanes, in_lane, fullest = float(event.hot_voter_share > 0), rest / total, 0.0
        some = float(total - hot_lanes >= 2)  # whether there are other lanes, one of which is the fullest
        if some:
            mean = event.votes / total
            fullest = in_lane * min(1 + sqrt(2 * log(total) / mean), total - hot_lanes)
        lanes = np.array([hot_lanes, some, total - hot_lanes - some])
        others = rest - hot_lanes * in_lane - fullest if some else lanes[2] * in_lane
        return lanes, np.array([hot + hot_lanes * in_lane, fullest, others])

    def draining(self) -> Iterator[float]:
        """Yield steps (s) from the event's end until the queues are empty."""
        first = max(queues.behind for queues in self._consumers)
        for _ in range(_MOST_DRAIN_STEPS):
            if max(queues.backlog.sum() for queues in self._consumers) < _EMPTY:
                return
            waiting = max(queues.behind for queues in self._consumers)
            yield max(min(waiting, max(waiting / 50, first / _DRAIN_POINTS)), 1e-3)

    def course(self) -> Course:
        """Return the curves."""
        own = (columns := self._curves()).pop("times")
        done = [self._done(queues, own, columns["shards"]) for queues in self._consumers]
        times = np.union1d(own, [ended[-1] for ended, _, _ in done])
        found = {name: np.interp(times, own, column) for name, column in columns.items()}
        found["stored"], found["counted"] = (np.interp(times, ended, votes) for ended, votes, _ in done)
        lags = (np.interp(times, own, lag, right=0.0) for _, _, lag in done)
        found["storing_lag"], found["live_lag"] = lags
        return Course(times=times, event_seconds=self._scenario.event.duration, **found)

    def _done(self, queues: _Queues, times: Array, shards: Array) -> tuple[Array, Array, Array]:
        """Return when votes are processed (after their queue, and the time through a lane), how many, and the lag."""
        event, lane = self._scenario.event, queues.lane
        volumes, backlogs = np.array(queues.volumes), np.array(queues.backlogs)
        lane_rates = event.rate(np.minimum(times, event.duration)) / shards / lane.per_shard
        mean, most = settling(lane, np.minimum(lane_rates, queues.lane_rate))
        waits = backlogs.sum(axis=1) >= _EMPTY
        last = int(np.flatnonzero((times <= event.duration) | waits)[-1])
        emptied = min(last + 1, len(times) - 1) if waits[last] else last
        # The last vote passes a lane that keeps up, or is the end of its backlog, whichever takes longer.
        settled = event.duration + longest(lane, min(float(lane_rates[emptied]), queues.lane_rate))
        end = max(settled, float(times[emptied]) + lane.window + lane.on_its_way)
        served = (volumes - backlogs).sum(axis=1)
        # A lane's queue rises and falls with every batch. Many lanes are rarely at their peaks together.
        lanes = float(np.max(shards)) * lane.per_shard
        usual = mean + (most - lane.propagation.value - mean) * min(1.0, 1.5 / sqrt(lanes))
        ages = [age(times, volume, backlog) for volume, backlog in zip(volumes.T, backlogs.T, strict=True)]
        # A vote in a backlog does not wait for a window, only for its batch to end.
        lag: Array = np.maximum(np.max(ages, axis=0) + lane.full_seconds + lane.on_its_way, most)
        lag[emptied] = max(lag[emptied], end - float(times[emptied]))
        lag[times > times[emptied]] = 0.0
        delay = np.where(waits, np.minimum(usual, lane.full_seconds / 2), usual)
        done = np.append(np.minimum(times + delay, end)[: emptied + 1], end)
        votes = np.append(served[: emptied + 1] * (1 - _LAST_BATCH), served[-1])
        return np.maximum.accumulate(done), votes, lag


def age(times: Array, volume: Array, backlog: Array) -> Array:
    """Return the age of the oldest vote in the queue at each time (first in, first out)."""
    if volume[-1] <= 0:
        return np.zeros_like(times)
    came = np.interp(volume - backlog, volume, times)
    return np.where(backlog < _EMPTY, 0.0, times - came)


def settling(lane: ConsumerLane, rates: Array) -> tuple[Array, Array]:
    """Return the mean and the longest time (s) of a vote through a lane that keeps up.

    With a window, a vote waits for the previous invocation, the window (or a full batch), and its own invocation.
    Without one, it waits for the poll, whose votes are processed batch by batch. The mean leaves out propagation.
    """
    rates = np.maximum(rates, 1e-9)
    poll = lane.poll.value
    if lane.window > 0:
        busy = lane.time.seconds(np.minimum(lane.gathered(rates), lane.limit)) + lane.overhead.value
        gathering = np.minimum(lane.window + busy, np.maximum(lane.limit / rates, busy))
        return gathering / 2 + busy, lane.propagation.value + poll + gathering + busy
    gathered = np.maximum(rates * poll, lane.pushed(rates))
    one = lane.time.seconds(np.minimum(gathered, lane.limit)) + lane.overhead.value
    turns = np.maximum(gathered / lane.limit, 1.0) * one
    return (poll + turns) / 2, lane.propagation.value + np.maximum(poll + one, turns)


def longest(lane: ConsumerLane, rate: float) -> float:
    """Return the longest time (s) of a vote at this rate, and after it has fallen: then batches are no longer full."""
    unfilled = lane.limit / (lane.window + 2 * lane.full_seconds)
    return max(float(settling(lane, np.asarray(each))[1]) for each in (rate, min(rate, unfilled)))
