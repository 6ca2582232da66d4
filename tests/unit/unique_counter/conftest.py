"""A poll with stored votes in the fake tables, and a clock that advances when the counter sleeps or calls."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from samples import a_poll
from votectl.polls import to_row
from voting.polls import bucket_of, poll_bucket
from voting.unique import UniqueCounts
from world.containers import TABLES, VOTES
from world.dynamodb import FakeDynamoDB, Item
from world.faults import Call, Fault, Gate, script
from world.unique import Counter, unique_counts

OPENS_AT = 1_000_000
CLOSES_AT = 9_000_000
BUCKETS = 4
CALL_MS = 5
INVOCATION_MS = 290_000

POLL = a_poll(
    "poll", ("a", "b"), announced_at=OPENS_AT, opens_at=OPENS_AT, closes_at=CLOSES_AT, bucket_count=BUCKETS
)


class Scene:
    """Everything that an invocation touches. ``now`` is the time, epoch ms."""

    def __init__(self) -> None:
        self.now = OPENS_AT + 10_000
        self.database = FakeDynamoDB(TABLES, rows_per_page=3)
        self.before_call: Callable[[Call], None] = lambda _call: None
        self.slept: list[float] = []
        self.poll()

    def poll(self, **changes: Any) -> None:
        """Store the poll with these changes."""
        self.database.tables["polls"].rows["poll",] = cast("Item", to_row(POLL.model_copy(update=changes)))

    def store(self, votes: Mapping[str, str]) -> None:
        """Store votes: option by voter."""
        for voter, option in votes.items():
            bucket = poll_bucket("poll", bucket_of(voter, BUCKETS))
            self.database.tables[VOTES].rows[bucket, voter] = {
                "poll_bucket": {"S": bucket},
                "voter": {"S": voter},
                "option": {"S": option},
            }

    def counter(self, gate: Gate | None = None, **arguments: Any) -> Counter:
        """Return a new container."""
        gate = gate or script()

        def pass_gate(call: Call) -> Fault:
            self.now += CALL_MS
            self.before_call(call)
            return gate(call)

        return Counter(self.database, lambda: self.now, pass_gate, self.sleep, **arguments)

    def sleep(self, duration_ms: float) -> None:
        self.slept.append(duration_ms)
        self.now += round(duration_ms)

    def run(self, counter: Counter | None = None, lasts_ms: int = INVOCATION_MS) -> Counter:
        """Run one invocation to its end; return the container."""
        counter = counter or self.counter()
        ends_at = self.now + lasts_ms
        counter.run("poll", lambda: ends_at - self.now)
        return counter

    @property
    def counts(self) -> UniqueCounts | None:
        """The counts that a viewer reads now."""
        return unique_counts(self.database, "poll", BUCKETS)


@pytest.fixture
def scene() -> Scene:
    return Scene()
