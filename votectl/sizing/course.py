"""The course of an event, predicted or simulated: cumulative curves, and the numbers and the usage read off them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from votectl.sizing.capacity import WriteMeter
from votectl.sizing.consumer import ConsumerLane, whole
from votectl.sizing.event import Array
from votectl.sizing.explain import Figure, computed
from votectl.sizing.scenario import EventScenario

# A peak is the highest mean over a minute, CloudWatch's usual period. For short events it is a fifth of
# the event, but at least 5 s, so that single batches do not show.
PEAK_SECONDS = (5.0, 60.0)
_UNITS = {  # of a course's numbers, by the endings of their names; all others are seconds
    "votes": ("_sent", "_api", "_stream", "_stored", "backlog_peak", "_batch_mean"),
    "WCU/s": ("_units_per_second", "_units_peak"),
    "WCU": ("_units", "_units_throttled"),
    "batches": ("_batches",),
    "shards": ("shards_peak",),
    "starts": ("cold_starts",),
}


class ConsumerWork:
    """What a consumer has done so far."""

    def __init__(self, lane: ConsumerLane, meter: WriteMeter) -> None:
        self.lane, self.meter = lane, meter
        self.units = self.batches = self.seconds = 0.0


class Play:
    """What prediction and simulation count alike while an event takes its course."""

    def __init__(self, scenario: EventScenario) -> None:
        self._scenario, self._door, self._growth = scenario, scenario.front_door(), scenario.stream_growth()
        self._shards = scenario.shards
        self._votes = dict.fromkeys(("sent", "refused_by_api", "refused_by_stream"), 0.0)
        self._moments: list[dict[str, float]] = []

    def _count(self, sent: float, admitted: float, accepted: float) -> None:
        self._votes["sent"] += sent
        self._votes["refused_by_api"] += sent - admitted
        self._votes["refused_by_stream"] += max(0.0, admitted - accepted)

    def _keep(self, now: float, writer: ConsumerWork, aggregator: ConsumerWork, **more: float) -> None:
        """Keep the numbers of a moment, by the names of the curves."""
        moment = {"times": now, "shards": float(self._shards), "cold_starts": self._door.cold_starts, **more}
        moment |= self._votes
        for table, name, work in (("vote", "writer", writer), ("live", "aggregator", aggregator)):
            moment |= {f"{table}_units": work.units, f"{table}_units_throttled": work.meter.throttled}
            moment |= {f"{name}_batches": work.batches, f"{name}_seconds": work.seconds}
        self._moments.append(moment)

    def _curves(self) -> dict[str, Array]:
        return {name: np.array([moment[name] for moment in self._moments]) for name in self._moments[0]}


@dataclass(frozen=True)
class Course:
    """Curves over ``times`` (s from the event's beginning), cumulative unless said otherwise."""

    times: Array
    sent: Array  # votes
    refused_by_api: Array  # votes
    refused_by_stream: Array  # votes
    stored: Array  # votes, by the writer
    counted: Array  # votes, by the aggregator
    vote_units: Array  # write units consumed of the votes table
    live_units: Array  # write units consumed of the tallies table
    vote_units_throttled: Array  # write units that the votes table refused; they are retried
    live_units_throttled: Array
    writer_batches: Array  # invocations
    aggregator_batches: Array
    writer_seconds: Array  # function time of all invocations
    aggregator_seconds: Array
    storing_lag: Array  # s, at each time: age of the oldest accepted vote that is not stored
    live_lag: Array  # s, at each time: age of the oldest accepted vote that is not in the live result
    shards: Array  # at each time
    cold_starts: Array  # containers of the ingress function that were started for requests
    event_seconds: float

    @property
    def accepted(self) -> Array:
        """Votes in the stream, cumulative."""
        return self.sent - self.refused_by_api - self.refused_by_stream

    def peak(self, curve: Array) -> float:
        """Return the highest mean rate of a cumulative curve over ``PEAK_SECONDS``."""
        width = float(np.clip(self.event_seconds / 5, *PEAK_SECONDS))
        ends = np.unique(np.concatenate([self.times, self.times + width]))
        ends = ends[(ends >= width) & (ends <= self.times[-1])]
        if not len(ends):
            return float(curve[-1] / width)
        gained = np.interp(ends, self.times, curve) - np.interp(ends - width, self.times, curve)
        return float(np.max(gained) / width)

    def done(self, curve: Array) -> float:
        """Return the time at which a cumulative curve reaches its end."""
        if curve[-1] <= 0:
            return self.event_seconds
        return float(self.times[int(np.argmax(curve >= curve[-1] * (1 - 1e-9)))])


class CourseSummary:
    """A course in numbers. Times in seconds, rates per second."""

    def __init__(self, course: Course) -> None:

        def last(curve: Array) -> float:
            return float(curve[-1])

        end = course.event_seconds
        self.votes_sent = last(course.sent)
        self.votes_refused_by_api = last(course.refused_by_api)
        self.votes_refused_by_stream = last(course.refused_by_stream)
        self.votes_stored = last(course.stored)
        self.vote_units = last(course.vote_units)
        self.vote_units_peak = course.peak(course.vote_units)
        self.vote_units_throttled = last(course.vote_units_throttled)
        self.live_units = last(course.live_units)
        self.live_units_peak = course.peak(course.live_units)
        # The mean while the event lasts.
        self.live_units_per_second = float(np.interp(end, course.times, course.live_units)) / end
        self.writer_batches = last(course.writer_batches)
        self.writer_batch_mean = self.votes_stored / (self.writer_batches or np.inf)
        self.writer_seconds = last(course.writer_seconds)
        self.aggregator_batches = last(course.aggregator_batches)
        self.aggregator_batch_mean = last(course.counted) / (self.aggregator_batches or np.inf)
        self.aggregator_seconds = last(course.aggregator_seconds)
        self.backlog_peak = float(np.max(course.accepted - course.stored))
        self.storing_lag_peak = float(np.max(course.storing_lag))
        self.live_lag_peak = float(np.max(course.live_lag))
        # From the event's end until the last accepted vote is processed.
        self.storing_drain = max(0.0, course.done(course.stored) - end)
        self.live_drain = max(0.0, course.done(course.counted) - end)
        self.shards_peak = float(np.max(course.shards))
        self.cold_starts = last(course.cold_starts)


def course_figures(scenario: EventScenario, summary: CourseSummary, how: str) -> dict[str, Figure]:
    """Return a course's numbers as figures, by name; each rests on the arrivals and on its consumer."""
    arrivals = (scenario.event.figures["peak"], scenario.event.figures["duration"])
    storing, counting = arrivals + scenario.writer_inputs(), arrivals + scenario.aggregator_inputs()
    found = {}
    for name, value in vars(summary).items():
        inputs = counting if name.startswith(("live_", "aggregator_")) else storing
        unit = next((unit for unit, endings in _UNITS.items() if name.endswith(endings)), "s")
        found[name] = computed(name.replace("_", " "), value, unit, how, *inputs)
    return found


class Keeping(NamedTuple):
    """How long capacity is kept around the event, in hours."""

    before: float = 1.0
    after: float = 1.0


@dataclass(frozen=True)
class Usage:
    """What a course uses of everything that has a price."""

    source: str
    hours: float  # for which capacity is paid
    shards: float
    event_share: float = 0.0  # of the event, by time
    used: Mapping[str, float] = field(default_factory=dict)  # by the names of a course's curves

    def __getitem__(self, curve: str) -> float:
        return self.used.get(curve, 0.0)

    @classmethod
    def of(cls, course: Course, keeping: Keeping, source: str, until: float | None = None) -> "Usage":
        """Return the usage of the whole course, in begun hours, or until a time (s), in fractions."""
        now = float(course.times[-1]) if until is None else until
        hours = keeping.before + now / 3600
        paid = float(whole(hours + keeping.after)) if until is None else hours
        shards = float(np.max(course.shards[course.times <= now]))
        curves = {name: curve for name, curve in vars(course).items() if isinstance(curve, np.ndarray)}
        curves |= {"accepted": course.accepted, "admitted": course.sent - course.refused_by_api}
        used = {name: float(np.interp(now, course.times, curve)) for name, curve in curves.items()}
        return cls(source, paid, shards, min(now / course.event_seconds, 1.0), used)
