"""Invocations that stop before every call of a table, so that a test decides what happens there, and when.

The function's code runs in a thread of its own, but never at the same time as the test: each waits
while the other runs. That makes every interleaving of calls reachable, and each of them repeatable.
"""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

from world.faults import Call, Fault, FunctionStopped

# Both count the invocation's own time: a hanging call takes none of it. So a zombie does not notice that it should have
# ended long ago, which is the worst case.
CALL_MS = 5
SLOW_CALL_MS = 20_000
TIME_FOR_CALLS_MS = 20_000

# A handover takes microseconds; only a fault of these tests themselves could take this long.
HANDOVER_SECONDS = 60


class Outcome(NamedTuple):
    """How an invocation ended: with an answer, or with an error."""

    answer: Any = None
    error: BaseException | None = None


class _Worker:
    """A thread that runs one task after another: to start one for every invocation would be slow."""

    _idle: "list[_Worker]" = []  # noqa: RUF012 - shared by all on purpose

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        Thread(target=self._work, daemon=True).start()

    @classmethod
    def run(cls, task: Callable[[], None]) -> None:
        worker = cls._idle.pop() if cls._idle else cls()
        worker._tasks.put(task)

    def _work(self) -> None:
        while True:
            self._tasks.get()()
            self._idle.append(self)


class Invocation:
    """One run of a function's code; ``let_time_pass`` is called with ms whenever it uses time."""

    def __init__(self, let_time_pass: Callable[[float], None]) -> None:
        self.outcome: Outcome | None = None
        self.waits_at: Call | None = None  # the call that it is about to make
        self.permission_lost = False  # whether a PERMISSION_LOST has hit it: it may then fail permanently
        self._let_time_pass = let_time_pass
        self._used_ms = 0.0
        self._to_code: SimpleQueue[Fault] = SimpleQueue()
        self._to_test: SimpleQueue[Call | Outcome] = SimpleQueue()

    def begin(self, run: Callable[[], Any]) -> None:
        """Run this code to its first call, or to its end. Its calls pass ``gate``."""

        def work() -> None:
            try:
                outcome = Outcome(answer=run())
            except BaseException as error:
                outcome = Outcome(error=error)
            self._to_test.put(outcome)

        _Worker.run(work)
        self._wait()

    def gate(self, call: Call) -> Fault:
        """Wait before a call for what is to happen there."""
        self._to_test.put(call)
        return self._to_code.get(timeout=HANDOVER_SECONDS)

    def _wait(self) -> None:
        news = self._to_test.get(timeout=HANDOVER_SECONDS)
        if isinstance(news, Outcome):
            self.outcome, self.waits_at = news, None
        else:
            self.waits_at = news

    @property
    def ended(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.outcome is not None

    def step(self, fault: Fault = Fault.NONE) -> None:
        """Let the call that it waits at happen like this, and wait for its next call or its end."""
        assert not self.ended
        self.permission_lost |= fault is Fault.PERMISSION_LOST
        self.use_time(SLOW_CALL_MS if fault is Fault.SLOW else CALL_MS)
        self._to_code.put(fault)
        self._wait()

    def stop(self) -> None:
        """End it immediately, as Lambda does after a timeout."""
        while not self.ended:
            self.step(Fault.FUNCTION_ENDS_BEFORE)
        assert self.outcome is not None
        assert isinstance(self.outcome.error, FunctionStopped)

    def use_time(self, duration_ms: float) -> None:
        """Use up some of the invocation's time (its ``sleep``)."""
        self._used_ms += duration_ms
        self._let_time_pass(min(duration_ms, 1_000))

    def remaining_ms(self) -> int:
        """Return how much time is left for calls."""
        return round(TIME_FOR_CALLS_MS - self._used_ms)
