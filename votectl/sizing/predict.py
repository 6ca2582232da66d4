"""What a deployment does under an event, as expected flows: no chance, no single batches.

Votes flow through the front door's throttle and the shards' limits into one queue per lane; a lane
serves its queue at the rate of full batches when it is behind and forms batches as they come when it
is not; the table's capacity bounds all lanes together. Integrated along the arrival curve; between two
points everything is linear.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log, sqrt
from typing import NamedTuple

import numpy as np

from votectl.settings.deployment import Table
from votectl.sizing.capacity import Bucket, GrowingCapacity, WriteMeter
from votectl.sizing.consumer import ConsumerLane, LiveRowModel
from votectl.sizing.course import Course
from votectl.sizing.event import Array
from votectl.sizing.scenario import EventScenario

_POINTS = 300  # of the arrival curve
_DRAIN_POINTS = 100  # from the event's end until the queues are empty
_MOST_DRAIN_STEPS = 20_000
_EMPTY = 1e-6  # votes
_LAST_BATCH = 1e-6  # the share of votes that is done only at the very end


def table_meter(scenario: EventScenario, table: Table, partition_units: float) -> WriteMeter:
    """Return a table's write capacity at the beginning of an event, its burst unused."""
    if table.provisioned is None:
        return WriteMeter(GrowingCapacity(scenario.table_growth(table)), partition_units)
    write_units, _ = table.provisioned
    burst = scenario.facts.value("dynamodb.burst_seconds") * write_units
    return WriteMeter(Bucket(write_units, burst), partition_units)


def flow(scenario: EventScenario) -> Course:
    """Return the expected course of an event."""
    event = scenario.event
    points = [time * event.duration_seconds for time, _ in event.curve]
    times = np.unique(np.concatenate([np.linspace(0, event.duration_seconds, _POINTS), points]))
    integration = _Integration(scenario)
    for start, end, volume in zip(times, times[1:], np.diff(event.sent(times)), strict=False):
        integration.step(float(start), float(end - start), float(volume))
    now = event.duration_seconds
    for seconds in integration.draining():
        integration.step(now, seconds, 0.0)
        now += seconds
    return integration.course()


class _PredictedTotals(NamedTuple):
    """Cumulative numbers at a time, in the order of ``Course``'s fields."""

    sent: float = 0.0
    refused_by_api: float = 0.0
    refused_by_stream: float = 0.0
    vote_units: float = 0.0
    live_units: float = 0.0
    vote_units_throttled: float = 0.0
    live_units_throttled: float = 0.0
    writer_batches: float = 0.0
    aggregator_batches: float = 0.0
    writer_seconds: float = 0.0
    aggregator_seconds: float = 0.0
    shards: float = 0.0
    cold_starts: float = 0.0


@dataclass
class _Queues:
    """One consumer's lanes in groups of like lanes: the hot voter's, the fullest by chance, the others."""

    lane: ConsumerLane
    lane_rate: float
    meter: WriteMeter
    backlog: Array = field(default_factory=lambda: np.zeros(3))
    volumes: list[Array] = field(default_factory=lambda: [np.zeros(3)])  # cumulative, at each time
    batches: float = 0.0
    seconds: float = 0.0
    units: float = 0.0
    behind: float = 0.0  # s that the worst lane, or the table, needs for what is queued
    backlogs: list[Array] = field(default_factory=lambda: [np.zeros(3)])  # at each time


class _Integration:
    """Everything that changes while an event is integrated."""

    def __init__(self, scenario: EventScenario) -> None:
        self._scenario = scenario
        self._votes = scenario.event.votes
        event, deployment = scenario.event, scenario.deployment
        self._door = scenario.front_door()
        self._growth = None if scenario.stream_growth is None else GrowingCapacity(scenario.stream_growth)
        self._shards = float(scenario.shards)
        self._writer = _Queues(
            scenario.writer,
            scenario.lane_rate(scenario.writer).value,
            table_meter(scenario, deployment.votes_table, scenario.partition_units.value),
        )
        self._aggregator = _Queues(
            scenario.aggregator,
            scenario.lane_rate(scenario.aggregator).value,
            table_meter(scenario, deployment.tallies_table, scenario.key_units),
        )
        self._rows = LiveRowModel(event, scenario.writing)
        self._row_units = scenario.live_row_units.value
        self._times = [0.0]
        self._totals = [_PredictedTotals(shards=self._shards)]

    def step(self, now: float, seconds: float, sent: float) -> None:
        """Let ``seconds`` pass in which ``sent`` votes come."""
        before = self._totals[-1]
        admitted = self._admit(sent, seconds)
        hot, rest = self._accept(admitted, now, seconds)
        for queues in (self._writer, self._aggregator):
            self._serve(queues, hot, rest, now, seconds)
        self._times.append(now + seconds)
        self._totals.append(
            _PredictedTotals(
                sent=before.sent + sent,
                refused_by_api=before.refused_by_api + sent - admitted,
                refused_by_stream=before.refused_by_stream + max(0.0, admitted - (hot + rest)),
                vote_units=self._writer.units,
                live_units=self._aggregator.units,
                vote_units_throttled=self._writer.meter.throttled,
                live_units_throttled=self._aggregator.meter.throttled,
                writer_batches=self._writer.batches,
                aggregator_batches=self._aggregator.batches,
                writer_seconds=self._writer.seconds,
                aggregator_seconds=self._aggregator.seconds,
                shards=self._shards,
                cold_starts=self._door.cold_starts,
            )
        )

    def _admit(self, sent: float, seconds: float) -> float:
        """Return the votes that the front door admits."""
        per_vote = self._scenario.event.requests_per_vote
        admitted = min(sent, self._door.offer(seconds) / per_vote)
        self._door.take(admitted * per_vote, seconds)
        return admitted

    def _accept(self, admitted: float, now: float, seconds: float) -> tuple[float, float]:
        """Return the hot voter's votes and all others that the stream takes."""
        if self._growth is not None:
            self._shards = float(self._scenario.shards_for(self._growth.at(now)))
        limit = self._scenario.records_per_shard.value * seconds
        hot_share = self._scenario.event.hot_voter_share
        hot, rest = admitted * hot_share, admitted * (1 - hot_share)
        in_shard = rest / self._shards
        refused = max(0.0, 1 - limit / max(hot + in_shard, _EMPTY))  # in the hot voter's shard
        hot -= hot * refused
        rest -= in_shard * refused + max(0.0, in_shard - limit) * (self._shards - 1)
        if self._growth is not None:
            self._growth.consumed(now, min((hot + rest) / seconds, self._growth.at(now)))
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
        units = self._units(queues, wanted, batches, sizes)
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
        """Return the lanes of each group, and the votes that arrive there.

        Voters spread over lanes by chance: the largest of L counts of mean m is near m + sqrt(2 m ln L).
        """
        total = self._shards * lane.per_shard
        hot_lanes = 1.0 if self._scenario.event.hot_voter_share else 0.0
        in_lane = rest / total
        if total - hot_lanes < 2:
            lanes = np.array([hot_lanes, 0.0, total - hot_lanes])
            return lanes, np.array([hot + hot_lanes * in_lane, 0.0, lanes[2] * in_lane])
        mean = self._votes / total
        fullest = in_lane * min(1 + sqrt(2 * log(total) / mean), total - hot_lanes)
        lanes = np.array([hot_lanes, 1.0, total - hot_lanes - 1])
        return lanes, np.array([hot + hot_lanes * in_lane, fullest, rest - hot_lanes * in_lane - fullest])

    def _units(self, queues: _Queues, wanted: Array, batches: Array, sizes: Array) -> float:
        """Return the write units of votes in batches."""
        if queues is self._writer:
            return float(wanted.sum()) * self._scenario.units_per_vote.value
        return float((self._rows.in_batch(sizes) * batches).sum()) * self._row_units

    def draining(self) -> Iterator[float]:
        """Yield steps (s) from the event's end until the queues are empty."""
        first = max(self._writer.behind, self._aggregator.behind)
        for _ in range(_MOST_DRAIN_STEPS):
            if max(self._writer.backlog.sum(), self._aggregator.backlog.sum()) < _EMPTY:
                return
            waiting = max(self._writer.behind, self._aggregator.behind)
            yield max(min(waiting, max(waiting / 50, first / _DRAIN_POINTS)), 1e-3)

    def course(self) -> Course:
        """Return the curves."""
        own = np.array(self._times)
        totals = dict(zip(_PredictedTotals._fields, np.array(self._totals).T, strict=True))
        writer = self._done(self._writer, own, totals["shards"])
        aggregator = self._done(self._aggregator, own, totals["shards"])
        times = np.union1d(own, [writer.end, aggregator.end])
        return Course(
            times=times,
            **{name: np.interp(times, own, curve) for name, curve in totals.items()},
            stored=np.interp(times, writer.times, writer.votes),
            counted=np.interp(times, aggregator.times, aggregator.votes),
            storing_lag=np.interp(times, own, writer.lag, right=0.0),
            live_lag=np.interp(times, own, aggregator.lag, right=0.0),
            event_seconds=self._scenario.event.duration_seconds,
        )

    def _done(self, queues: _Queues, times: Array, shards: Array) -> "_Done":
        """Return when votes are processed: after their queue, and the time through a lane."""
        event = self._scenario.event
        volumes, backlogs = np.array(queues.volumes), np.array(queues.backlogs)
        lane_rates = event.rate(np.minimum(times, event.duration_seconds)) / shards / queues.lane.per_shard
        mean, most = settling(queues.lane, np.minimum(lane_rates, queues.lane_rate))
        waits = backlogs.sum(axis=1) >= _EMPTY
        last = int(np.flatnonzero((times <= event.duration_seconds) | waits)[-1])
        emptied = min(last + 1, len(times) - 1) if waits[last] else last
        # The last vote passes a lane that keeps up, or is the end of its backlog, whichever takes longer.
        settled = event.duration_seconds + longest(
            queues.lane, min(float(lane_rates[emptied]), queues.lane_rate)
        )
        end = max(settled, float(times[emptied]) + queues.lane.window + queues.lane.on_its_way)
        served = (volumes - backlogs).sum(axis=1)
        # A lane's queue rises and falls with every batch. Many lanes are rarely at their peaks together.
        lanes = float(np.max(shards)) * queues.lane.per_shard
        usual = mean + (most - queues.lane.propagation.value - mean) * min(1.0, 1.5 / sqrt(lanes))
        ages = [_age(times, volume, backlog) for volume, backlog in zip(volumes.T, backlogs.T, strict=True)]
        # A vote in a backlog does not wait for a window, only for its batch to end.
        age = np.max(ages, axis=0)
        lag: Array = np.maximum(age + queues.lane.full_seconds + queues.lane.on_its_way, most)
        lag[emptied] = max(lag[emptied], end - float(times[emptied]))
        lag[times > times[emptied]] = 0.0
        delay = np.where(waits, np.minimum(usual, queues.lane.full_seconds / 2), usual)
        done = np.append(np.minimum(times + delay, end)[: emptied + 1], end)
        votes = np.append(served[: emptied + 1] * (1 - _LAST_BATCH), served[-1])
        return _Done(np.maximum.accumulate(done), votes, lag, end)


class _Done(NamedTuple):
    """One consumer's finished votes over time, and the age of its oldest unfinished one."""

    times: Array
    votes: Array
    lag: Array
    end: float


def _age(times: Array, volume: Array, backlog: Array) -> Array:
    """Return the age of the oldest vote in the queue at each time (first in, first out)."""
    if volume[-1] <= 0:
        return np.zeros_like(times)
    came = np.interp(volume - backlog, volume, times)
    return np.where(backlog < _EMPTY, 0.0, times - came)


def settling(lane: ConsumerLane, rates: Array) -> tuple[Array, Array]:
    """Return the mean and the longest time (s) of a vote through a lane that keeps up.

    With a window, a vote waits for the invocation before its own, for the window (or a full batch), and for its
    own invocation. The longest time includes a poll just missed. Without a window, a vote waits for the poll,
    and the votes of a poll are processed batch by batch, oldest first. The mean leaves out propagation.
    """
    rates = np.maximum(rates, 1e-9)
    poll = lane.poll_interval or 0.0
    if lane.window > 0:
        busy = lane.time.seconds(np.minimum(lane.gathered(rates), lane.limit)) + lane.overhead.value
        gathering = np.minimum(lane.window + busy, np.maximum(lane.limit / rates, busy))
        return gathering / 2 + busy, lane.propagation.value + poll + gathering + busy
    gathered = np.maximum(rates * poll, lane.pushed(rates))
    one = lane.time.seconds(np.minimum(gathered, lane.limit)) + lane.overhead.value
    turns = np.maximum(gathered / lane.limit, 1.0) * one
    return (poll + turns) / 2, lane.propagation.value + np.maximum(poll + one, turns)


def longest(lane: ConsumerLane, rate: float) -> float:
    """Return the longest time (s) of a vote at this rate, and just after the rate has fallen.

    At a high rate a batch may be full before its window ends, and at a lower rate it is not.
    """
    unfilled = lane.limit / (lane.window + 2 * lane.full_seconds)
    return max(float(settling(lane, np.asarray(each))[1]) for each in (rate, min(rate, unfilled)))
