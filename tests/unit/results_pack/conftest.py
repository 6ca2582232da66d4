"""Publishing a pack in memory: tables, a bucket that fails when told to, and the state machine's order of steps."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from results_pack import handler, verify_pack
from results_pack.lines import StoredVote
from results_pack.steps import PackRuntime, Spilled
from samples import a_poll
from unit.votectl.pack.packs import OPTIONS, POLL_KEY, SIGNER, final_of, votes
from voting.errors import StoreUnavailable
from voting.final import Final
from voting.polls import bucket_of, poll_bucket

VOTES = votes(300)


@dataclass
class Failing:
    """Fails before or after the calls whose numbers it is given, as a crash or a lost answer would."""

    before: set[int] = field(default_factory=set)
    after: set[int] = field(default_factory=set)
    calls: int = 0

    def call[T](self, action: Callable[[], T]) -> T:
        self.calls += 1
        number = self.calls
        if number in self.before:
            raise StoreUnavailable("before")
        done = action()
        if number in self.after:
            raise StoreUnavailable("after")
        return done


@dataclass
class World:
    """Everything around the steps."""

    stored: Sequence[StoredVote] = field(default_factory=lambda: VOTES)
    final: Final | None = None
    bucket_count: int = 3
    page_votes: int = 1_000
    failing: Failing = field(default_factory=Failing)
    files: dict[str, bytes] = field(default_factory=dict)
    progress: dict[tuple[str, int], Spilled] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)  # names of published files
    remaining_ms: int = 1_000
    groups: int = 2

    def __post_init__(self) -> None:
        self.final = self.final or final_of(self.stored)

    # the votes table
    def page(self, bucket: str, after: str | None, limit: int) -> tuple[list[StoredVote], str | None]:
        rows = sorted(
            vote
            for vote in self.stored
            if poll_bucket("finale", bucket_of(vote[0], self.bucket_count)) == bucket
        )
        behind = [vote for vote in rows if after is None or vote[0] > after]
        some = behind[: min(limit, self.page_votes)]
        last = some[-1][0] if len(some) == min(limit, self.page_votes) else None
        return self.failing.call(lambda: (some, last))

    # the tallies table
    def key(self, _poll_id: str) -> bytes:
        return self.failing.call(lambda: POLL_KEY)

    def spilled(self, _poll_id: str, work: str, bucket: int) -> Spilled:
        return self.progress.get((work, bucket), Spilled())

    def all_spilled(self, _poll_id: str, work: str) -> dict[int, Spilled]:
        found = {bucket: spilled for (run, bucket), spilled in self.progress.items() if run == work}
        return self.failing.call(lambda: found)

    def keep(self, _poll_id: str, work: str, bucket: int, spilled: Spilled) -> None:
        self.failing.call(lambda: self.progress.__setitem__((work, bucket), spilled))

    # the bucket
    def put(self, name: str, content: bytes) -> None:
        self.failing.call(lambda: self.files.__setitem__(name, content))

    def read(self, prefix: str) -> Iterator[bytes]:
        for name in sorted(name for name in self.files if name.startswith(prefix)):
            yield self.failing.call(lambda name=name: self.files[name])  # type: ignore[misc]

    def publish(self, name: str, content: bytes) -> bool:
        def put() -> bool:
            if name not in self.files:
                self.files[name] = content
                self.order.append(name)
            return self.files[name] == content

        return self.failing.call(put)

    def exists(self, name: str) -> bool:
        return self.failing.call(lambda: name in self.files)

    def runtime(self) -> PackRuntime:
        poll = a_poll("finale", OPTIONS, bucket_count=self.bucket_count)

        class Rows:
            def final(_self, _poll_id: str) -> Final | None:  # noqa: N805
                return self.final

            key, spilled, all_spilled, keep = self.key, self.spilled, self.all_spilled, self.keep

        return PackRuntime(
            load_poll=lambda poll_id: poll if poll_id == "finale" else None,
            votes=self,
            rows=Rows(),
            files=self,
            signer=lambda: SIGNER,
            groups=self.groups,
            sleep_ms=lambda _ms: None,
        )

    def step(self, event: dict[str, Any]) -> dict[str, Any]:
        """Take a step as Step Functions does: again, as often as the store is not available."""
        for _ in range(200):
            try:
                return handler.handle(event, lambda: self.remaining_ms, self.runtime())
            except StoreUnavailable:
                continue
        raise AssertionError("the store never became available")

    def publishing(self, execution: str = "execution") -> dict[str, Any] | None:
        """Take all steps in the state machine's order; return the last one's answer, or None if there was nothing."""
        state = self.step({"step": "plan", "poll_id": "finale", "execution": execution})
        if state["published"]:
            return None
        for group in state["groups"]:
            while not self.step({"step": "spill", "state": state, "buckets": group})["done"]:
                pass
        self.step({"step": "check", "state": state})
        for group in state["part_groups"]:
            self.step({"step": "write", "state": state, "parts": group})
        return self.step({"step": "seal", "state": state})

    @property
    def pack(self) -> dict[str, bytes]:
        prefix = "packs/finale/"
        return {
            name.removeprefix(prefix): content
            for name, content in self.files.items()
            if name.startswith(prefix)
        }


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_pack, "MOST_PART_LINES", 100)
    monkeypatch.setattr("results_pack.steps.CHUNK_VOTES", 50)
