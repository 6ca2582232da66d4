"""What a course uses of everything that has a price, and how long capacity is kept for it."""

from dataclasses import dataclass

import numpy as np

from votectl.sizing.batching import whole
from votectl.sizing.course import Course
from votectl.sizing.demand import Array


@dataclass(frozen=True)
class Keeping:
    """How long capacity is kept around the event, in hours."""

    before: float = 1.0
    after: float = 1.0


@dataclass(frozen=True)
class Usage:
    """What was used, up to some moment."""

    votes: float  # admitted by the front door
    accepted: float
    vote_units: float
    live_units: float
    writer_batches: float
    writer_seconds: float
    aggregator_batches: float
    aggregator_seconds: float
    shards: float
    hours: float  # for which capacity is paid
    event_share: float  # of the event, by time
    source: str

    @classmethod
    def of(cls, course: Course, keeping: Keeping, source: str, until: float | None = None) -> "Usage":
        """Return what a course uses up to a time (s from the event's beginning), or in all.

        Hours are begun hours, for the whole; on the way they run on evenly.
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
            hours=hours,
            event_share=min(now / course.event_seconds, 1.0),
            source=source,
        )
