"""Requests as API Gateway sends them, and tables with the rows that a test needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from results_api.handler import ResultsRuntime
from voting.errors import PollCancelled
from voting.final import Final
from voting.live import LiveCounts
from voting.polls import Poll
from voting.settings import VoterAuth
from voting.unique import UniqueCounts
from world.containers import RecordingTelemetry
from world.events import raw_event

OPENS_AT, CLOSES_AT = 10_000, 20_000
DURING, AFTER = OPENS_AT + 1, CLOSES_AT + 1


@dataclass
class Tables:
    """Polls, tallies and votes as the results API asks for them, and the cloud's time."""

    now_ms: int = DURING
    polls: dict[str, Poll] = field(default_factory=dict)
    finals: dict[str, Final] = field(default_factory=dict)
    recounted: dict[str, list[Final]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    draining: set[str] = field(default_factory=set)
    live_rows: dict[str, LiveCounts] = field(default_factory=dict)
    unique_rows: dict[str, UniqueCounts] = field(default_factory=dict)
    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    retention_days: int = 0
    voter_auth: VoterAuth = VoterAuth.NONE
    keys: dict[str, bytes] | None = None  # None: no openings
    trouble: Exception | None = None
    # Called before each read of a table, with the entry to read, so that things can change meanwhile.
    before: Callable[[str], None] = lambda _what: None
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)

    def runtime(self) -> ResultsRuntime:
        """Return a runtime on these tables."""
        return ResultsRuntime(
            find_poll=self.find_poll,
            tallies=self,
            votes=self,
            retention_days=self.retention_days,
            voter_auth=self.voter_auth,
            find_key=None if self.keys is None else self.find_key,
            now_ms=lambda: self.now_ms,
            telemetry=self.telemetry,
        )

    def _look(self, what: str) -> None:
        self.before(what)
        if self.trouble is not None:
            raise self.trouble

    def find_poll(self, poll_id: str) -> Poll | None:
        self._look("poll")
        return self.polls.get(poll_id)

    def find_key(self, poll_id: str) -> bytes | None:
        self._look("key")
        assert self.keys is not None
        return self.keys.get(poll_id)

    def final(self, poll_id: str) -> Final | None:
        self._look("final")
        if poll_id in self.cancelled:
            raise PollCancelled(poll_id)
        return self.finals.get(poll_id)

    def recounts(self, poll_id: str) -> list[Final]:
        self._look("recounts")
        return self.recounted.get(poll_id, [])

    def is_draining(self, poll_id: str) -> bool:
        self._look("draining")
        return poll_id in self.draining

    def live(self, poll: Poll) -> tuple[LiveCounts, UniqueCounts | None]:
        self._look("live")
        return self.live_rows.get(poll.poll_id, LiveCounts()), self.unique_rows.get(poll.poll_id)

    def version(self, poll: Poll, voter: str) -> str | None:
        self._look("version")
        return self.versions.get((poll.poll_id, voter))


def a_poll(**other: Any) -> Poll:
    fields: dict[str, Any] = {
        "poll_id": "poll-1",
        "title": "A poll",
        "options": [{"id": "choice-a", "label": 'Ä, "first"'}, {"id": "choice-b", "label": "B"}],
        "announced_at": 5_000,
        "opens_at": OPENS_AT,
        "closes_at": CLOSES_AT,
    }
    return Poll.model_validate(fields | other)


def a_final(**other: Any) -> Final:
    fields: dict[str, Any] = {
        "poll_id": "poll-1",
        "counts": ({"option": "choice-a", "votes": 1}, {"option": "choice-b", "votes": 2}),
        "voters": 3,
        "live": {"accepted": 5, "repeated": 2},
        "rejected": {},
        "proof": {
            "tally_id": "tally-1",
            "shards": ("shardId-000000000000",),
            "markers": {"vote_writer": {"expected": 1, "passed": 1}},
            "started_at": 21_000,
            "drained_at": 22_000,
            "counted_at": 23_000,
        },
        "certified_at": 24_000,
    }
    return Final.model_validate(fields | other)


@pytest.fixture
def tables() -> Tables:
    """Tables with one open poll, poll-1, that has some live counts."""
    tables = Tables(polls={"poll-1": a_poll()})
    rows = [
        {"received": {"N": "4"}, "total": {"N": "3"}, "last_arrival": {"N": "12000"}, "last_version": {"S": "1"},
         "option#choice-b": {"N": "3"}, "rejected#closed": {"N": "1"}},
        {"received": {"N": "2"}, "total": {"N": "2"}, "last_arrival": {"N": "11000"}, "last_version": {"S": "2"},
         "option#choice-a": {"N": "1"}, "option#choice-b": {"N": "1"}},
    ]  # fmt: skip
    tables.live_rows["poll-1"] = LiveCounts.of(rows)
    return tables


@pytest.fixture
def request_event() -> Callable[..., dict[str, Any]]:
    """Make a proxy event for ``GET`` on a resource (None: results)."""

    def make(
        resource: str = "/polls/{poll_id}/results",
        poll_id: str = "poll-1",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, list[str]] | None = None,
        claims: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        event = raw_event("api_get_results")
        if claims is not None:
            event["requestContext"] = event["requestContext"] | {"authorizer": {"claims": dict(claims)}}
        event |= {"resource": resource, "pathParameters": {"poll_id": poll_id}}
        if headers is not None:
            event["headers"] = dict(headers)
            event["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
        if query is not None:
            event["queryStringParameters"] = {name: values[-1] for name, values in query.items() if values}
            event["multiValueQueryStringParameters"] = dict(query)
        return event

    return make


def a_contradiction() -> Final:
    """Return a recount that found one more vote than ``a_final``."""
    return a_final(
        counts=({"option": "choice-a", "votes": 1}, {"option": "choice-b", "votes": 3}),
        voters=4,
        live={"accepted": 6, "repeated": 2},
        certified_at=30_000,
        contradicts={
            "digest": a_final().digest,
            "votes": 1,
            "arrivals": ({"arrived_at": 19_000, "votes": 1},),
            "earlier": 0,
        },
    )
