"""A tally withholds the certificate until the writer's mapping has lost nothing, or the losses are acknowledged."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tally import steps
from tally.errors import LanesChanged, NotDrained
from tally.losses import MappingLanes, judge
from tally.mapping import EventSourceMapping
from tally.state import TallyState
from unit.tally.conftest import METRICS_LAG_MS, POLL, SETTLE_MS, World, state
from voting.errors import StoreRefused, StoreUnavailable
from voting.final import Acknowledgement, Losses
from voting.metrics import Metric
from voting.tallies import FINAL

NOW = datetime(2026, 11, 29, 12, 0, 30, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
DAY_MS = 86_400_000


def acknowledgement(**changes: Any) -> Acknowledgement:
    values = {"dropped": 3, "undelivered": 1, "counts_missing": False} | changes
    return Acknowledgement(by="Ada", reason="read again from the stream", acknowledged_at=1, **values)


def passed(world: World, state: TallyState) -> TallyState:
    """Return a tally whose markers are passed and that has settled."""
    state = steps.put_markers(steps.begin(state, world.runtime), world.runtime)
    world.rows.pass_all(world.stream)
    state = steps.check_drain(state, world.runtime)
    world.now += SETTLE_MS
    return state


@pytest.mark.parametrize("lost", [{"dropped": 3}, {"undelivered": 1}], ids=["dropped", "undelivered"])
def test_lost_records_withhold_the_certificate_and_name_the_poll(world: World, lost: dict[str, int]) -> None:
    for name, value in lost.items():
        setattr(world.mapping, name, value)
    checked = steps.check_drain(passed(world, state()), world.runtime)
    assert not checked.drained
    assert world.mapping.since[-1] == POLL.announced_at
    assert world.telemetry.counts[Metric.RECORDS_LOST] == sum(lost.values())
    ((message, fields),) = world.telemetry.warnings
    assert (message, fields["poll_id"]) == ("certificate withheld: records were lost", "poll")
    assert world.rows.progress[-1]["losses_cleared"] == 0


def test_on_call_is_paged_once_for_lost_records_and_again_if_more_are_lost(world: World) -> None:
    checked, told = passed(world, state()), []
    for dropped in (0, 3, 3, 4, 4):
        world.mapping.dropped, world.mapping.counted_until = dropped, 0  # no check finds the poll drained
        checked = steps.check_drain(checked, world.runtime)
        told.append((checked.tells_on_call, checked.lost))
    assert told == [(False, 0), (True, 3), (False, 3), (True, 4), (False, 4)]


def test_on_call_is_not_paged_for_acknowledged_losses(world: World) -> None:
    world.mapping.dropped, world.mapping.undelivered = 3, 1
    world.rows.acknowledged = acknowledgement()
    assert not steps.check_drain(passed(world, state()), world.runtime).tells_on_call


def test_a_loss_count_of_0_is_trusted_only_past_the_last_marker(world: World) -> None:
    checked = passed(world, state())
    assert checked.passed_at is not None
    world.mapping.counted_until = checked.passed_at + METRICS_LAG_MS - 1
    assert not steps.check_drain(checked, world.runtime).drained
    assert world.rows.progress[-1]["counts_missing"] == 1
    world.mapping.counted_until += 1
    assert steps.check_drain(checked, world.runtime).drained


def test_an_acknowledgement_is_in_the_certificate(world: World) -> None:
    world.stored(Counter(a=1))
    world.mapping.dropped, world.mapping.undelivered = 3, 1
    checked = passed(world, state())
    assert not steps.check_drain(checked, world.runtime).drained
    world.rows.acknowledged = acknowledgement()
    checked = steps.check_drain(checked, world.runtime)
    assert checked.drained
    for group in checked.groups:
        steps.count(checked, group, world.runtime, lambda: 1_000_000)
    steps.certify(checked, world.runtime)
    losses = world.rows.certificates[FINAL].proof.losses
    assert losses is not None
    assert (losses.dropped, losses.undelivered, losses.acknowledged) == (3, 1, acknowledgement())
    assert '"reason":"read again from the stream"' in world.rows.certificates[FINAL].certificate


def test_records_lost_while_votes_are_counted_withhold_the_certificate(world: World) -> None:
    checked = steps.check_drain(passed(world, state()), world.runtime)
    for group in checked.groups:
        steps.count(checked, group, world.runtime, lambda: 1_000_000)
    world.mapping.dropped = 1
    with pytest.raises(NotDrained, match="lost"):
        steps.certify(checked, world.runtime)
    assert world.rows.certificates == {}


@pytest.mark.parametrize(
    ("losses", "word", "clear"),
    [
        pytest.param({}, None, True, id="nothing-lost"),
        pytest.param({"dropped": 3}, None, False, id="lost"),
        pytest.param({"dropped": 3, "undelivered": 1}, acknowledgement(), True, id="acknowledged"),
        pytest.param({"dropped": 4, "undelivered": 1}, acknowledgement(), False, id="more-lost-since"),
        pytest.param({"dropped": 3, "undelivered": 2}, acknowledgement(), False, id="more-undelivered-since"),
        pytest.param({"counted_until": 9}, None, False, id="not-known-yet"),
        pytest.param({"counted_until": 9}, acknowledgement(), False, id="known-when-acknowledged"),
        pytest.param(
            {"counted_until": 9}, acknowledgement(counts_missing=True), True, id="missing-acknowledged"
        ),
    ],
)
def test_an_acknowledgement_covers_only_what_the_operator_saw(
    losses: dict[str, int], word: Acknowledgement | None, clear: bool
) -> None:
    found = Losses.model_validate({"dropped": 0, "undelivered": 0, "counted_until": 10} | losses)
    assert judge(found, 10, word).clear is clear


# lanes


def test_markers_wait_until_the_mapping_has_the_lanes_of_the_deployment(world: World) -> None:
    begun = steps.begin(state(), world.runtime)
    world.mapping.lanes_now = 2
    with pytest.raises(StoreUnavailable, match="parallelization factor"):
        steps.put_markers(begun, world.runtime)
    assert world.stream.put == []


@pytest.mark.parametrize("step", ["check_drain", "certify"])
def test_a_tally_during_which_the_lanes_change_certifies_nothing(world: World, step: str) -> None:
    checked = passed(world, state())
    if step == "certify":
        checked = steps.check_drain(checked, world.runtime)
        for group in checked.groups:
            steps.count(checked, group, world.runtime, lambda: 1_000_000)
    world.mapping.lanes_now = 2
    with pytest.raises(LanesChanged, match="is 2, and was 1"):
        getattr(steps, step)(checked, replace(world.runtime))
    world.mapping.lanes_now = 1
    world.mapping.changed_at += 1
    with pytest.raises(LanesChanged, match="which lanes it had in between"):
        getattr(steps, step)(checked, replace(world.runtime))
    assert world.rows.certificates == {}


def test_a_tally_of_an_older_release_ignores_changes_of_lanes(world: World) -> None:
    checked = passed(world, state()).then(mapping_changed_at=0)
    assert steps.check_drain(checked, world.runtime).drained


# the mapping


class FakeLambda:
    def __init__(self, **mapping: Any) -> None:
        self.mapping = {"State": "Enabled", "ParallelizationFactor": 2, "LastModified": NOW} | mapping

    def get_event_source_mapping(self, **request: Any) -> dict[str, Any]:
        assert request == {"UUID": "uuid"}
        return self.mapping


class FakeCloudWatch:
    """Answers by metric's name, one page per point."""

    def __init__(self, status: str = "Complete", **points: list[tuple[datetime, float]]) -> None:
        self.points = points
        self.status = status
        self.requests: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> "FakeCloudWatch":
        assert operation == "get_metric_data"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.requests.append(request)
        if self.status == "Throttling":
            raise ClientError({"Error": {"Code": "Throttling", "Message": ""}}, "GetMetricData")
        (query,) = request["MetricDataQueries"]
        return [
            {"MetricDataResults": [{"Timestamps": [moment], "Values": [value], "StatusCode": self.status}]}
            for moment, value in self.points.get(query["MetricStat"]["Metric"]["MetricName"], [])
        ]


def mapping(cloudwatch: FakeCloudWatch, client: FakeLambda | None = None, uuid: str = "uuid") -> Any:
    return EventSourceMapping(client or FakeLambda(), cloudwatch, uuid, "writer", lambda: NOW_MS)  # type: ignore[arg-type]


def test_losses_are_summed_from_the_announcement_to_the_newest_count_of_polls() -> None:
    minute = NOW.replace(second=0)
    cloudwatch = FakeCloudWatch(
        DroppedEventCount=[(minute, 25.0), (minute, 5.0)],
        DestinationDeliveryFailures=[(minute, 2.0)],
        PolledEventCount=[(minute.replace(minute=1), 0.0), (minute, 4.0)],
    )
    losses = mapping(cloudwatch).losses(NOW_MS - DAY_MS)
    assert (losses.dropped, losses.undelivered) == (30, 2)
    assert (
        losses.counted_until == int(minute.timestamp() + 60) * 1000
    )  # a minute without samples does not count
    asked = [
        (stat["Metric"]["MetricName"], stat["Metric"]["Dimensions"][0]["Value"], stat["Stat"])
        for request in cloudwatch.requests
        for stat in [request["MetricDataQueries"][0]["MetricStat"]]
    ]
    assert asked == [
        ("DroppedEventCount", "uuid", "Sum"),
        ("DestinationDeliveryFailures", "writer", "Sum"),
        ("PolledEventCount", "uuid", "SampleCount"),
    ]


@pytest.mark.parametrize(
    ("days", "period"),
    [(1, 60), (15, 60), (16, 300), (64, 3600), (500, 3600)],
    ids=lambda number: str(number),
)
def test_losses_of_older_polls_are_read_in_the_periods_that_cloudwatch_keeps(days: int, period: int) -> None:
    cloudwatch = FakeCloudWatch()
    losses = mapping(cloudwatch).losses(NOW_MS - days * DAY_MS)
    assert cloudwatch.requests[0]["MetricDataQueries"][0]["MetricStat"]["Period"] == period
    assert losses == Losses(dropped=0, undelivered=0, counted_until=0)  # no count of polls: nothing is known


@pytest.mark.parametrize("status", ["InternalError", "Forbidden", "Throttling"])
def test_an_invalid_answer_is_requested_again(status: str) -> None:
    cloudwatch = FakeCloudWatch(status, DroppedEventCount=[(NOW, 0.0)])
    with pytest.raises(StoreUnavailable, match="CloudWatch"):
        mapping(cloudwatch).losses(NOW_MS)


def test_the_tally_waits_for_a_mapping_that_is_being_changed() -> None:
    assert mapping(FakeCloudWatch()).lanes() == MappingLanes(2, NOW_MS)
    assert mapping(FakeCloudWatch(), FakeLambda(State="Disabled")).lanes() == MappingLanes(2, NOW_MS)
    with pytest.raises(StoreUnavailable, match="Updating"):
        mapping(FakeCloudWatch(), FakeLambda(State="Updating")).lanes()


def test_the_tally_waits_for_the_variables_of_this_release() -> None:
    with pytest.raises(StoreUnavailable, match="older release"):
        mapping(FakeCloudWatch(), uuid="").lanes()


def test_a_missing_mapping_ends_the_tally() -> None:
    class Gone(FakeLambda):
        def get_event_source_mapping(self, **_: Any) -> dict[str, Any]:
            raise ClientError(
                {"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "GetEventSourceMapping"
            )

    with pytest.raises(StoreRefused, match="ResourceNotFoundException"):
        mapping(FakeCloudWatch(), Gone()).lanes()
