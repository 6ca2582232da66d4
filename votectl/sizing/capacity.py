"""What a table, a stream or a door grants per step: token buckets, and capacity that grows."""

from collections import deque
from dataclasses import dataclass, field
from math import inf

# A table smooths load within a second: it refuses only load beyond one second's capacity.
_SMOOTHED_SECONDS = 1.0


class Bucket:
    """A token bucket: refilled at a rate (per second), up to a size. It starts full."""

    def __init__(self, rate: float, size: float) -> None:
        self._rate, self._size, self._tokens = rate, size, size

    def offer(self, seconds: float, now: float = 0.0) -> float:  # noqa: ARG002 - a growing capacity needs it
        """Return the tokens available in a step: the kept ones and the new ones."""
        return self._tokens + self._rate * seconds

    def take(self, amount: float, seconds: float, now: float = 0.0) -> None:  # noqa: ARG002
        """End a step in which ``amount`` tokens were taken."""
        self._tokens = min(self._size, self._tokens + self._rate * seconds - amount)


class GrowingCapacity:
    """On-demand capacity by AWS's rule: at once up to ``factor`` times the peak of ``seconds`` ago."""

    def __init__(self, initial: float, factor: float, seconds: float, ceiling: float) -> None:
        self.initial, self._factor, self._seconds, self._ceiling = initial, factor, seconds, ceiling
        self._peak = initial / factor  # the highest rate that counts for growth
        self._recent, self._highest = deque[tuple[float, float]](), 0.0
        self._kept = 0.0  # unused in the last second

    def at(self, now: float) -> float:
        """Return the capacity (per second) at a time; times must not go backwards."""
        while self._recent and self._recent[0][0] <= now - self._seconds:
            self._peak = max(self._peak, self._recent.popleft()[1])
        return min(self._ceiling, max(self.initial, self._factor * self._peak))

    def consumed(self, now: float, rate: float) -> None:
        """Record a rate of consumption; only what was granted counts."""
        rate = min(rate, self.at(now))
        if rate > self._highest:
            self._highest = rate
            self._recent.append((now, rate))

    def offer(self, seconds: float, now: float) -> float:
        """Return the units available in a step."""
        return self._kept + self.at(now) * seconds

    def take(self, amount: float, seconds: float, now: float) -> None:
        """End a step in which ``amount`` units were taken."""
        self._kept = min(self.at(now) * _SMOOTHED_SECONDS, self.offer(seconds, now) - amount)
        self.consumed(now, amount / seconds)


@dataclass
class FrontDoor:
    """The throttle of the door, and the containers of the function behind it: without one, containers without end."""

    throttle: Bucket
    room: Bucket = field(
        default_factory=lambda: Bucket(0.0, 0.0)
    )  # for more containers, which stay for the event
    containers: float = inf  # that are ready when the event begins
    most: float = inf
    requests_each: float = 1.0  # a second, of one container
    cold_starts: float = field(default=0.0, init=False)

    def offer(self, seconds: float) -> float:
        """Return the requests that are admitted in a step."""
        count = min(self.most, self.containers + self.room.offer(seconds))
        return min(self.throttle.offer(seconds), count * self.requests_each * seconds)

    def take(self, requests: float, seconds: float) -> None:
        """End a step in which so many requests were admitted."""
        self.throttle.take(requests, seconds)
        more = max(0.0, requests / seconds / self.requests_each - self.containers)
        self.room.take(more, seconds)
        self.containers += more
        self.cold_starts += more


class WriteMeter:
    """A table's write capacity, limited by its partitions. Counts the refused units."""

    def __init__(self, capacity: Bucket | GrowingCapacity, partition_units: float) -> None:
        self._capacity, self.throttled = capacity, 0.0
        self._partitions = Bucket(partition_units, partition_units * _SMOOTHED_SECONDS)

    def grant(self, wanted: float, now: float, seconds: float) -> float:
        """Return the units granted in a step."""
        granted = min(wanted, self._capacity.offer(seconds, now), self._partitions.offer(seconds))
        self._partitions.take(granted, seconds)
        self._capacity.take(granted, seconds, now)
        self.throttled += wanted - granted
        return granted
