"""Pacing: a lane sends no more writes a second than its share of the table, evenly, so that nothing is throttled.

What a table refuses for capacity has to be sent again, and how much that is depends on guesses about batches
and backoffs. A pace hands the capacity out beforehand: each lane (one of shards x parallelization factor) gets
an equal part, and a backlog drains at a flat, chosen rate. Every statement that is sent counts, because DynamoDB
charges every one: first votes, changed ones, refused ones, and those that are sent again.
"""

from collections.abc import Callable
from threading import Lock


class Pace:
    """The moments at which a lane may send, one after another. Safe for several threads.

    Nothing is saved up while a lane is idle: in any second it sends at most its rate and one call more. While
    an invocation that Lambda has given up runs on beside its successor, both keep a pace of their own.
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
        """Wait until a call of so many writes may be sent; return False at once if its time is up before that."""
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
    """Return a pace that holds nothing back but what is out of time."""
    return Pace(0, now_ms=lambda: 0.0, sleep_ms=lambda _: None)
