"""A tally in the simulated world: the real steps, taken one at a time while everything else goes on."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tally import steps
from tally.closing import OpenShard
from tally.draining import DrainPlace
from tally.state import TallyState
from voting.counting import Partial, VotePage
from voting.errors import PollCancelled
from voting.final import Final
from voting.live import LiveCounts
from voting.markers import CONSUMERS
from voting.polls import Poll
from voting.tallies import DRAIN_PREFIX, FINAL, LIVE_PREFIX, PASSED, PROGRESS, drain_entry
from voting_aws.polls import PollTable
from world.clock import SkewedClock
from world.dynamodb import FakeDynamoDB, Item
from world.kinesis import Stream, base64_of

POLLS, VOTES, TALLIES = "polls", "votes", "tallies"

# What a tally writes beside the live rows.
TALLYS_OWN = ("count", "drain", FINAL, PROGRESS)

# More than the clocks and the stamps of arrivals differ by.
SETTLE_MS = 1_500
RECOUNT_MS = 20_000
VOTES_PER_PAGE = 2
GROUPS = 2
ENDLESS = 1_000_000


class _Stream:
    """``tally.closing.MarkerStream``; ``before_put`` runs before each marker and may reshard."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.before_put: Callable[[], None] = lambda: None

    def open_shards(self) -> list[OpenShard]:
        return [OpenShard(shard.shard_id, str(shard.first)) for shard in self._stream.open_shards]

    def put_markers(self, poll_id: str, ids: Sequence[str], hash_key: str) -> set[str]:
        shards = set()
        for marker_id in ids:
            self.before_put()
            data = base64_of(json.dumps({"marker": marker_id, "poll_id": poll_id}).encode())
            record = self._stream.put(f"marker-{marker_id}", data, explicit_hash_key=int(hash_key))
            shards.add(record.shard_id)
        return shards


class _Rows:
    """``tally.steps.TallyRows`` on the tables that the consumers write."""

    def __init__(self, database: FakeDynamoDB) -> None:
        self._rows = database.tables[TALLIES].rows
        self._partials: dict[int, Partial] = {}

    def _of(self, poll_id: str, prefix: str) -> dict[str, Item]:
        return {
            entry: row
            for (owner, entry), row in self._rows.items()
            if owner == poll_id and entry.startswith(prefix)
        }

    def expect(self, poll_id: str, shard_id: str, tally_id: str) -> None:
        del tally_id
        for consumer in CONSUMERS:
            entry = drain_entry(consumer, shard_id)
            self._rows.setdefault((poll_id, entry), {"poll_id": {"S": poll_id}, "entry": {"S": entry}})

    def passed(self, poll_id: str) -> Mapping[DrainPlace, frozenset[str]]:
        found = {}
        for entry, row in self._of(poll_id, DRAIN_PREFIX).items():
            consumer, _, shard_id = entry.removeprefix(DRAIN_PREFIX).partition("#")
            found[DrainPlace(consumer, shard_id)] = frozenset(row.get(PASSED, {}).get("SS", ()))
        return found

    def live(self, poll_id: str) -> LiveCounts:
        return LiveCounts.of(self._of(poll_id, LIVE_PREFIX).values())

    def partial(self, poll_id: str, tally_id: str, bucket: int) -> Partial:
        del poll_id, tally_id
        there = self._partials.get(bucket, Partial())
        return replace(there, options=Counter(there.options), arrivals=Counter(there.arrivals))

    def partials(self, poll_id: str, tally_id: str) -> Mapping[int, Partial]:
        del poll_id, tally_id
        return self._partials

    def keep(self, poll_id: str, tally_id: str, bucket: int, partial: Partial) -> None:
        del poll_id, tally_id
        self._partials[bucket] = partial

    def final(self, poll_id: str, entry: str) -> Final | None:
        row = self._rows.get((poll_id, entry))
        return Final.from_row(row) if row else None

    def certify(self, final: Final, entry: str) -> bool:
        row = self._rows.setdefault((final.poll_id, entry), dict(final.to_row(entry)))
        return row == final.to_row(entry)

    def report(self, poll_id: str, progress: Mapping[str, int | str]) -> None:
        del poll_id
        _must_be_public(json.dumps(dict(progress)))


class _Votes:
    """``voting.counting.BucketReader`` in small pages."""

    def __init__(self, database: FakeDynamoDB) -> None:
        self._rows = database.tables[VOTES].rows

    def page(self, poll_bucket: str, after: str | None) -> VotePage:
        voters = sorted(
            voter
            for bucket, voter in self._rows
            if bucket == poll_bucket and (after is None or voter > after)
        )
        some = voters[:VOTES_PER_PAGE]
        options = Counter(str(self._rows[poll_bucket, voter]["option"]["S"]) for voter in some)
        return VotePage(options, some[-1] if len(voters) > VOTES_PER_PAGE else None)


class _Failures:
    def __init__(self, count: Callable[[], int]) -> None:
        self.waiting = count


class _Silence:
    def count(self, counts: Mapping[str, int]) -> None:
        """Nobody listens."""

    def warn(self, message: str, **fields: object) -> None:
        """Nobody listens."""


class Tally:
    """One poll's tally, and how far it is."""

    def __init__(
        self,
        poll_id: str,
        database: FakeDynamoDB,
        stream: Stream,
        now_ms: SkewedClock,
        lanes: int,
        failed_batches: Callable[[], int],
    ) -> None:
        polls = PollTable(database.client(), POLLS)

        def load(poll_id: str) -> Poll | None:
            return dict(polls.load([poll_id]))[poll_id]

        self.stream = _Stream(stream)
        self.state = TallyState(poll_id=poll_id, execution=f"execution-of-{poll_id}")
        self.certified: Final | None = None
        self.cancelled = False
        self._to_count: list[int] = []
        self._next = "begin"
        self._runtime = steps.TallyRuntime(
            load_poll=load,
            stream=self.stream,
            rows=_Rows(database),
            votes=_Votes(database),
            failures=_Failures(failed_batches),
            telemetry=_Silence(),
            lanes=lanes,
            groups=GROUPS,
            settle_ms=SETTLE_MS,
            recount_ms=RECOUNT_MS,
            now_ms=now_ms,
            sleep_ms=lambda _duration: None,
        )

    @property
    def has_put_markers(self) -> bool:
        """Whether every shard has its markers."""
        return bool(self.state.shards)

    def take_step(self, *, twice: bool = False) -> None:
        """Take the next step as the state machine would; twice, where the first answer is lost."""
        try:
            for _ in range(2 if twice else 1):
                follows = self._take()
        except PollCancelled:
            self.cancelled = True  # the state machine catches it, and ends
            return
        self._next = follows
        _must_be_public(self.state.model_dump_json())

    def _take(self) -> str:
        runtime = self._runtime
        match self._next:
            case "begin":
                self.state = steps.begin(self.state, runtime)
                return "put_markers" if self.state.ready else "begin"
            case "put_markers":
                self.state = steps.put_markers(self.state, runtime)
                return "check_drain"
            case "check_drain":
                self.state = steps.check_drain(self.state, runtime)
                self._to_count = list(range(self.state.buckets))
                return "count" if self.state.drained else "check_drain"
            case "count":
                self._to_count = [
                    bucket
                    for bucket in self._to_count
                    if not steps.count(self.state, [bucket], runtime, lambda: ENDLESS)
                ]
                return "count" if self._to_count else "certify"
            case _:
                if self.certified is None:
                    self.certified = steps.certify(self.state, runtime).final
                else:
                    again = steps.certify(self.state, runtime)
                    assert (again.final, again.entry) == (self.certified, FINAL)
                return "certify"


def _must_be_public(text: str) -> None:
    assert "voter-" not in text, "an execution's history is a log, too"
    assert "choice-" not in text, "an execution's history is a log, too"
