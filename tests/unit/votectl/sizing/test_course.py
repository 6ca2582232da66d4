from collections.abc import Callable
from functools import partial
from math import sqrt
from time import process_time

import numpy as np
import pytest

from votectl.settings.deployment import (
    Aggregator,
    Api,
    BillingMode,
    StreamMode,
    StreamSettings,
    Table,
    Writer,
)
from votectl.sizing.capacity import Bucket, GrowingCapacity, WriteMeter
from votectl.sizing.consumer import ConsumerLane
from votectl.sizing.course import Course, CourseSummary
from votectl.sizing.inputs import LimitExceeded
from votectl.sizing.predict import flow, settling
from votectl.sizing.scenario import EventScenario
from votectl.sizing.simulate import simulate, step_seconds, thin


def on_demand() -> GrowingCapacity:
    return GrowingCapacity(initial=4_000, factor=2, seconds=1_800, ceiling=40_000)


def test_a_bucket_gives_what_it_kept_and_then_its_rate() -> None:
    bucket = Bucket(rate=100, size=1_000)
    assert bucket.offer(1) == 1_100
    bucket.take(1_100, 1)
    assert bucket.offer(1) == 100
    bucket.take(0, 60)
    assert bucket.offer(0) == 1_000


def test_capacity_doubles_half_an_hour_after_its_peak() -> None:
    capacity = on_demand()
    capacity.consumed(0, 4_000)
    assert capacity.at(1_799) == 4_000
    assert capacity.at(1_800) == 8_000
    capacity.consumed(1_800, 8_000)
    assert capacity.at(3_600) == 16_000


def test_capacity_does_not_shrink_nor_pass_its_ceiling() -> None:
    capacity = GrowingCapacity(initial=30_000, factor=2, seconds=1_800, ceiling=40_000)
    capacity.consumed(0, 30_000)
    capacity.consumed(1, 10)
    assert capacity.at(10_000) == 40_000


def test_a_provisioned_table_lends_five_minutes_and_then_is_flat() -> None:
    meter = WriteMeter(Bucket(rate=100, size=300 * 100), partition_units=1e9)
    granted = [meter.grant(200, now, 1) for now in range(400)]
    assert granted[:300] == [200] * 300
    assert granted[310:] == [100] * 90
    assert meter.throttled == pytest.approx(sum(200 - units for units in granted))


def test_partition_keys_bound_a_table_of_any_size() -> None:
    meter = WriteMeter(Bucket(rate=10_000, size=3e6), partition_units=1_000)
    granted = [meter.grant(5_000, now, 1) for now in range(10)]
    assert granted[0] == 2_000  # a second's worth was kept
    assert granted[1:] == [1_000] * 9


def test_an_idle_table_fills_up_again() -> None:
    meter = WriteMeter(on_demand(), partition_units=1e9)
    assert meter.grant(9_000, 0, 1) == 4_000
    assert meter.grant(0, 1, 1) == 0
    assert meter.grant(9_000, 2, 1) == 8_000


def test_a_backlog_drains_at_the_lanes_rate(scenario: Callable[..., EventScenario]) -> None:
    played = scenario(deployment={"vote_writer": Writer(batch_size=1, batching_window_seconds=0)})
    rate = 4 * played.lane_rate(played.writer).value
    found = CourseSummary(flow(played))
    assert found.vote_units_peak == pytest.approx(rate, rel=0.001)
    assert found.backlog_peak == pytest.approx((1_000 - rate) * 60, rel=0.02)
    # The fullest lane is last: it has a few more votes than the others.
    assert found.storing_drain == pytest.approx(60_000 / rate - 60, rel=0.05)


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


def outcome(played: EventScenario, step: float = 0.5) -> CourseSummary:
    return CourseSummary(simulate(played, 1, step))


def test_one_seed_gives_one_course(scenario: Callable[..., EventScenario]) -> None:
    played = scenario()
    one, again, other = (simulate(played, seed, 0.5) for seed in (7, 7, 8))
    assert all(
        np.array_equal(getattr(one, name), getattr(again, name)) for name in ("sent", "stored", "live_lag")
    )
    assert not np.array_equal(one.sent, other.sent)


def test_votes_come_by_chance_around_the_rate(scenario: Callable[..., EventScenario]) -> None:
    sent = outcome(scenario()).votes_sent
    assert sent == pytest.approx(60_000, abs=5 * 60_000**0.5)
    assert sent != 60_000


def test_a_steps_cost_does_not_depend_on_the_number_of_votes(scenario: Callable[..., EventScenario]) -> None:
    def processor_seconds(peak: float) -> float:
        played = scenario(event={"peak": peak}, deployment={"stream": StreamSettings(shard_count=300)})
        began = process_time()
        simulate(played, 1, 0.5)
        return process_time() - began

    processor_seconds(1.0)
    assert processor_seconds(1_000_000.0) < 5 * processor_seconds(1_000.0)


def test_the_front_door_refuses_what_is_above_its_rate(scenario: Callable[..., EventScenario]) -> None:
    api = Api(throttling_rate_limit=600, throttling_burst_limit=100)
    found = outcome(scenario(deployment={"api": api}))
    assert found.votes_stored == pytest.approx(600 * 60 + 100, rel=0.005)
    assert found.votes_refused_by_api == pytest.approx(400 * 60, rel=0.03)


def test_a_shard_refuses_what_is_above_its_limit(scenario: Callable[..., EventScenario]) -> None:
    found = outcome(scenario(event={"peak": 6_000.0}))
    assert found.votes_stored == pytest.approx(4_000 * 60, rel=0.02)
    assert found.votes_refused_by_api == 0


def test_a_hot_voter_fills_one_shard_only(scenario: Callable[..., EventScenario]) -> None:
    found = outcome(scenario(event={"peak": 2_400.0, "hot_voter_share": 0.5}))
    in_hot_shard = 1_200 + 300
    assert found.votes_refused_by_stream == pytest.approx((in_hot_shard - 1_000) * 60, rel=0.05)


@pytest.mark.slow
def test_an_on_demand_stream_doubles_after_a_quarter_of_an_hour(
    scenario: Callable[..., EventScenario],
) -> None:
    course = simulate(
        scenario(
            event={"peak": 6_000.0, "duration": 1_200.0},
            deployment={"stream": StreamSettings(mode=StreamMode.ON_DEMAND)},
        ),
        step=1.0,
    )
    assert set(course.shards) == {4, 8}
    refused = np.interp([600, 890, 1_000, 1_200], course.times, course.refused_by_stream)
    assert refused[1] - refused[0] == pytest.approx(2_000 * 290, rel=0.05)
    assert refused[3] == pytest.approx(refused[2], rel=0.001)


BOTH = pytest.mark.parametrize(
    "played_by", [flow, partial(simulate, seed=1, step=0.5)], ids=["predict", "simulate"]
)


@pytest.mark.slow
@BOTH
def test_a_small_table_makes_a_flat_line_and_a_backlog(
    scenario: Callable[..., EventScenario], played_by: Callable[[EventScenario], Course]
) -> None:
    table = Table(billing_mode=BillingMode.PROVISIONED, write_units=400, read_units=1)
    course = played_by(scenario(event={"duration": 600.0}, deployment={"votes_table": table}))
    found = CourseSummary(course)
    burst = 300 * 400 / (1_000 - 400)  # s until what was kept is used up
    units = np.interp([burst + 30, burst + 330], course.times, course.vote_units)
    assert np.diff(units)[0] == pytest.approx(400 * 300, rel=0.01)
    assert found.storing_drain == pytest.approx((600_000 - 300 * 400) / 400 - 600, rel=0.02)
    assert found.vote_units_throttled > 0
    assert found.votes_stored == pytest.approx(found.votes_sent)


@BOTH
def test_a_paced_writer_makes_a_flat_line_without_throttles(
    scenario: Callable[..., EventScenario], played_by: Callable[[EventScenario], Course]
) -> None:
    table = Table(billing_mode=BillingMode.PROVISIONED, write_units=500, read_units=1)
    played = scenario(deployment={"votes_table": table, "vote_writer": Writer(write_share=0.8)})
    course = played_by(played)
    found = CourseSummary(course)
    minutes = np.interp([30, 60, 90, 120], course.times, course.vote_units)
    assert np.diff(minutes) == pytest.approx([400 * 30] * 3, rel=0.02)
    assert found.vote_units_throttled == 0
    assert found.storing_drain == pytest.approx(60_000 / 400 - 60, rel=0.05)
    assert found.writer_seconds == pytest.approx(4 * 60_000 / 400, rel=0.05)  # four lanes that wait
    assert found.vote_units == pytest.approx(found.votes_stored)


def test_a_new_on_demand_table_takes_4000_units(scenario: Callable[..., EventScenario]) -> None:
    found = outcome(
        scenario(
            event={"peak": 8_000.0},
            deployment={
                "stream": StreamSettings(shard_count=12),
                "vote_writer": Writer(parallelization_factor=4),
            },
        )
    )
    assert found.vote_units_peak == pytest.approx(4_000, rel=0.1)
    assert found.storing_drain == pytest.approx(60, abs=5)


@pytest.mark.slow
def test_an_invocation_waits_for_live_rows_that_the_table_refuses(
    scenario: Callable[..., EventScenario],
) -> None:
    event = {"polls": 10, "options": 200, "duration": 300.0}

    def counted(units: int) -> tuple[CourseSummary, float]:
        table = Table(billing_mode=BillingMode.PROVISIONED, write_units=units, read_units=1)
        course = simulate(scenario(event=event, deployment={"tallies_table": table}), 1, 0.5)
        return CourseSummary(course), float(course.live_units_throttled[-1])

    (enough, never), (scarce, often) = counted(10_000), counted(10)
    assert never == 0 < often
    assert scarce.live_lag_peak > 2 * enough.live_lag_peak
    # Longer invocations leave more votes to the next: fewer batches, and no row is written twice.
    assert scarce.aggregator_batches < enough.aggregator_batches
    for found in (enough, scarce):
        assert found.live_units / found.aggregator_batches == pytest.approx(10 * 6, rel=0.02)  # rows x units


@pytest.mark.slow
def test_records_read_on_arrival_are_not_read_again_for_a_full_batch(
    scenario: Callable[..., EventScenario],
) -> None:
    event = {"peak": 2_000.0, "duration": 120.0, "voter_bytes": 128}
    aggregator = Aggregator(batch_size=10_000, batching_window_seconds=60)
    played = scenario(event=event, deployment={"vote_aggregator": aggregator})
    lane = played.aggregator
    to_read = lane.limit / played.readable_per_shard.value
    assert to_read > 1 > lane.full_seconds
    filling = lane.limit / 500
    course = simulate(played, 1, 0.1)
    highest = float(np.max(course.live_lag[course.times < 100]))  # later, a last batch waits for its window
    assert highest == pytest.approx(filling + lane.full_seconds + lane.on_its_way, abs=0.6)


def test_a_repeated_vote_costs_two_units(scenario: Callable[..., EventScenario]) -> None:
    found = outcome(scenario(event={"changed_minds": 0.25}))
    assert found.vote_units / found.votes_stored == pytest.approx(1.25)


def test_more_lanes_drain_faster(scenario: Callable[..., EventScenario]) -> None:
    def drain(lanes: int) -> float:
        writer = Writer(batch_size=1, batching_window_seconds=0, parallelization_factor=lanes)
        return outcome(scenario(deployment={"vote_writer": writer})).storing_drain

    assert drain(1) > 60 > 10 > drain(4)


def test_a_drain_without_end_is_refused(scenario: Callable[..., EventScenario]) -> None:
    table = Table(billing_mode=BillingMode.PROVISIONED, write_units=1, read_units=1)
    with pytest.raises(LimitExceeded, match="write units"):
        simulate(
            scenario(
                event={"peak": 3_000.0, "duration": 600.0},
                deployment={"votes_table": table},
            )
        )


@pytest.mark.parametrize(
    ("seconds", "step"), [(60, 0.1), (600, 0.1), (1_270, 0.25), (2_600, 0.5), (90_000, 1)]
)
def test_long_courses_have_longer_steps(seconds: float, step: float) -> None:
    assert step_seconds(seconds) == step


def test_the_step_hardly_matters(scenario: Callable[..., EventScenario]) -> None:
    fine, coarse = (outcome(scenario(), step=step) for step in (0.1, 1.0))
    assert coarse.live_units == pytest.approx(fine.live_units, rel=0.05)
    assert coarse.live_lag_peak == pytest.approx(fine.live_lag_peak, abs=1.1)
    assert coarse.writer_batches == pytest.approx(fine.writer_batches, rel=0.1)


def test_thinning_loses_nothing_and_takes_from_all() -> None:
    counts = np.array([10.0, 0.0, 5.0, 100.0])
    parts = thin(counts, 0.5, 0.25)
    assert parts.sum() == 57
    assert (parts <= counts).all()
    assert np.array_equal(thin(counts, 1.0, 0.99), counts)


SECONDS = 500.0
PACED = {
    "votes_table": Table(billing_mode=BillingMode.PROVISIONED, write_units=30, read_units=1),
    "vote_writer": Writer(batch_size=50, batching_window_seconds=1, write_share=0.8),
}


def batches_vote_by_vote(lane: ConsumerLane, rate: float) -> int:
    """How many batches the lane forms: at each the window's first vote, then what has come when it is over."""
    random = np.random.default_rng(1)
    came = np.cumsum(random.exponential(1 / rate, int(SECONDS * rate * 2) + 100))
    came = came[came < SECONDS]
    batches, free_at, taken = 0, 0.0, 0
    while taken < len(came):
        due = max(came[taken], free_at) + lane.window
        full = came[taken + int(lane.limit) - 1] if taken + lane.limit <= len(came) else np.inf
        starts = min(due, max(full, free_at))
        size = min(int(np.searchsorted(came, starts, side="right")) - taken, int(lane.limit))
        taken += size
        batches += 1
        free_at = starts + lane.time.of(size) + lane.overhead.value
    return batches


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.3, 2, 40])
@pytest.mark.parametrize(
    "deployment",
    [
        pytest.param({"vote_writer": Writer(batching_window_seconds=1)}, id="window-1"),
        pytest.param({"vote_writer": Writer(batching_window_seconds=4)}, id="window-4"),
        pytest.param({"vote_writer": Writer(batch_size=10)}, id="small-batches"),
        pytest.param(PACED, id="paced"),
    ],
)
def test_both_form_the_batches_of_one_lane(
    scenario: Callable[..., EventScenario], deployment: dict[str, Writer | Table], rate: float
) -> None:
    played = scenario(
        event={"peak": rate, "duration": SECONDS},
        deployment={"stream": StreamSettings(shard_count=1), **deployment},
    )
    exact = batches_vote_by_vote(played.writer, rate)
    by_chance = 0.02 * exact + 4 * sqrt(exact) / 2
    assert CourseSummary(flow(played)).writer_batches == pytest.approx(exact, abs=by_chance)
    assert CourseSummary(simulate(played, 1, 0.5)).writer_batches == pytest.approx(exact, abs=by_chance)
