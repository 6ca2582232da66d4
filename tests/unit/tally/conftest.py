"""A tally's surroundings in memory: a stream that can be resharded, tables, a failure bucket and a clock."""

# ruff: noqa: ARG002, ARG005 - a fake does not need everything that it is given

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from samples import a_poll
from tally.closing import OpenShard
from tally.draining import DrainPlace
from tally.losses import MappingLanes
from tally.state import TallyState
from tally.steps import TallyRuntime
from voting.counting import Partial, VotePage
from voting.errors import StoreUnavailable
from voting.final import Acknowledgement, Final, Losses
from voting.live import LiveCounts
from voting.markers import CONSUMERS
from voting.polls import Poll

CLOSES_AT = 1_000_000
SETTLE_MS = 2_000
METRICS_LAG_MS = 120_000
RECOUNT_MS = 900_000
FAR = 10**12  # later than anything here
READ_UNITS = 200.0  # of each page

POLL = a_poll("poll", ("a", "b"), closes_at=CLOSES_AT, bucket_count=3)


@dataclass
class FakeStream:
    """Shards by name; ``before_put`` runs before each put, and may reshard."""

    shards: list[str] = field(default_factory=lambda: ["shard-1", "shard-2"])
    children: dict[str, list[str]] = field(default_factory=dict)
    put: list[tuple[str, str]] = field(default_factory=list)  # shard and marker
    before_put: Callable[[int], None] = lambda number: None
    before_list: Callable[[], None] = lambda: None

    def open_shards(self) -> list[OpenShard]:
        self.before_list()
        return [OpenShard(name, name) for name in self.shards]

    def put_markers(self, poll_id: str, ids: Sequence[str], hash_key: str) -> set[str]:
        landed = set()
        for marker_id in ids:
            self.before_put(len(self.put))
            shard = hash_key
            while shard in self.children:
                shard = self.children[shard][0]
            self.put.append((shard, marker_id))
            landed.add(shard)
        return landed

    def split(self, shard: str) -> None:
        self.children[shard] = [f"{shard}-left", f"{shard}-right"]
        self.shards = [name for name in self.shards if name != shard] + self.children[shard]

    def merge(self, one: str, other: str) -> None:
        self.children[one] = self.children[other] = [f"{one}+{other}"]
        self.shards = [name for name in self.shards if name not in (one, other)] + self.children[one]


@dataclass
class FakeRows:
    """The tallies table."""

    drain: dict[DrainPlace, frozenset[str]] = field(default_factory=dict)
    counts: LiveCounts = field(default_factory=LiveCounts)
    kept: dict[tuple[str, int], Partial] = field(default_factory=dict)
    certificates: dict[str, Final] = field(default_factory=dict)
    acknowledged: Acknowledgement | None = None
    progress: list[Mapping[str, int | str]] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)  # lanes by poll

    def expect(self, poll_id: str, shard_id: str, tally_id: str) -> None:
        for consumer in CONSUMERS:
            self.drain.setdefault(DrainPlace(consumer, shard_id), frozenset())

    def passed(self, poll_id: str) -> Mapping[DrainPlace, frozenset[str]]:
        return dict(self.drain)

    def live(self, poll_id: str) -> LiveCounts:
        return self.counts

    def partial(self, poll_id: str, tally_id: str, bucket: int) -> Partial:
        there = self.kept.get((tally_id, bucket), Partial())
        return replace(there, options=Counter(there.options), arrivals=Counter(there.arrivals))

    def partials(self, poll_id: str, tally_id: str) -> Mapping[int, Partial]:
        return {bucket: partial for (owner, bucket), partial in self.kept.items() if owner == tally_id}

    def keep(self, poll_id: str, tally_id: str, bucket: int, partial: Partial) -> None:
        self.kept[tally_id, bucket] = partial

    def acknowledgement(self, poll_id: str) -> Acknowledgement | None:
        return self.acknowledged

    def final(self, poll_id: str, entry: str) -> Final | None:
        return self.certificates.get(entry)

    def certify(self, final: Final, entry: str) -> bool:
        return self.certificates.setdefault(entry, final) is final

    def report(self, poll_id: str, progress: Mapping[str, int | str]) -> None:
        self.progress.append(progress)

    def hold_lanes(self, poll_id: str, lanes: int) -> None:
        self.held[poll_id] = lanes

    def release_lanes(self, poll_id: str) -> None:
        self.held.pop(poll_id, None)

    def pass_all(self, stream: FakeStream, consumers: Iterable[str] = CONSUMERS) -> None:
        """Let consumers pass what is in the stream, where a row asks for it."""
        for consumer in consumers:
            for shard, marker_id in stream.put:
                if DrainPlace(consumer, shard) in self.drain:
                    self.drain[DrainPlace(consumer, shard)] |= {marker_id}


@dataclass
class FakeVotes:
    """The votes table: pages of options by bucket; ``failures`` calls fail first."""

    pages: dict[str, list[Counter[str]]] = field(default_factory=dict)
    arrivals: Counter[int] = field(default_factory=Counter)  # of the first bucket, by second
    failures: int = 0
    reads: list[tuple[str, str | None]] = field(default_factory=list)

    def page(self, poll_bucket: str, after: str | None) -> VotePage:
        self.reads.append((poll_bucket, after))
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("throttled")
        pages = self.pages.get(poll_bucket, [Counter()])
        number = int(after) if after else 0
        return VotePage(
            options=pages[number],
            last_voter=str(number + 1) if number + 1 < len(pages) else None,
            read_units=READ_UNITS,
            arrivals=self.arrivals if poll_bucket == "poll#0" and not number else Counter(),
        )


class FakeFailures:
    def __init__(self) -> None:
        self.batches = 0

    def waiting(self) -> int:
        return self.batches


class FakeMapping:
    """The writer's mapping: lanes, and what CloudWatch counts of it."""

    def __init__(self) -> None:
        self.lanes_now = 1
        self.changed_at = 1_000
        self.dropped = 0
        self.undelivered = 0
        self.counted_until = FAR
        self.since: list[int] = []

    def lanes(self) -> MappingLanes:
        return MappingLanes(self.lanes_now, self.changed_at)

    def losses(self, since_ms: int) -> Losses:
        self.since.append(since_ms)
        return Losses(dropped=self.dropped, undelivered=self.undelivered, counted_until=self.counted_until)


class FakeTelemetry:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.warnings: list[tuple[str, dict[str, object]]] = []

    def count(self, counts: Mapping[str, int]) -> None:
        self.counts.update(counts)

    def warn(self, message: str, **fields: object) -> None:
        self.warnings.append((message, fields))


class World:
    """Everything that a tally touches."""

    def __init__(self) -> None:
        self.now = CLOSES_AT + SETTLE_MS
        self.polls: dict[str, Poll] = {POLL.poll_id: POLL}
        self.stream = FakeStream()
        self.rows = FakeRows()
        self.votes = FakeVotes()
        self.failures = FakeFailures()
        self.mapping = FakeMapping()
        self.telemetry = FakeTelemetry()
        self.lanes = 1
        self.slept: list[float] = []

    @property
    def runtime(self) -> TallyRuntime:
        return TallyRuntime(
            load_poll=self.polls.get,
            stream=self.stream,
            rows=self.rows,
            votes=self.votes,
            failures=self.failures,
            mapping=self.mapping,
            telemetry=self.telemetry,
            lanes=self.lanes,
            groups=2,
            settle_ms=SETTLE_MS,
            metrics_lag_ms=METRICS_LAG_MS,
            recount_ms=RECOUNT_MS,
            now_ms=lambda: self.now,
            sleep_ms=self.slept.append,
        )

    def stored(self, *buckets: Counter[str]) -> None:
        """Store votes, and count them live."""
        self.votes.pages = {f"poll#{number}": [bucket] for number, bucket in enumerate(buckets)}
        options: Counter[str] = sum(buckets, Counter())
        self.rows.counts = LiveCounts(
            received=options.total(), total=options.total(), options=Counter(options)
        )


@pytest.fixture
def world() -> World:
    return World()


def state(**changes: Any) -> TallyState:
    """Return a tally that has not begun."""
    return TallyState(poll_id="poll", execution="arn:execution:1").then(**changes)
