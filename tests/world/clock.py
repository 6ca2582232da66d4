"""Time in the simulated world: it passes only when a test says so."""

START_MS = 1_700_000_000_000


class Clock:
    """The stream's clock, in epoch ms. Other clocks may differ from it by a skew."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms

    def pass_time(self, duration_ms: float) -> None:
        """Let time pass."""
        assert duration_ms >= 0, "time does not run backwards here; a skew belongs to a reader's clock"
        self.now_ms += round(duration_ms)

    def skewed(self, skew_ms: int) -> "SkewedClock":
        """Return a clock that differs by this much."""
        return SkewedClock(self, skew_ms)


class SkewedClock:
    """A consumer's or an operator's clock."""

    def __init__(self, clock: Clock, skew_ms: int) -> None:
        self._clock = clock
        self._skew_ms = skew_ms

    def __call__(self) -> int:
        """Return this clock's time, epoch ms."""
        return self._clock.now_ms + self._skew_ms
