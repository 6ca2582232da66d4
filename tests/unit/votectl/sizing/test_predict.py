from collections.abc import Callable

import numpy as np
import pytest

from votectl.settings.deployment import Aggregator, BillingMode, StreamSettings, Table, Writer
from votectl.sizing.course import CourseSummary
from votectl.sizing.predict import flow, settling
from votectl.sizing.scenario import EventScenario


def test_a_backlog_drains_at_the_lanes_rate(scenario: Callable[..., EventScenario]) -> None:
    played = scenario(deployment={"vote_writer": Writer(batch_size=1, batching_window_seconds=0)})
    rate = 4 * played.lane_rate(played.writer).value
    found = CourseSummary(flow(played))
    assert found.vote_units_peak == pytest.approx(rate, rel=0.001)
    assert found.backlog_peak == pytest.approx((1_000 - rate) * 60, rel=0.02)
    # The fullest lane is last: it has a few more votes than the others.
    assert found.storing_drain == pytest.approx(60_000 / rate - 60, rel=0.05)


def test_a_burst_is_used_up_and_then_the_table_decides(scenario: Callable[..., EventScenario]) -> None:
    table = Table(billing_mode=BillingMode.PROVISIONED, write_units=400, read_units=1)
    found = CourseSummary(
        flow(scenario(event={"duration_seconds": 600.0}, deployment={"votes_table": table}))
    )
    assert found.storing_drain == pytest.approx((600_000 - 300 * 400) / 400 - 600, rel=0.01)


def test_a_paced_writer_drains_at_its_share_of_the_table(scenario: Callable[..., EventScenario]) -> None:
    table = Table(billing_mode=BillingMode.PROVISIONED, write_units=500, read_units=1)
    played = scenario(deployment={"votes_table": table, "vote_writer": Writer(write_share=0.8)})
    found = CourseSummary(flow(played))
    assert found.vote_units_peak == pytest.approx(400, rel=0.01)
    assert found.storing_drain == pytest.approx(60_000 / 400 - 60, rel=0.05)
    assert found.vote_units_throttled == 0


def test_live_rows_are_written_once_per_poll_shard_and_window(scenario: Callable[..., EventScenario]) -> None:
    played = scenario(
        event={"polls": 3},
        deployment={
            "vote_aggregator": Aggregator(batching_window_seconds=5),
            "stream": StreamSettings(shard_count=8),
        },
    )
    busy = played.aggregator.time.of(1_000 / 8 * 5)
    assert CourseSummary(flow(played)).live_units_per_second == pytest.approx(8 * 3 / (5 + busy), rel=0.01)


def test_a_lane_that_keeps_up_leaves_nothing_behind(scenario: Callable[..., EventScenario]) -> None:
    found = CourseSummary(flow(scenario()))
    assert found.votes_stored == pytest.approx(60_000)
    assert found.storing_lag_peak < 4


def test_a_vote_waits_for_poll_window_and_invocation(scenario: Callable[..., EventScenario]) -> None:
    lane = scenario(deployment={"vote_aggregator": Aggregator(batching_window_seconds=5)}).aggregator
    mean, most = settling(lane, np.array(100.0))
    busy = lane.time.of(100 * 5)
    assert float(most) == pytest.approx(0.2 + 1 + 5 + 2 * busy, rel=0.01)
    assert float(mean) == pytest.approx((5 + busy) / 2 + busy, rel=0.01)


def test_the_hot_voters_lane_is_behind_alone(scenario: Callable[..., EventScenario]) -> None:
    writer = Writer(batch_size=5, batching_window_seconds=0)
    usual, hot = (
        CourseSummary(flow(scenario(event={"hot_voter_share": share}, deployment={"vote_writer": writer})))
        for share in (0.0, 0.5)
    )
    assert usual.storing_drain < 5
    assert hot.storing_drain > 20
