"""The course of an event: cumulative curves over time, and the numbers and the usage read off them.

Prediction and simulation both return a course, so they are compared on the same numbers.
"""

from dataclasses import dataclass, fields

import numpy as np

from votectl.sizing.consumer import whole
from votectl.sizing.event import Array

# A peak is the highest mean over a minute, CloudWatch's usual period. For short events it is a fifth of
# the event, but at least 5 s, so that single batches do not show.
PEAK_SECONDS = (5.0, 60.0)


@dataclass(frozen=True)
class Course:
    """Curves over ``times`` (s from the event's beginning), cumulative unless said otherwise.

    Accepted votes = sent - refused_by_api - refused_by_stream.
    """

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

    @property
    def backlog(self) -> Array:
        """Accepted votes that are not stored yet, at each time."""
        return self.accepted - self.stored

    def rate(self, curve: Array) -> Array:
        """Return a curve's mean rate in the interval before each time (the first is the second's)."""
        rates = np.diff(curve) / np.diff(self.times)
        return np.concatenate([rates[:1], rates])

    @property
    def peak_seconds(self) -> float:
        """The period over which a peak is averaged."""
        return float(np.clip(self.event_seconds / 5, *PEAK_SECONDS))

    def peak(self, curve: Array) -> float:
        """Return the highest mean rate of a cumulative curve over ``peak_seconds``."""
        width = self.peak_seconds
        ends = np.unique(np.concatenate([self.times, self.times + width]))
        ends = ends[(ends >= width) & (ends <= self.times[-1])]
        if not len(ends):
            return float(curve[-1] / width)
        return float(
            np.max(np.interp(ends, self.times, curve) - np.interp(ends - width, self.times, curve)) / width
        )

    def done(self, curve: Array) -> float:
        """Return the time at which a cumulative curve reaches its end."""
        total = curve[-1]
        if total <= 0:
            return self.event_seconds
        return float(self.times[int(np.argmax(curve >= total * (1 - 1e-9)))])


@dataclass(frozen=True)
class CourseSummary:
    """A course in numbers. Times in seconds, rates per second."""

    votes_sent: float
    votes_refused_by_api: float
    votes_refused_by_stream: float
    votes_stored: float
    vote_units: float
    vote_units_peak: float
    vote_units_throttled: float
    live_units: float
    live_units_peak: float
    live_units_per_second: float  # mean while the event lasts
    writer_batches: float
    writer_batch_mean: float
    writer_seconds: float
    aggregator_batches: float
    aggregator_batch_mean: float
    aggregator_seconds: float
    backlog_peak: float
    storing_lag_peak: float
    live_lag_peak: float
    storing_drain: float  # from the event's end until the last accepted vote is stored
    live_drain: float
    shards_peak: float
    cold_starts: float

    @classmethod
    def of(cls, course: Course) -> "CourseSummary":
        """Read the numbers off a course."""
        stored, counted = float(course.stored[-1]), float(course.counted[-1])
        batches, live_batches = float(course.writer_batches[-1]), float(course.aggregator_batches[-1])
        end = course.event_seconds
        return cls(
            votes_sent=float(course.sent[-1]),
            votes_refused_by_api=float(course.refused_by_api[-1]),
            votes_refused_by_stream=float(course.refused_by_stream[-1]),
            votes_stored=stored,
            vote_units=float(course.vote_units[-1]),
            vote_units_peak=course.peak(course.vote_units),
            vote_units_throttled=float(course.vote_units_throttled[-1]),
            live_units=float(course.live_units[-1]),
            live_units_peak=course.peak(course.live_units),
            live_units_per_second=float(np.interp(end, course.times, course.live_units)) / end,
            writer_batches=batches,
            writer_batch_mean=stored / batches if batches else 0.0,
            writer_seconds=float(course.writer_seconds[-1]),
            aggregator_batches=live_batches,
            aggregator_batch_mean=counted / live_batches if live_batches else 0.0,
            aggregator_seconds=float(course.aggregator_seconds[-1]),
            backlog_peak=float(np.max(course.backlog)),
            storing_lag_peak=float(np.max(course.storing_lag)),
            live_lag_peak=float(np.max(course.live_lag)),
            storing_drain=max(0.0, course.done(course.stored) - end),
            live_drain=max(0.0, course.done(course.counted) - end),
            shards_peak=float(np.max(course.shards)),
            cold_starts=float(course.cold_starts[-1]),
        )

    def as_dict(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


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
        now = float(course.times[-1]) if until is None else until

        def at(curve: Array) -> float:
            return float(np.interp(now, course.times, curve))

        if until is None:
            hours = float(whole(keeping.before + now / 3600 + keeping.after))
        else:
            hours = keeping.before + now / 3600
        return cls(
            votes=at(course.sent - course.refused_by_api),
            accepted=at(course.accepted),
            vote_units=at(course.vote_units),
            live_units=at(course.live_units),
            writer_batches=at(course.writer_batches),
            writer_seconds=at(course.writer_seconds),
            aggregator_batches=at(course.aggregator_batches),
            aggregator_seconds=at(course.aggregator_seconds),
            shards=float(np.max(course.shards[course.times <= now])),
            cold_starts=at(course.cold_starts),
            hours=hours,
            event_share=min(now / course.event_seconds, 1.0),
            source=source,
        )
