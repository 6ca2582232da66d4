"""The steps of a tally, in the order in which the state machine takes them.

begin ⟲ ─▶ put_markers ─▶ check_drain ⟲ ─▶ count ⟲ (some buckets each, several at once) ─▶ certify

Each may be repeated with the same input, after an error or a lost answer, without harm.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count as numbers
from typing import Protocol

from tally import closing
from tally.certifying import certificate, contradiction
from tally.closing import Expectations, MarkerStream, markers_per_shard
from tally.draining import DrainPlace, DrainStatus, drain_of
from tally.errors import NotDrained, PollChanged, UnknownPoll
from tally.losses import LossVerdict, MappingLanes, WriterMapping, judge, must_still_be, wait_for
from tally.state import TallyState
from voting.counting import BucketReader, Partial, VotePage, count_on
from voting.errors import PollCancelled
from voting.final import Acknowledgement, Final
from voting.live import LiveCounts
from voting.markers import marker_ids
from voting.metrics import Metric, Telemetry
from voting.polls import Poll, poll_bucket
from voting.tallies import FINAL, recount_entry

type Clock = Callable[[], int]  # in ms

# The first checks of the drain follow each other quickly, later ones more rarely: an execution has 25,000 events at
# most,
# and a check has about ten. 2,000 checks are more than a day, longer than the writer tries a batch by default.
LONGEST_WAIT_SECONDS = 60
CHECKS_PER_SECOND_OF_WAIT = 10
MOST_CHECKS = 2_000

# For this time before a poll's end, votes are counted by the second of their arrival: votes that are too late for the
# certificate arrived then. A partial result stays small.
ARRIVALS_TOLD_APART_SECONDS = 60

# An automatic recount reads no faster than this, so that other polls that end keep their capacity.
RECOUNT_READ_UNITS_PER_SECOND = 1_000

# The most places that a message names as behind.
NAMED = 5


class TallyRows(Expectations, Protocol):
    """The tallies table, as a tally uses it."""

    def passed(self, poll_id: str) -> Mapping[DrainPlace, frozenset[str]]:
        """Return the markers that have been passed, by place."""
        ...

    def live(self, poll_id: str) -> LiveCounts:
        """Return the live counts."""
        ...

    def partial(self, poll_id: str, tally_id: str, bucket: int) -> Partial:
        """Return this tally's count of a bucket so far; an empty one if it has not begun."""
        ...

    def partials(self, poll_id: str, tally_id: str) -> Mapping[int, Partial]:
        """Return this tally's counts, by bucket."""
        ...

    def keep(self, poll_id: str, tally_id: str, bucket: int, partial: Partial) -> None:
        """Store the count of a bucket so far."""
        ...

    def acknowledgement(self, poll_id: str) -> Acknowledgement | None:
        """Return an operator's acknowledgement of lost records, or None."""
        ...

    def final(self, poll_id: str, entry: str) -> Final | None:
        """Return a certificate, or None if it does not exist."""
        ...

    def certify(self, final: Final, entry: str) -> bool:
        """Write a certificate; return False, and change nothing, if there is one already."""
        ...

    def report(self, poll_id: str, progress: Mapping[str, int | str]) -> None:
        """Show people the progress of the tally."""
        ...

    def hold_lanes(self, poll_id: str, lanes: int) -> None:
        """Let Terraform refuse another parallelization factor of the writer until the lanes are released.

        Raises:
            StoreUnavailable: that can't be recorded now.
        """
        ...

    def release_lanes(self, poll_id: str) -> None:
        """Release the lanes; harmless if the poll holds none."""
        ...


class FailedBatches(Protocol):
    """The vote writer's failure destination."""

    def waiting(self) -> int:
        """Return how many batches are in it that have not been redriven."""
        ...


@dataclass(frozen=True)
class TallyRuntime:
    """The tools and settings of a tally.

    ``settle_ms``: time until approximate facts are certain. ``metrics_lag_ms``: how far beyond the last marker the
    mapping's counts have to reach. ``recount_ms``: time from the final to the recount; 0: no recount.
    """

    load_poll: Callable[[str], Poll | None]
    stream: MarkerStream
    rows: TallyRows
    votes: BucketReader
    failures: FailedBatches
    mapping: WriterMapping
    telemetry: Telemetry
    lanes: int  # the vote writer's parallelization factor
    groups: int  # parts that a poll's buckets are split into
    settle_ms: int
    metrics_lag_ms: int
    recount_ms: int
    now_ms: Clock
    sleep_ms: Callable[[float], None]


def begin(state: TallyState, runtime: TallyRuntime) -> TallyState:
    """Say whether the poll is over, and if not, when to ask again.

    A poll's closing time may have moved since its tally was scheduled, so each call reads it again.
    Arrival times are approximate: votes that arrived in time may still come for some seconds.
    From its end to its final result a poll holds the writer's lanes. A recount does not: its poll is final.

    Raises:
        UnknownPoll: there is no such poll.
        PollCancelled: it was cancelled. Every step that reads the poll raises this.
    """
    poll = _poll(state, runtime)
    now, not_before = runtime.now_ms(), max(poll.closes_at + runtime.settle_ms, state.recount_at)
    # Made from the execution's name: if this step is repeated, the id is the same.
    tally_id = hashlib.sha256(state.execution.encode()).hexdigest()[:12]
    already_final = not state.recount and runtime.rows.final(poll.poll_id, FINAL) is not None
    if already_final:
        runtime.rows.release_lanes(poll.poll_id)
    elif not state.recount and now >= poll.closes_at:
        runtime.rows.hold_lanes(poll.poll_id, runtime.lanes)
    return state.then(
        tally_id=tally_id,
        closes_at=poll.closes_at,
        wording=_wording(poll),
        already_final=already_final,
        ready=now >= not_before,
        not_before=datetime.fromtimestamp(-(-max(not_before, now) // 1000), UTC).strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        ),
    )


def put_markers(state: TallyState, runtime: TallyRuntime) -> TallyState:
    """Put the closing markers."""
    poll = _unchanged_poll(state, runtime)
    lanes = wait_for(runtime.lanes, runtime.mapping)
    started_at = runtime.now_ms()
    _report(state, runtime, step="put_markers", execution=state.execution)
    shards = closing.put_markers(
        poll.poll_id, state.tally_id, runtime.lanes, runtime.stream, runtime.rows, runtime.sleep_ms
    )
    markers = markers_per_shard(runtime.lanes)
    parts = 1 if state.recount_at else runtime.groups  # a recount can be slow: one invocation at a time
    runtime.telemetry.count({Metric.MARKERS_PUT: markers * len(shards)})
    return state.then(
        shards=tuple(shards),
        markers_per_shard=markers,
        lanes=lanes.factor,
        mapping_changed_at=lanes.changed_at,
        started_at=started_at,
        buckets=poll.bucket_count,
        groups=tuple(
            tuple(range(first, poll.bucket_count, parts)) for first in range(min(parts, poll.bucket_count))
        ),
    )


def check_drain(state: TallyState, runtime: TallyRuntime) -> TallyState:
    """Say whether every vote is in the tables.

    This needs three things. Both consumers have passed every marker. The failure destination is empty some seconds
    after the last marker was passed, because Lambda may write a failed batch a moment after it has started the next
    one. No record was lost since the poll was announced, unless an operator has acknowledged the loss. The state
    machine tells on-call once of such a loss, and again if more is lost.

    Raises:
        NotDrained: the drain has not ended within a day.
        LanesChanged: the writer's parallelization factor was changed in between.
    """
    drain = _drain(state, runtime)
    waiting = runtime.failures.waiting()
    now = runtime.now_ms()
    passed_at = (state.passed_at or now) if drain.complete else None
    settled = passed_at is not None and now - passed_at >= runtime.settle_ms
    verdict = None
    if passed_at is not None and settled and not waiting:
        must_still_be(MappingLanes(state.lanes, state.mapping_changed_at), runtime.mapping)
        verdict = _losses(state, passed_at, runtime)
    drained = verdict is not None and verdict.clear
    behind = ", ".join(str(place) for place in drain.behind[:NAMED]) + (
        f" and {len(drain.behind) - NAMED} more" if len(drain.behind) > NAMED else ""
    )
    expected, passed = sum(drain.expected.values()), sum(drain.passed.values())
    runtime.telemetry.count(
        {
            Metric.MARKERS_AWAITED: expected - passed,
            Metric.FAILED_BATCHES_WAITING: waiting,
            Metric.RECORDS_LOST: verdict.lost if verdict else 0,
        }
    )
    if verdict and verdict.lost:
        runtime.telemetry.warn(
            "certificate withheld: records were lost",
            poll_id=state.poll_id,
            dropped=verdict.losses.dropped,
            undelivered=verdict.losses.undelivered,
        )
    _report(
        state,
        runtime,
        step="counting" if drained else "draining",
        execution=state.execution,
        markers_expected=expected,
        markers_passed=passed,
        behind=behind,
        failed_batches=waiting,
        buckets=state.buckets,
        **(_told(verdict) if verdict else {}),
    )
    checks, lost = state.checks + 1, verdict.lost if verdict else 0
    if not drained and checks >= MOST_CHECKS:
        raise NotDrained(
            f"behind: {behind or 'no consumer'}; failed batches that wait to be redriven: {waiting}; records lost: "
            f"{verdict.lost if verdict else 'not known'}. Repair that, then start the tally again"
        )
    return state.then(
        checks=checks,
        wait_seconds=min(LONGEST_WAIT_SECONDS, 1 + checks // CHECKS_PER_SECOND_OF_WAIT),
        passed_at=passed_at,
        drained=drained,
        drained_at=now if drained else 0,
        lost=max(state.lost, lost),
        tells_on_call=lost > state.lost,
    )


def count(state: TallyState, buckets: Iterable[int], runtime: TallyRuntime, remaining_ms: Clock) -> bool:
    """Count buckets, or continue after the last call; return whether all of them are done.

    Raises:
        StoreUnavailable: the counts could not be stored.
    """
    return all(_count(state, bucket, runtime, remaining_ms) for bucket in buckets)


def _count(state: TallyState, bucket: int, runtime: TallyRuntime, remaining_ms: Clock) -> bool:
    partial = runtime.rows.partial(state.poll_id, state.tally_id, bucket)
    partial.arrivals_from = state.closes_at // 1000 - ARRIVALS_TOLD_APART_SECONDS
    if partial.counted_at is None:
        before = partial.options.total()
        count_on(
            partial,
            poll_bucket(state.poll_id, bucket),
            _PausingReader(runtime) if state.recount_at else runtime.votes,
            runtime.now_ms,
            runtime.sleep_ms,
            remaining_ms,
        )
        runtime.rows.keep(state.poll_id, state.tally_id, bucket, partial)
        runtime.telemetry.count({Metric.VOTES_COUNTED: partial.options.total() - before})
    return partial.counted_at is not None


class _PausingReader:
    """The votes table for a recount: after each page it pauses for as long as the page's read units are worth."""

    def __init__(self, runtime: TallyRuntime) -> None:
        self._runtime = runtime

    def page(self, poll_bucket: str, after: str | None) -> VotePage:
        page = self._runtime.votes.page(poll_bucket, after)
        self._runtime.sleep_ms(page.read_units * 1000 / RECOUNT_READ_UNITS_PER_SECOND)
        return page


@dataclass(frozen=True)
class Certified:
    """A certificate in the tallies table; ``agrees`` says whether it matches the one before, if there is one.

    ``recount_at``: time of the automatic recount (epoch ms); 0: none.
    """

    final: Final
    entry: str
    agrees: bool
    recount_at: int


def certify(state: TallyState, runtime: TallyRuntime) -> Certified:
    """Write the final result once. A later count becomes a recount.

    Raises:
        ImpossibleCount: the numbers contradict each other.
        PollChanged: the poll's rules or texts were changed after the votes were counted.
        PollCancelled: the poll was cancelled before its certificate was written.
        NotDrained: the drain rows no longer prove the drain, or records were lost in between.
        LanesChanged: the writer's parallelization factor was changed in between.
    """
    poll = _unchanged_poll(state, runtime)
    rows = runtime.rows
    drain = _drain(state, runtime)
    if not (state.drained and drain.complete):
        raise NotDrained("the drain rows were changed while the votes were counted: start the tally again")
    must_still_be(MappingLanes(state.lanes, state.mapping_changed_at), runtime.mapping)
    verdict = _losses(state, state.passed_at or state.drained_at, runtime)
    if not verdict.clear:
        raise NotDrained("records were lost while the votes were counted: start the tally again")
    losses = verdict.losses.model_copy(update={"acknowledged": verdict.acknowledgement})
    partials, live = rows.partials(poll.poll_id, state.tally_id), rows.live(poll.poll_id)

    def certificate_beside(other: Final | None) -> Final:
        differs = None
        if other is not None and other.proof.tally_id != state.tally_id:
            counted = rows.partials(poll.poll_id, other.proof.tally_id)
            differs = contradiction(other, counted, poll, partials)
        return certificate(state, poll, partials, live, drain, losses, differs, runtime.now_ms())

    first = rows.final(poll.poll_id, FINAL)
    final = certificate_beside(first)
    for number in numbers():
        entry = recount_entry(number) if number else FINAL
        written = rows.certify(final, entry)
        there = final if written else rows.final(poll.poll_id, entry)
        # A certificate is ours if this call wrote it, or a call whose answer was lost.
        is_ours = there is not None and there.proof.tally_id == state.tally_id
        if first is None:
            first = there
            if not is_ours:  # another tally was quicker
                final = certificate_beside(first)
        agrees = first is not None and first.votes == final.votes
        # Two parallel tallies of one poll need no recount unless they differ.
        if there is None or not (is_ours or (agrees and not state.recount)):
            continue
        differs = there.contradicts
        runtime.telemetry.count(
            {
                Metric.RESULTS_CERTIFIED: int(written),
                Metric.VOTES_CONTRADICTING: differs.votes if differs else 0,
            }
        )
        if differs:
            runtime.telemetry.warn(
                "certificate contradicted",
                poll_id=poll.poll_id,
                entry=entry,
                **differs.model_dump(mode="json"),
            )
        _report(state, runtime, step="final", execution=state.execution)
        if not state.recount:
            rows.release_lanes(poll.poll_id)
        recount_at = 0 if state.recount or not runtime.recount_ms else there.certified_at + runtime.recount_ms
        return Certified(there, entry, agrees, recount_at)
    raise AssertionError("unreachable: numbers never end")  # pragma: no cover


def _poll(state: TallyState, runtime: TallyRuntime) -> Poll:
    poll = runtime.load_poll(state.poll_id)
    if poll is None:
        raise UnknownPoll(f"there is no poll {state.poll_id!r}")
    if poll.cancelled_at is not None:
        raise PollCancelled(f"poll {state.poll_id!r} was cancelled: it is never certified")
    return poll


def _unchanged_poll(state: TallyState, runtime: TallyRuntime) -> Poll:
    poll = _poll(state, runtime)
    if poll.closes_at != state.closes_at:
        raise PollChanged(
            f"poll {state.poll_id!r} closes at {poll.closes_at} now, and closed at {state.closes_at} when its "
            "tally began: start it again"
        )
    if state.wording and _wording(poll) != state.wording:  # empty: an older release began this tally
        raise PollChanged(
            f"the title, options or labels of poll {state.poll_id!r} were changed after its tally began: "
            "put them right, then start the tally again"
        )
    return poll


def _wording(poll: Poll) -> str:
    """Return a digest of the certificate's texts: in a log, a digest is enough."""
    texts = [poll.title, *(text for option in poll.options for text in (option.id, option.label))]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _drain(state: TallyState, runtime: TallyRuntime) -> DrainStatus:
    ids = marker_ids(state.tally_id, state.markers_per_shard)
    return drain_of(runtime.rows.passed(state.poll_id), state.shards, ids)


def _losses(state: TallyState, passed_at: int, runtime: TallyRuntime) -> LossVerdict:
    """Judge the losses of the writer's mapping since the poll was announced."""
    losses = runtime.mapping.losses(_poll(state, runtime).announced_at)
    known_until = passed_at + runtime.metrics_lag_ms
    needed = losses.any or losses.counted_until < known_until
    return judge(losses, known_until, runtime.rows.acknowledgement(state.poll_id) if needed else None)


def _told(verdict: LossVerdict) -> dict[str, int]:
    """Return a verdict for the progress row."""
    losses = verdict.losses
    return {
        "dropped": losses.dropped,
        "undelivered": losses.undelivered,
        "counts_missing": int(not verdict.known),
        "losses_cleared": int(verdict.clear),
    }


def _report(state: TallyState, runtime: TallyRuntime, **progress: int | str) -> None:
    runtime.rows.report(state.poll_id, {"tally_id": state.tally_id, **progress})
