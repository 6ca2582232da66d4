"""A million phones at a throttled door: how long our pages take to deliver every vote, beside a simpler client.

Time moves in seconds. The door lets its rate in and answers 429 to everything above it.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.bootstrap import process
from scripts.bootstrap.console import whole_number

MAX_SPREAD_SECONDS = 60
# The Retry-After of infra/modules/api/templates/retry_after.vtl, by the last digit of the request's time.
RETRY_AFTER_SECONDS = (1, 2, 3, 4, 5, 6, 7, 8, 3, 6)
PATIENCE_SECONDS = 3600

type Waits = Callable[[NDArray[np.int64], np.random.Generator], NDArray[np.float64]]


def page_waits(attempt: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.float64]:
    """Seconds until the next try, as web/site/assets/pacing.js waits."""
    spread = np.minimum(MAX_SPREAD_SECONDS, 2.0 * 2.0 ** np.minimum(attempt, 10))
    return told_waits(attempt, random) + random.random(attempt.size) * spread


def told_waits(attempt: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.float64]:
    """Seconds until the next try of a client that waits exactly as long as Retry-After says."""
    return random.choice(RETRY_AFTER_SECONDS, attempt.size).astype(np.float64)


def naive_waits(attempt: NDArray[np.int64], _random: np.random.Generator) -> NDArray[np.float64]:
    """Seconds until the next try of a client that sends again every second."""
    return np.ones(attempt.size)


@dataclass(frozen=True)
class SpikeCourse:
    """How one spike went; requests and received votes by second."""

    requests: NDArray[np.int64]
    received: NDArray[np.int64]

    @property
    def seconds(self) -> int:
        """Until the last vote was received."""
        return len(self.received)

    def until(self, share: float) -> int:
        """Seconds until this share of all votes was received."""
        reached = np.cumsum(self.received) >= share * self.received.sum()
        return int(np.argmax(reached)) + 1


def simulate(phones: int, rate: int, within: int, waits: Waits, seed: int) -> SpikeCourse:
    """Let every phone vote once within some seconds, and send again until its vote is received.

    Raises:
        ValueError: votes are still missing after an hour.
    """
    random = np.random.default_rng(seed)
    due = random.random(phones) * within
    attempt = np.zeros(phones, dtype=np.int64)
    waiting = np.arange(phones)
    requests, received = [], []
    for second in range(PATIENCE_SECONDS):
        now = due[waiting] < second + 1
        asking = random.permutation(waiting[now])
        refused = asking[rate:]
        due[refused] += waits(attempt[refused], random)
        attempt[refused] += 1
        waiting = np.concatenate([waiting[~now], refused])
        requests.append(asking.size)
        received.append(asking.size - refused.size)
        if not waiting.size:
            return SpikeCourse(np.array(requests), np.array(received))
    raise ValueError(f"{waiting.size:,} votes are not received after an hour: raise --rate")


def main() -> None:
    """Print both clients side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--phones", type=whole_number(1, 100_000_000), default=1_000_000)
    parser.add_argument(
        "--rate",
        type=whole_number(1, 100_000_000),
        default=10_000,
        help="votes a second that the door lets in",
    )
    parser.add_argument(
        "--within", type=whole_number(1, 86_400), default=10, help="seconds within which everybody votes"
    )
    parser.add_argument("--seed", type=whole_number(0, 2**32), default=1)
    given = parser.parse_args()
    clients = {"our pages": page_waits, "Retry-After alone": told_waits, "every second": naive_waits}
    courses = {
        name: simulate(given.phones, given.rate, given.within, waits, given.seed)
        for name, waits in clients.items()
    }
    rows: dict[str, Callable[[SpikeCourse], str]] = {
        "half of the votes received (s)": lambda course: f"{course.until(0.5):,}",
        "99 % received (s)": lambda course: f"{course.until(0.99):,}",
        "all received (s)": lambda course: f"{course.seconds:,}",
        "requests for a vote": lambda course: f"{course.requests.sum() / given.phones:.1f}",
        "highest requests in a second": lambda course: f"{course.requests.max():,}",
    }
    for second in (10, 20, 30, 60, 90, 120):
        rows[f"requests in second {second}"] = lambda course, second=second: (  # type: ignore[misc]
            f"{course.requests[second - 1]:,}" if second <= course.seconds else "-"
        )
    print(f"{given.phones:,} phones vote within {given.within} s; the door takes {given.rate:,} a second.\n")
    print(f"| |{'|'.join(courses)}|\n|---|{'---:|' * len(courses)}")
    for name, row in rows.items():
        print(f"|{name}|{'|'.join(row(course) for course in courses.values())}|")


if __name__ == "__main__":
    process.run("scripts.spike:main")
