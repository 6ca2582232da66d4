"""Containers: the real functions, each with its own runtime, on the simulated tables and clocks."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import vote_aggregator.handler
import vote_writer.handler
from vote_aggregator.store import LiveRowTable
from vote_writer.store import BallotTable
from vote_writer.writing import BallotWriter, Call, RecentVersions, WriteOutcome
from voting.invocation import BatchResponse
from voting.markers import VOTE_AGGREGATOR, VOTE_WRITER
from voting.pacing import Pace
from voting.polls import PollCache
from voting.settings import WriterSettings
from voting_aws.markers import DrainTable
from voting_aws.polls import PollTable
from world import faults
from world.dynamodb import FakeDynamoDB
from world.faults import Fault, Gate

POLLS, VOTES, TALLIES = "polls", "votes", "tallies"
TABLES = {POLLS: ("poll_id",), VOTES: ("poll_bucket", "voter"), TALLIES: ("poll_id", "entry")}


class RecordingTelemetry:
    """Records the metrics and warnings of a consumer."""

    def __init__(self) -> None:
        self.counts: list[dict[str, int]] = []
        self.warnings: list[str] = []

    def count(self, counts: Mapping[str, int]) -> None:
        """Keep one set of counts."""
        self.counts.append(dict(counts))

    def warn(self, message: str, **fields: object) -> None:
        """Keep one warning, as the text that would be in the log."""
        self.warnings.append(json.dumps({"message": message, **fields}))

    def total(self, metric: str) -> int:
        """Return how much was counted under a name."""
        return sum(counts.get(metric, 0) for counts in self.counts)


class Container(Protocol):
    """One container of a function. It handles one invocation at a time."""

    telemetry: RecordingTelemetry

    def handle(
        self,
        event: dict[str, Any],
        gate: Gate,
        remaining_ms: Callable[[], int],
        sleep_ms: Callable[[float], None],
    ) -> BatchResponse:
        """Run the function's code on an event."""
        ...


class _CurrentInvocation:
    """What changes with each invocation: the faults of its calls, and how it sleeps."""

    def __init__(self) -> None:
        self.gate: Gate = faults.script()
        self.sleep_ms: Callable[[float], None] = _must_not_sleep

    def pass_gate(self, call: faults.Call) -> Fault:
        return self.gate(call)

    def sleep(self, duration_ms: float) -> None:
        self.sleep_ms(duration_ms)


def _must_not_sleep(duration_ms: float) -> None:
    raise AssertionError(f"nothing was throttled, so nobody has to wait for {duration_ms} ms")


class WriterContainer:
    """A container of the vote writer.

    Args:
        database: the tables.
        now_ms: the container's clock.
        poll_cache_seconds: how long its poll cache remembers.
        retention_days: how long votes are kept, 0: permanently.
        writes_per_second: the lane's pace, 0 for none.
        backwards: whether a round's calls are made in reverse order: threads promise none.
    """

    def __init__(
        self,
        database: FakeDynamoDB,
        now_ms: Callable[[], int],
        poll_cache_seconds: int = 5,
        retention_days: int = 0,
        writes_per_second: float = 0,
        *,
        backwards: bool = False,
    ) -> None:
        self._current = _CurrentInvocation()
        self._backwards = backwards
        self.telemetry = RecordingTelemetry()
        client = database.client(self._current.pass_gate)
        self.runtime = vote_writer.handler.WriterRuntime(
            settings=WriterSettings(
                environment="test",
                log_level="WARNING",
                max_writes_per_second=writes_per_second,
                poll_cache_seconds=poll_cache_seconds,
                polls_table=POLLS,
                tallies_table=TALLIES,
                vote_retention_days=retention_days,
                votes_table=VOTES,
                write_concurrency=4,
            ),
            polls=PollCache(PollTable(client, POLLS).load, now_ms, poll_cache_seconds * 1000),
            writer=BallotWriter(
                BallotTable(client, VOTES),
                RecentVersions(now_ms),
                self._map_calls,
                self._current.sleep,
                jitter=lambda: 1.0,
                pace=Pace(writes_per_second, now_ms, self._current.sleep),
            ),
            drain=DrainTable(client, TALLIES, VOTE_WRITER),
            telemetry=self.telemetry,
        )

    def _map_calls(
        self, execute: Callable[[Call], list[WriteOutcome]], calls: Iterable[Call]
    ) -> Iterator[list[WriteOutcome]]:
        """Make all calls, as a pool of threads does: an error in one does not stop the others."""
        made: dict[int, list[WriteOutcome] | Exception] = {}
        for position, call in sorted(enumerate(calls), reverse=self._backwards):
            try:
                made[position] = execute(call)
            except Exception as error:
                made[position] = error
        for _position, outcome in sorted(made.items()):
            if isinstance(outcome, Exception):
                raise outcome
            yield outcome

    def handle(
        self,
        event: dict[str, Any],
        gate: Gate,
        remaining_ms: Callable[[], int],
        sleep_ms: Callable[[float], None],
    ) -> BatchResponse:
        """Run the vote writer on an event."""
        self._current.gate, self._current.sleep_ms = gate, sleep_ms
        return vote_writer.handler.handle(event, remaining_ms, self.runtime)


class AggregatorContainer:
    """A container of the vote aggregator; arguments as for ``WriterContainer``."""

    def __init__(
        self, database: FakeDynamoDB, now_ms: Callable[[], int], poll_cache_seconds: int = 5
    ) -> None:
        self._current = _CurrentInvocation()
        self.telemetry = RecordingTelemetry()
        client = database.client(self._current.pass_gate)
        self.runtime = vote_aggregator.handler.AggregatorRuntime(
            polls=PollCache(PollTable(client, POLLS).load, now_ms, poll_cache_seconds * 1000),
            rows=LiveRowTable(client, TALLIES),
            drain=DrainTable(client, TALLIES, VOTE_AGGREGATOR),
            telemetry=self.telemetry,
        )

    def handle(
        self,
        event: dict[str, Any],
        gate: Gate,
        remaining_ms: Callable[[], int],
        sleep_ms: Callable[[float], None],
    ) -> BatchResponse:
        """Run the vote aggregator on an event."""
        self._current.gate, self._current.sleep_ms = gate, sleep_ms
        return vote_aggregator.handler.handle(event, remaining_ms, self.runtime)
