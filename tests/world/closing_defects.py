"""Defects in the tally, built in by tests only. The closing world must catch each."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

import tally.closing
import tally.draining
import tally.losses
import tally.steps
import vote_aggregator.handler
import vote_writer.handler
from tally.closing import Expectations, MarkerStream
from tally.losses import MappingLanes, must_still_be
from tally.state import TallyState
from tally.store import TallyRowTable, WriterFailures
from voting.final import CERTIFICATE, Acknowledgement, Final, Losses
from voting.markers import VOTE_AGGREGATOR, VOTE_WRITER, PassedMarkers, marker_ids, pass_markers
from world import tallying
from world.defects import Defect

CLOSING_DEFECTS: dict[str, Defect] = {}


def defect(install: Defect) -> Defect:
    """Register a defect under its function's name."""
    CLOSING_DEFECTS[install.__name__.replace("_", "-")] = install
    return install


def _pass_all_markers(markers: Any, _done_before: str | None, *rest: Any) -> PassedMarkers:
    return pass_markers(markers, None, *rest)


@defect
def the_writer_passes_markers_before_undone_votes(patch: pytest.MonkeyPatch) -> None:
    """The drain then proves nothing."""
    patch.setattr(vote_writer.handler, "pass_markers", _pass_all_markers)


@defect
def the_aggregator_passes_markers_before_uncounted_votes(patch: pytest.MonkeyPatch) -> None:
    """The certificate is then wrong about the live result."""
    patch.setattr(vote_aggregator.handler, "pass_markers", _pass_all_markers)


def _wait_for_one(patch: pytest.MonkeyPatch, consumer: str) -> None:
    patch.setattr(tally.draining, "CONSUMERS", (consumer,))


@defect
def the_tally_does_not_wait_for_the_writer(patch: pytest.MonkeyPatch) -> None:
    """Votes may not be stored yet."""
    _wait_for_one(patch, VOTE_AGGREGATOR)


@defect
def the_tally_does_not_wait_for_the_aggregator(patch: pytest.MonkeyPatch) -> None:
    """Stored votes may not be counted yet, so the numbers contradict each other."""
    _wait_for_one(patch, VOTE_WRITER)


@defect
def a_shard_has_one_marker_for_all_its_lanes(patch: pytest.MonkeyPatch) -> None:
    """The other lanes may be far behind."""
    patch.setattr(tally.closing, "markers_per_shard", lambda lanes: lanes // lanes)
    patch.setattr(tally.steps, "markers_per_shard", lambda lanes: lanes // lanes)


@defect
def the_shards_are_listed_only_once(patch: pytest.MonkeyPatch) -> None:
    """A shard that is split while markers are put has two children, and one of them gets none."""

    def put_once(
        poll_id: str,
        tally_id: str,
        lanes: int,
        stream: MarkerStream,
        rows: Expectations,
        sleep_ms: Callable[[float], None],
    ) -> Sequence[str]:
        del sleep_ms
        shards: set[str] = set()
        for shard in stream.open_shards():
            ids = marker_ids(tally_id, tally.closing.markers_per_shard(lanes))
            landed = stream.put_markers(poll_id, ids, shard.hash_key)
            for shard_id in landed:
                rows.expect(poll_id, shard_id, tally_id)
            shards |= landed
        return sorted(shards)

    patch.setattr(tally.closing, "put_markers", put_once)


@defect
def failed_batches_of_the_writer_are_ignored(patch: pytest.MonkeyPatch) -> None:
    """It is stored when it is redriven, after the result has become final."""
    patch.setattr(WriterFailures, "waiting", lambda _failures: 0)


def a_tally_begins_by_its_own_clock(patch: pytest.MonkeyPatch) -> None:
    """Votes with a stamp in time still arrive."""
    patch.setattr(tallying, "SETTLE_MS", -600)


@defect
def votes_are_counted_before_the_drain(patch: pytest.MonkeyPatch) -> None:
    """The proof is for another moment than the count."""

    def check(state: TallyState, runtime: tally.steps.TallyRuntime) -> TallyState:
        checked = original(state, runtime)
        return checked.then(drained=True, drained_at=checked.drained_at or runtime.now_ms())

    original = tally.steps.check_drain
    patch.setattr(tally.steps, "check_drain", check)


def a_certificate_takes_the_place_of_a_cancellation(patch: pytest.MonkeyPatch) -> None:
    """The poll is final by its certificate, and cancelled by its row."""

    def certify(rows: TallyRowTable, final: Final, entry: str) -> bool:
        rows._client.put_item(TableName=rows._table, Item=final.to_row(entry))
        return True

    patch.setattr(TallyRowTable, "certify", certify)


@defect
def a_tally_ignores_a_cancellation(patch: pytest.MonkeyPatch) -> None:
    """It certifies although the cancellation has taken its place."""

    def final(rows: TallyRowTable, poll_id: str, entry: str) -> Final | None:
        row = rows._get(poll_id, entry)
        return Final.from_row(row) if row and CERTIFICATE in row else None

    patch.setattr(TallyRowTable, "final", final)


@defect
def a_settled_poll_holds_its_lanes(patch: pytest.MonkeyPatch) -> None:
    """Terraform refuses other lanes for ever."""
    patch.setattr(TallyRowTable, "release_lanes", lambda _rows, _poll_id: None)


# Defects that show only where a batch is lost: tests/properties/test_lost_records.py catches them.
LOSS_DEFECTS: dict[str, Defect] = {}


def loss_defect(install: Defect) -> Defect:
    """Register a defect under its function's name."""
    LOSS_DEFECTS[install.__name__.replace("_", "-")] = install
    return install


@loss_defect
def lost_records_are_ignored(patch: pytest.MonkeyPatch) -> None:
    """Votes in them are in no table and in no bucket."""

    def judge_kindly(
        losses: Losses, known_until: int, word: Acknowledgement | None
    ) -> tally.losses.LossVerdict:
        del known_until, word
        return tally.losses.LossVerdict(
            losses.model_copy(update={"dropped": 0, "undelivered": 0}), True, None
        )

    patch.setattr(tally.steps, "judge", judge_kindly)


@loss_defect
def a_loss_count_of_0_is_trusted_at_once(patch: pytest.MonkeyPatch) -> None:
    """CloudWatch reports a loss some time later."""

    def judge_at_once(
        losses: Losses, known_until: int, word: Acknowledgement | None
    ) -> tally.losses.LossVerdict:
        del known_until
        return tally.losses.judge(losses, 0, word)

    patch.setattr(tally.steps, "judge", judge_at_once)


def a_recount_contradicts_nothing(patch: pytest.MonkeyPatch) -> None:
    """A fault that no drain proof covers is then never noticed."""
    patch.setattr(tally.steps, "contradiction", lambda *_certificates: None)


def changes_of_lanes_are_ignored(patch: pytest.MonkeyPatch) -> None:
    """Markers for fewer lanes than exist prove nothing."""
    patch.setattr(tally.steps, "wait_for", lambda factor, _mapping: MappingLanes(factor))
    patch.setattr(tally.steps, "must_still_be", lambda _lanes, _mapping: None)


def a_tally_ignores_clock_differences(patch: pytest.MonkeyPatch) -> None:
    """Its clock is ahead of the stream's, so votes still arrive in time."""
    patch.setattr(tallying, "SETTLE_MS", 0)


def a_factor_that_was_changed_back_is_trusted(patch: pytest.MonkeyPatch) -> None:
    """The lanes in between are unknown."""
    patch.setattr(
        tally.steps,
        "must_still_be",
        lambda lanes, mapping: must_still_be(MappingLanes(lanes.factor), mapping),
    )


# Random schedules rarely show these. The explorer finds those that small worlds can show.
EXPLORED_DEFECTS: dict[str, Defect] = {
    "a-tally-begins-by-its-own-clock": a_tally_begins_by_its_own_clock,
    "a-tally-ignores-clock-differences": a_tally_ignores_clock_differences,
    "a-certificate-takes-the-place-of-a-cancellation": a_certificate_takes_the_place_of_a_cancellation,
    "a-recount-contradicts-nothing": a_recount_contradicts_nothing,
    "changes-of-lanes-are-ignored": changes_of_lanes_are_ignored,
    "a-factor-that-was-changed-back-is-trusted": a_factor_that_was_changed_back_is_trusted,
}
