"""Publishing a pack, in steps that the tally's state machine takes after the certificate.

plan ─▶ spill ⟲ (some buckets each, several at once) ─▶ check ─▶ write (some parts each, several at once) ─▶ seal

Each step may be repeated with the same input, after an error or a lost answer: it writes the same bytes. Work files
are separate from packs, below a prefix of the execution. A chunk of a bucket always holds the same votes, so a late
invocation writes the same files again.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from operator import eq
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from results_pack.lines import StoredVote, by_part, lines_of, sorted_lines
from results_pack.sealing import (
    OtherVotes,
    PartFacts,
    Signer,
    part_facts,
    refuse_other_counts,
    refuse_unknown_options,
    sealed_files,
)
from results_pack.verify_pack import LINE_BYTES, MANIFEST, number_of_parts, part_name
from voting.errors import StoreUnavailable, VotestreamError
from voting.final import Final
from voting.polls import Poll, poll_bucket
from voting.records import PollId

type Clock = Callable[[], int]  # in ms

CHUNK_VOTES = 20_000  # of one chunk, about 3 MB
PACKS = "packs/"
WORK = "work/"
FIRST_BACKOFF_MS = 100
LONGEST_BACKOFF_MS = 5_000


class NoFinal(VotestreamError):
    """When the poll of a pack has no certificate."""


class OtherPack(VotestreamError):
    """When the bucket has a file of the same name with other bytes."""


class PackState(BaseModel):
    """The state that Step Functions passes between steps. It names no voter and no choice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    poll_id: PollId
    work: str  # prefix of the work files
    published: bool = False  # the pack is complete already
    groups: tuple[tuple[int, ...], ...] = ()  # of buckets, each spilled by one invocation after the other
    part_groups: tuple[tuple[int, ...], ...] = ()  # of parts, likewise


@dataclass(frozen=True)
class Spilled:
    """The progress of a bucket: its chunks, the voter to continue after, and the votes by option."""

    chunks: int = 0
    last_voter: str | None = None
    done: bool = False
    options: Counter[str] = field(default_factory=Counter)


class VoteReader(Protocol):
    """The votes table."""

    def page(self, poll_bucket: str, after: str | None, limit: int) -> tuple[list[StoredVote], str | None]:
        """Return at most ``limit`` votes after a voter, read strongly consistently, and where to continue.

        Raises:
            StoreUnavailable: the table throttles or fails on its side.
        """
        ...


class PackRows(Protocol):
    """The tallies table."""

    def final(self, poll_id: str) -> Final | None:
        """Return the certificate. Raises PollCancelled for a cancelled poll."""
        ...

    def key(self, poll_id: str) -> bytes:
        """Return the poll's key."""
        ...

    def spilled(self, poll_id: str, work: str, bucket: int) -> Spilled:
        """Return the progress of a bucket."""
        ...

    def all_spilled(self, poll_id: str, work: str) -> Mapping[int, Spilled]:
        """Return the progress of each bucket."""
        ...

    def keep(self, poll_id: str, work: str, bucket: int, spilled: Spilled) -> None:
        """Store the progress of a bucket."""
        ...


class PackFiles(Protocol):
    """The bucket of packs."""

    def put(self, name: str, content: bytes) -> None:
        """Write a work file."""
        ...

    def read(self, prefix: str) -> Iterable[bytes]:
        """Return the content of every file below a prefix, in the order of their names."""
        ...

    def publish(self, name: str, content: bytes) -> bool:
        """Write a pack's file if it does not exist; return whether it holds this content now."""
        ...

    def exists(self, name: str) -> bool:
        """Say whether there is such a file."""
        ...


@dataclass(frozen=True)
class PackRuntime:
    """The tools of the steps."""

    load_poll: Callable[[str], Poll | None]
    votes: VoteReader
    rows: PackRows
    files: PackFiles
    signer: Callable[[], Signer]
    groups: int  # parts that the work of a step is split into
    sleep_ms: Callable[[float], None]


def plan(poll_id: str, execution: str, runtime: PackRuntime) -> PackState:
    """Plan the work, or report that the pack exists already.

    Raises:
        NoFinal: the poll has no certificate.
        PollCancelled: the poll was cancelled.
    """
    final = _final(poll_id, runtime)
    # Made from the execution's name: if this step is repeated, it continues the same work.
    work = hashlib.sha256(execution.encode()).hexdigest()[:12]
    if runtime.files.exists(f"{PACKS}{poll_id}/{MANIFEST}"):
        return PackState(poll_id=poll_id, work=work, published=True)
    poll = runtime.load_poll(poll_id)
    if poll is None:
        raise NoFinal(f"there is no poll {poll_id!r}")
    return PackState(
        poll_id=poll_id,
        work=work,
        groups=_grouped(poll.bucket_count, runtime.groups),
        part_groups=_grouped(number_of_parts(final.voters), runtime.groups),
    )


def spill(state: PackState, buckets: Iterable[int], runtime: PackRuntime, remaining_ms: Clock) -> bool:
    """Write the lines of buckets into work files by part, or continue; return whether all of them are done.

    Each invocation writes at least one chunk, so that it makes progress.

    Raises:
        OtherVotes: a vote is for an option that the certificate does not have.
        StoreUnavailable: a table or the bucket can't be reached now.
    """
    final, key = _final(state.poll_id, runtime), runtime.rows.key(state.poll_id)
    started = False
    for bucket in buckets:
        progress = runtime.rows.spilled(state.poll_id, state.work, bucket)
        while not progress.done:
            if started and remaining_ms() <= 0:
                return False
            started = True
            progress = _spill_chunk(state, final, key, bucket, progress, runtime, remaining_ms)
            runtime.rows.keep(state.poll_id, state.work, bucket, progress)
    return True


def _spill_chunk(
    state: PackState,
    final: Final,
    key: bytes,
    bucket: int,
    progress: Spilled,
    runtime: PackRuntime,
    remaining_ms: Clock,
) -> Spilled:
    votes, last_voter = _read_chunk(
        poll_bucket(state.poll_id, bucket), progress.last_voter, runtime, remaining_ms
    )
    counts = Counter(option for _, _, option in votes)
    refuse_unknown_options(final, counts)
    indexes = {count.option: index for index, count in enumerate(final.counts)}
    lines = lines_of(key, state.poll_id, votes, indexes)
    for part, some in by_part(lines, number_of_parts(final.voters)).items():
        if some:
            name = f"{_part_work(state, part)}/{bucket:04}-{progress.chunks:06}"
            runtime.files.put(name, b"".join(some))
    return Spilled(progress.chunks + 1, last_voter, last_voter is None, progress.options + counts)


def _read_chunk(
    bucket: str, after: str | None, runtime: PackRuntime, remaining_ms: Clock
) -> tuple[list[StoredVote], str | None]:
    """Read the next chunk: the same votes each time, whatever the size of the table's pages."""
    votes: list[StoredVote] = []
    backoff_ms = FIRST_BACKOFF_MS
    while len(votes) < CHUNK_VOTES:
        try:
            page, after = runtime.votes.page(bucket, after, CHUNK_VOTES - len(votes))
        except StoreUnavailable:
            if remaining_ms() <= backoff_ms:
                raise
            runtime.sleep_ms(backoff_ms)
            backoff_ms = min(backoff_ms * 2, LONGEST_BACKOFF_MS)
            continue
        votes += page
        if after is None:
            break
    return votes, after


def check(state: PackState, runtime: PackRuntime) -> None:
    """Compare the votes with the certificate, before anything of the pack is written.

    Raises:
        OtherVotes: they do not match.
    """
    final = _final(state.poll_id, runtime)
    progress = runtime.rows.all_spilled(state.poll_id, state.work)
    unread = [
        bucket for group in state.groups for bucket in group if not progress.get(bucket, Spilled()).done
    ]
    if unread:
        raise OtherVotes(f"bucket {unread[0]} was not read to its end: start the tally again")
    refuse_other_counts(final, sum((spilled.options for spilled in progress.values()), Counter()))


def write(state: PackState, parts: Iterable[int], runtime: PackRuntime) -> None:
    """Write parts of the pack, and store their entries for the manifest.

    Raises:
        OtherVotes: a line exists twice.
        OtherPack: the bucket holds another part by this name.
    """
    options = len(_final(state.poll_id, runtime).counts)
    for number in parts:
        content = sorted_lines(b"".join(runtime.files.read(f"{_part_work(state, number)}/")))
        trackers = [content[at : at + LINE_BYTES - 1] for at in range(0, len(content), LINE_BYTES)]
        if any(eq(*pair) for pair in pairwise(trackers)):
            raise OtherVotes(f"a stored vote was read twice in part {number}: start the tally again")
        _publish(state, part_name(number), content, runtime)
        facts = json.dumps(part_facts(content, number, options)).encode()
        runtime.files.put(f"{_facts_work(state)}/{number:04}", facts)


def seal(state: PackState, runtime: PackRuntime) -> dict[str, Any]:
    """Write the certificate, the key, the verifier and the signature; the manifest last.

    Raises:
        OtherVotes: the parts do not hold the certificate's votes.
        OtherPack: the bucket holds another file by one of these names.
    """
    final = _final(state.poll_id, runtime)
    parts: list[PartFacts] = [json.loads(facts) for facts in runtime.files.read(f"{_facts_work(state)}/")]
    if len(parts) != number_of_parts(final.voters):
        raise OtherVotes(f"only {len(parts)} parts were written: start the tally again")
    columns = zip(*(part["counts"] for part in parts), strict=True)
    sums = [sum(column) for column in columns]
    refuse_other_counts(
        final, Counter({count.option: votes for count, votes in zip(final.counts, sums, strict=True)})
    )
    signer = runtime.signer()
    for name, content in sealed_files(final, parts, signer).items():
        _publish(state, name, content, runtime)
    return {"lines": final.voters, "parts": len(parts), "key_fingerprint": signer.fingerprint}


def _publish(state: PackState, name: str, content: bytes, runtime: PackRuntime) -> None:
    path = f"{PACKS}{state.poll_id}/{name}"
    if not runtime.files.publish(path, content):
        raise OtherPack(
            f"{path} holds other bytes, perhaps of a pack that an older release began: delete the files below "
            f"{PACKS}{state.poll_id}/, then run `votectl tally`"
        )


def _final(poll_id: str, runtime: PackRuntime) -> Final:
    final = runtime.rows.final(poll_id)
    if final is None:
        raise NoFinal(f"poll {poll_id!r} has no final result yet: wait for it, then publish its pack")
    return final


def _part_work(state: PackState, number: int) -> str:
    return f"{WORK}{state.poll_id}/{state.work}/part-{number:04}"


def _facts_work(state: PackState) -> str:
    return f"{WORK}{state.poll_id}/{state.work}/facts"


def _grouped(number: int, groups: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(range(first, number, groups)) for first in range(min(groups, number)))
