"""What a table, a stream or a door grants per step: token buckets, and capacity that grows."""

from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Growth:
    """AWS's rule for on-demand capacity: at once up to ``factor`` times the peak of ``seconds`` ago."""

    initial: float
    factor: float
    seconds: float
    ceiling: float


class Bucket:
    """A token bucket: refilled at a rate, up to a size. It starts full."""

    def __init__(self, rate: float, size: float) -> None:
        """Take tokens per second, and the size."""
        self._rate = rate
        self._size = size
        self._tokens = size

    def offer(self, seconds: float) -> float:
        """Return the tokens available in a step: the kept ones and the new ones."""
        return self._tokens + self._rate * seconds

    def take(self, amount: float, seconds: float) -> None:
        """End a step in which ``amount`` tokens were taken."""
        self._tokens = min(self._size, self._tokens + self._rate * seconds - amount)


class GrowingCapacity:
    """On-demand capacity over time, from past consumption."""

    def __init__(self, growth: Growth) -> None:
        """Take the rule."""
        self._growth = growth
        self._peak = growth.initial / growth.factor  # the highest rate that counts for growth
        self._recent: deque[tuple[float, float]] = deque()
        self._highest = 0.0

    def at(self, now: float) -> float:
        """Return the capacity (per second) at a time; times must not go backwards."""
        while self._recent and self._recent[0][0] <= now - self._growth.seconds:
            self._peak = max(self._peak, self._recent.popleft()[1])
        return min(self._growth.ceiling, max(self._growth.initial, self._growth.factor * self._peak))

    def consumed(self, now: float, rate: float) -> None:
        """Record a rate of consumption."""
        if rate > self._highest:
            self._highest = rate
            self._recent.append((now, rate))


@dataclass(frozen=True)
class Scaling:
    """Lambda's rules for one function: containers grow by ``per_second``, and by ``burst`` at once."""

    ready: float  # containers when the event begins
    limit: float  # containers at most
    requests_each: float  # requests a second of one container
    per_second: float
    burst: float


class Containers:
    """The containers of a function that answers requests. They stay for the event."""

    def __init__(self, scaling: Scaling) -> None:
        """Take the rules."""
        self._scaling = scaling
        self._room = Bucket(scaling.per_second, scaling.burst)
        self._count = scaling.ready
        self.cold_starts = 0.0

    def offer(self, seconds: float) -> float:
        """Return the requests that can be answered in a step."""
        count = min(self._scaling.limit, self._count + self._room.offer(seconds))
        return count * self._scaling.requests_each * seconds

    def take(self, requests: float, seconds: float) -> None:
        """End a step in which so many requests were answered."""
        more = max(0.0, requests / seconds / self._scaling.requests_each - self._count)
        self._room.take(more, seconds)
        self._count += more
        self.cold_starts += more


class FrontDoor:
    """The throttle of the door, and the containers of the function behind it, if there are any."""

    def __init__(self, throttle: Bucket | None, scaling: Scaling | None) -> None:
        """Take both; None does not limit."""
        self._throttle = throttle
        self._containers = None if scaling is None else Containers(scaling)

    @property
    def cold_starts(self) -> float:
        """Containers that were started for requests so far."""
        return 0.0 if self._containers is None else self._containers.cold_starts

    def offer(self, seconds: float) -> float:
        """Return the requests that are admitted in a step."""
        parts = [part for part in (self._throttle, self._containers) if part is not None]
        return min(part.offer(seconds) for part in parts)

    def take(self, requests: float, seconds: float) -> None:
        """End a step in which so many requests were admitted."""
        for part in (self._throttle, self._containers):
            if part is not None:
                part.take(requests, seconds)


# A table smooths load within a second: it refuses only load beyond one second's capacity.
_SMOOTHED_SECONDS = 1.0


@dataclass
class WriteMeter:
    """A table's write capacity, limited by its partitions. Counts the refused units."""

    capacity: Bucket | GrowingCapacity
    partition_units: float
    throttled: float = field(default=0.0, init=False)
    _kept: float = field(default=0.0, init=False)  # unused units of the last second, on demand
    _partitions: Bucket = field(init=False)

    def __post_init__(self) -> None:
        self._partitions = Bucket(self.partition_units, self.partition_units * _SMOOTHED_SECONDS)

    def grant(self, wanted: float, now: float, seconds: float) -> float:
        """Return the units granted in a step."""
        if isinstance(self.capacity, Bucket):
            available = self.capacity.offer(seconds)
        else:
            rate = self.capacity.at(now)
            available = self._kept + rate * seconds
        granted = min(wanted, available, self._partitions.offer(seconds))
        self._partitions.take(granted, seconds)
        if isinstance(self.capacity, Bucket):
            self.capacity.take(granted, seconds)
        else:
            self._kept = min(rate * _SMOOTHED_SECONDS, available - granted)
            self.capacity.consumed(now, min(granted / seconds, rate))
        self.throttled += wanted - granted
        return granted
