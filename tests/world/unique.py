"""The unique counter in the simulated world: its real code, on the simulated tables and clocks."""

from collections.abc import Callable, Mapping
from itertools import count

from unique_counter.passes import CounterRuntime, count_voters
from unique_counter.store import UniqueRowTable
from voting.pacing import Pace
from voting.polls import Poll
from voting.tallies import UNIQUE_PREFIX
from voting.unique import UniqueCounts
from voting_aws.polls import PollTable
from voting_aws.stored_votes import StoredVoteTable
from world import faults
from world.containers import POLLS, TALLIES, VOTES, RecordingTelemetry
from world.dynamodb import FakeDynamoDB
from world.faults import Gate

REFRESH_MS = 30_000

_leases = count(1)


class PollTelemetry(RecordingTelemetry):
    """Records the metrics and warnings of a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.poll_counts: list[tuple[str, dict[str, int]]] = []

    def count_for_poll(self, poll_id: str, counts: Mapping[str, int]) -> None:
        """Keep one set of counts of a poll."""
        self.poll_counts.append((poll_id, dict(counts)))


class Counter:
    """A container of the unique counter.

    Args:
        database: the tables.
        now_ms: the container's clock.
        gate: what its calls of the tables pass.
        sleep_ms: how it waits.
        reads_per_second: its pace, 0 for none.
        refresh_ms: how old a bucket's count may become.
        start: the bucket that it begins with among those that are due.
    """

    def __init__(
        self,
        database: FakeDynamoDB,
        now_ms: Callable[[], int],
        gate: Gate | None = None,
        sleep_ms: Callable[[float], None] = lambda _duration: None,
        reads_per_second: float = 0,
        refresh_ms: int = REFRESH_MS,
        start: int = 0,
    ) -> None:
        client = database.client(gate or faults.script())
        polls = PollTable(client, POLLS)

        def load(poll_id: str) -> Poll | None:
            return dict(polls.load([poll_id]))[poll_id]

        self.telemetry = PollTelemetry()
        self.stopped: list[str] = []  # schedules that it has ended
        self.runtime = CounterRuntime(
            load_poll=load,
            rows=UniqueRowTable(client, TALLIES),
            votes=StoredVoteTable(client, VOTES),
            pace=Pace(reads_per_second, now_ms, sleep_ms),
            stop_schedule=self.stopped.append,
            telemetry=self.telemetry,
            refresh_ms=refresh_ms,
            new_lease=lambda: f"lease-{next(_leases)}",
            choose=lambda buckets: start % buckets,
            now_ms=now_ms,
            sleep_ms=sleep_ms,
        )

    def run(self, poll_id: str, remaining_ms: Callable[[], int]) -> None:
        """Handle one invocation."""
        count_voters(poll_id, self.runtime, remaining_ms)


def unique_counts(database: FakeDynamoDB, poll_id: str, bucket_count: int) -> UniqueCounts | None:
    """Return what a viewer reads now."""
    rows = [
        row
        for (owner, entry), row in database.tables[TALLIES].rows.items()
        if owner == poll_id and entry.startswith(UNIQUE_PREFIX)
    ]
    return UniqueCounts.of(rows, bucket_count)
