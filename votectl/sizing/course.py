"""The course of an event: cumulative curves over time, and the numbers and the usage read off them.

Prediction and simulation both return a course, so they are compared on the same numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from votectl.sizing.capacity import FrontDoor, WriteMeter
from votectl.sizing.consumer import whole
from votectl.sizing.event import Array
from votectl.sizing.explain import Figure, computed
from votectl.sizing.scenario import EventScenario

# A peak is the highest mean over a minute, CloudWatch's usual period. For short events it is a fifth of
# the event, but at least 5 s, so that single batches do not show.
PEAK_SECONDS = (5.0, 60.0)
_UNITS = {  # of a course's numbers, by the endings of their names
    "_units_per_second": "WCU/s",
    "_units_peak": "WCU/s",
    "_units_throttled": "WCU",
    "_units": "WCU",
    "_batch_mean": "votes",
    "_batches": "batches",
    "shards_peak": "shards",
    "cold_starts": "starts",
}


class Work(Protocol):
    """What a consumer has done so far."""

    meter: WriteMeter
    units: float
    batches: float
    seconds: float


def totals(writer: Work, aggregator: Work, door: FrontDoor, shards: float) -> dict[str, float]:
    """Return the numbers at a moment that prediction and simulation count alike, by the names of the curves."""
    return {
        "vote_units": writer.units,
        "live_units": aggregator.units,
        "vote_units_throttled": writer.meter.throttled,
        "live_units_throttled": aggregator.meter.throttled,
        "writer_batches": writer.batches,
        "aggregator_batches": aggregator.batches,
        "writer_seconds": writer.seconds,
        "aggregator_seconds": aggregator.seconds,
        "shards": float(shards),
        "cold_starts": door.cold_starts,
    }


def curves(moments: Sequence[Mapping[str, float]]) -> dict[str, Array]:
    """Return the curves of numbers at moments."""
    return {name: np.array([moment[name] for moment in moments]) for name in moments[0]}


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
        """Read the numbers off a course."""

        def last(curve: Array) -> float:
            return float(curve[-1])

        def mean(votes: float, batches: float) -> float:
            return votes / batches if batches else 0.0

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
        self.writer_batch_mean = mean(self.votes_stored, self.writer_batches)
        self.writer_seconds = last(course.writer_seconds)
        self.aggregator_batches = last(course.aggregator_batches)
        self.aggregator_batch_mean = mean(last(course.counted), self.aggregator_batches)
        self.aggregator_seconds = last(course.aggregator_seconds)
        self.backlog_peak = float(np.max(course.accepted - course.stored))
        self.storing_lag_peak = float(np.max(course.storing_lag))
        self.live_lag_peak = float(np.max(course.live_lag))
        # From the event's end until the last accepted vote is processed.
        self.storing_drain = max(0.0, course.done(course.stored) - end)
        self.live_drain = max(0.0, course.done(course.counted) - end)
        self.shards_peak = float(np.max(course.shards))
        self.cold_starts = last(course.cold_starts)

    def as_dict(self) -> dict[str, float]:
        """Return the numbers by name."""
        return dict(vars(self))


def unit_of(name: str) -> str:
    """Return the unit of one of ``CourseSummary``'s numbers."""
    counted = "votes" if name.startswith(("votes_", "backlog")) else "s"
    return next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), counted)


def figures(scenario: EventScenario, summary: CourseSummary, how: str) -> dict[str, Figure]:
    """Return a course's numbers as figures, by name; each rests on the arrivals and on its consumer."""
    arrivals = (scenario.event.figures["peak"], scenario.event.figures["duration"])
    storing, counting = arrivals + scenario.writer_inputs(), arrivals + scenario.aggregator_inputs()
    found = {}
    for name, value in summary.as_dict().items():
        inputs = counting if name.startswith(("live_", "aggregator_")) else storing
        found[name] = computed(name.replace("_", " "), value, unit_of(name), how, *inputs)
    return found


@dataclass(frozen=True)
class Keeping:
    """How long capacity is kept around the event, in hours."""

    before: float = 1.0
    after: float = 1.0


@dataclass(frozen=True)
class Usage:
    """What a course uses of everything that has a price."""

    source: str
    hours: float  # for which capacity is paid
    shards: float
    votes: float = 0.0  # admitted by the front door
    accepted: float = 0.0
    vote_units: float = 0.0
    live_units: float = 0.0
    writer_batches: float = 0.0
    writer_seconds: float = 0.0
    aggregator_batches: float = 0.0
    aggregator_seconds: float = 0.0
    cold_starts: float = 0.0
    event_share: float = 0.0  # of the event, by time

    @classmethod
    def of(cls, course: Course, keeping: Keeping, source: str, until: float | None = None) -> "Usage":
        """Return the usage up to a time (s from the event's beginning), or of the whole course.

        The whole course is charged in begun hours; a part of it in fractions.
        """
        now, hours = until, keeping.before
        if now is None:
            now = float(course.times[-1])
            hours = float(whole(keeping.before + now / 3600 + keeping.after))
        else:
            hours += now / 3600
        names = ["accepted", "vote_units", "live_units", "cold_starts"]
        names += [f"{name}_{kind}" for name in ("writer", "aggregator") for kind in ("batches", "seconds")]
        read = {name: getattr(course, name) for name in names}
        read["votes"] = course.sent - course.refused_by_api
        used = {name: float(np.interp(now, course.times, curve)) for name, curve in read.items()}
        shards = float(np.max(course.shards[course.times <= now]))
        share = min(now / course.event_seconds, 1.0)
        return cls(source=source, hours=hours, shards=shards, event_share=share, **used)
