"""Pacing: a lane sends its share of the table's writes per second, evenly, so that nothing is throttled.

Throttled writes have to be sent again, and their number depends on batches and backoffs. A pace divides the capacity
beforehand: each lane (one of shards x parallelization factor) gets an equal part, and a backlog drains at a flat,
chosen rate. Every statement counts, because DynamoDB charges for each: first votes, changes, refused ones and retries.
"""

from collections.abc import Callable
from threading import Lock


class Pace:
    """The moments at which a lane may send, one after another. Safe for several threads.

    An idle lane saves nothing up: in any second it sends at most its rate and one call more. If an invocation that
    Lambda has given up still runs beside its successor, each keeps its own pace.
    """

    def __init__(
        self, writes_per_second: float, now_ms: Callable[[], float], sleep_ms: Callable[[float], None]
    ) -> None:
        """Take the rate (0: no limit), a monotonic clock, and sleep."""
        self._ms_per_write = 1000 / writes_per_second if writes_per_second else 0.0
        self._now_ms = now_ms
        self._sleep_ms = sleep_ms
        self._next_turn = now_ms()
        self._lock = Lock()

    def admit(self, writes: int, remaining_ms: Callable[[], float]) -> bool:
        """Wait until a call of so many writes may be sent; return False immediately if that is after the deadline."""
        with self._lock:
            now = self._now_ms()
            turn = max(self._next_turn, now)
            if turn - now >= remaining_ms():
                return False
            self._next_turn = turn + writes * self._ms_per_write
        if turn > now:
            self._sleep_ms(turn - now)
        return True

    def wait_ms(self) -> float:
        """Return how long it is until the next call may be sent."""
        return max(0.0, self._next_turn - self._now_ms())


def unpaced() -> Pace:
    """Return a pace without a rate: it refuses only calls after the deadline."""
    return Pace(0, now_ms=lambda: 0.0, sleep_ms=lambda _: None)
