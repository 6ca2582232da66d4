import re
from typing import Any

import pytest

from votectl.settings.deployment import BillingMode, StreamMode
from votectl.sizing.choices import Door, Preference
from votectl.sizing.choose_writer import COUNT_READS
from votectl.sizing.course import CourseSummary
from votectl.sizing.errors import InvalidInput, LimitExceeded
from votectl.sizing.event import Goals, event
from votectl.sizing.evidence.calibration import Calibration, FunctionMeasurement, TimingSample
from votectl.sizing.facts import Facts
from votectl.sizing.plan import PROVISIONED, CapacityPlan, plan
from votectl.sizing.simulate import simulate

MILLION = {"name": "million", "peak": 1e6, "duration": 600}


def planned(
    facts: Facts, told: dict[str, Any], *, how: dict[str, Any] | None = None, **goals: Any
) -> CapacityPlan:
    return plan(event(**told), Goals(**goals), facts, **(how or {}))


def test_shards_follow_from_the_peak(facts: Facts) -> None:
    found = planned(facts, {"peak": 50_000, "duration": 600})
    assert found.deployment.stream.shard_count == 72  # 50,000 / 700


def test_a_hot_voter_needs_room_in_one_shard(facts: Facts) -> None:
    usual, hot = (
        planned(facts, {"peak": 10_000, "duration": 600, "hot_voter_share": share}, prefer=Preference.SPEED)
        for share in (0.0, 0.03)
    )
    assert (usual.deployment.stream.shard_count, hot.deployment.stream.shard_count) == (15, 25)


@pytest.mark.parametrize(
    ("told", "goals", "limit"),
    [
        pytest.param(
            {"peak": 100_000, "duration": 600, "hot_voter_share": 0.01},
            {},
            "1,000 records/s of one shard (Kinesis)",
            id="one-voter-too-many",
        ),
        pytest.param(
            {"peak": 1e7, "duration": 60}, {}, "10,000 shards per stream (Kinesis", id="too-many-shards"
        ),
        pytest.param(
            {"peak": 1_000, "duration": 60},
            {"live_lag_seconds": 1},
            "batching window of at least 1 s",
            id="too-fresh",
        ),
        pytest.param(
            {"peak": 1_000, "duration": 60},
            {"final_deadline_seconds": 5},
            "aggregator's window",
            id="too-soon",
        ),
        pytest.param(
            MILLION,
            {"final_deadline_seconds": 60},
            "1,000 buckets per poll of 1,000 write units",
            id="one-poll",
        ),
        pytest.param(
            {"peak": 1e6, "duration": 3_600},
            {"final_deadline_seconds": 900, "prefer": Preference.HANDS_OFF},
            "12,000 read units/s of a new on-demand table",
            id="count-takes-too-long",
        ),
        pytest.param(
            {"peak": 3e6, "duration": 60, "options_per_poll": 200},
            {"live_lag_seconds": 4},
            "plus the poll and the invocation",
            id="live-rows-share-a-key",
        ),
    ],
)
def test_the_impossible_is_refused_with_the_limit_that_binds(
    facts: Facts, told: dict[str, Any], goals: dict[str, Any], limit: str
) -> None:
    with pytest.raises(LimitExceeded, match=re.escape(limit)) as refused:
        planned(facts, told, **goals)
    assert refused.value.limit in str(refused.value)


def test_quotas_above_the_default_are_to_be_raised(facts: Facts) -> None:
    found = planned(facts, MILLION, final_deadline_seconds=3_600)
    raised = {quota.name: quota.default.value for quota in found.quotas if quota.raise_it}
    assert raised["API Gateway requests per second, account"] == 10_000
    assert raised["Lambda concurrent executions, account"] == 1_000
    assert raised["DynamoDB write units, table"] == 40_000
    assert found.steps[0].when == "weeks before"
    small = planned(facts, {"votes": 30, "duration": 120})
    assert not any(quota.raise_it for quota in small.quotas)


def test_a_later_deadline_is_not_dearer(facts: Facts) -> None:
    told = {"peak": 20_000, "duration": 600}
    soon, late = (planned(facts, told, final_deadline_seconds=deadline) for deadline in (120, 7_200))
    assert late.predictions["cost"].value <= soon.predictions["cost"].value
    assert late.predictions["final result after the event"].value <= 7_200


@pytest.mark.parametrize("prefer", list(Preference))
def test_the_plan_keeps_its_promises_in_the_simulation(facts: Facts, prefer: Preference) -> None:
    goals = Goals(final_deadline_seconds=120, live_lag_seconds=8, prefer=prefer)
    found = plan(event(peak=2_000, duration=120, changed_minds=0.1), goals, facts)
    outcome = CourseSummary.of(simulate(found.scenario, 3, 0.5))
    assert outcome.votes_refused_by_api == outcome.votes_refused_by_stream == 0
    assert outcome.vote_units_throttled == 0
    assert outcome.live_lag_peak <= goals.live_lag_seconds
    assert max(outcome.storing_drain, outcome.live_drain) < goals.final_deadline_seconds
    assert outcome.votes_stored == outcome.votes_sent


def test_speed_leaves_no_backlog(facts: Facts) -> None:
    found = planned(facts, {"peak": 20_000, "duration": 600}, prefer=Preference.SPEED)
    assert found.predictions["oldest unstored vote"].value < 5


def test_hands_off_leaves_sizing_to_aws(facts: Facts) -> None:
    found = planned(facts, {"peak": 2_000, "duration": 600}, prefer=Preference.HANDS_OFF)
    assert found.deployment.stream.mode is StreamMode.ON_DEMAND
    assert found.deployment.votes_table.billing_mode is BillingMode.PAY_PER_REQUEST
    large = planned(facts, {"peak": 20_000, "duration": 600}, prefer=Preference.HANDS_OFF)
    assert large.deployment.stream.mode is StreamMode.PROVISIONED  # a new one takes 4,000/s


def test_a_new_on_demand_streams_shards_all_write_live_rows(facts: Facts) -> None:
    """One shard would do for 316 votes/s, but four are there, and their rows have to fit under the ceiling."""
    told = {"peak": 316, "duration": 100, "polls": 20, "options_per_poll": 200}
    found = planned(facts, told, prefer=Preference.HANDS_OFF, live_lag_seconds=3)
    assert found.deployment.stream.mode is StreamMode.ON_DEMAND
    played = simulate(found.scenario, 1, 0.5)
    assert played.live_units_throttled[-1] == 0
    assert CourseSummary.of(played).live_lag_peak < 3


def test_a_table_is_warmed_before_it_is_on_demand(facts: Facts) -> None:
    found = planned(facts, {"peak": 20_000, "duration": 600}, prefer=Preference.HANDS_OFF)
    assert any("pre-warm the votes table" in step.what for step in found.steps)
    assert any(item.what == "votes table pre-warming" for item in found.items)


def test_a_poll_too_large_for_its_buckets_is_written_at_a_pace(facts: Facts) -> None:
    found = planned(facts, MILLION, final_deadline_seconds=3_600)
    writer, table = found.deployment.vote_writer, found.deployment.votes_table
    assert writer.write_share == 0.8
    assert table.provisioned is not None
    needed = found.decisions["rate to be written"].value
    assert table.provisioned[0] * 0.8 == pytest.approx(needed * 1.1, rel=0.001)
    # What holds it back is no guess: a slower store changes nothing.
    usual = found.predictions["final result after the event"].value
    slow = found.predictions["final result if calls to the store take twice as long"].value
    assert slow == pytest.approx(usual, rel=0.001)


def test_resizing_a_stream_takes_doublings_and_days(facts: Facts) -> None:
    found = planned(facts, MILLION, final_deadline_seconds=3_600, how={"current_shards": 1})
    assert any("11 step(s)" in step.what and step.when == "2 day(s) before" for step in found.steps)
    with pytest.raises(InvalidInput, match="current_shards"):
        planned(facts, MILLION, how={"current_shards": 0})


def test_a_poll_gets_buckets_for_its_writes(facts: Facts) -> None:
    found = planned(facts, {"peak": 100_000, "duration": 600}, prefer=Preference.SPEED)
    assert found.scenario.surroundings.buckets_per_poll == 125  # 100,000 / 800
    assert any("bucket_count of 125" in step.what for step in found.steps)


def test_votes_that_wait_long_are_kept_longer(facts: Facts) -> None:
    found = planned(facts, {"peak": 2_000, "duration": 86_400}, final_deadline_seconds=7 * 86_400)
    lag = found.predictions["oldest unstored vote"].value
    assert found.deployment.stream.retention_hours >= 4 * lag / 3600


def test_measured_times_replace_the_expected_ones(facts: Facts) -> None:
    samples = tuple(TimingSample(batch_size=size, milliseconds=(100 + 2 * size,)) for size in (10, 100, 500))
    measurement = FunctionMeasurement(memory_mb=768, clock="a clock", samples=samples)
    times = Calibration(
        environment="dev", measured_at="2026-11-23", vote_writer=measurement, vote_aggregator=measurement
    ).function_times()
    found = planned(facts, {"peak": 10_000, "duration": 600}, how={"times": times})
    assert found.deployment.vote_writer.memory_mb == found.deployment.vote_aggregator.memory_mb == 768
    assert found.scenario.writer_time.of(100) == pytest.approx(0.3)
    assert "dev" in found.scenario.writer_time.base.how


def test_a_small_crowd_may_vote_all_at_once(facts: Facts) -> None:
    found = planned(facts, {"votes": 30, "duration": 120})
    assert found.deployment.api.throttling_burst_limit >= 30
    assert found.deployment.votes_table.max_write_units is not None
    assert found.deployment.votes_table.max_write_units >= 60


def test_a_tallies_table_that_a_new_one_could_not_be_is_provisioned(facts: Facts) -> None:
    few, many = (
        planned(
            facts,
            {"peak": 50_000, "duration": 60, "polls": polls, "options_per_poll": 50},
            live_lag_seconds=5,
        )
        for polls in (1, 100)
    )
    assert few.deployment.tallies_table.billing_mode is BillingMode.PAY_PER_REQUEST
    assert many.deployment.tallies_table.billing_mode is BillingMode.PROVISIONED
    played = CourseSummary.of(simulate(many.scenario, 1, 0.5))
    assert played.live_units_peak > 4_000
    assert played.live_lag_peak < 7


@pytest.mark.parametrize(
    ("cdn", "rate", "invocations"),
    [pytest.param(True, 1_000, 3, id="cdn"), pytest.param(False, 250_000, 5_300, id="api")],
)
def test_viewers_have_limits_and_invocations_of_their_own(
    facts: Facts, cdn: bool, rate: float, invocations: float
) -> None:
    told = {"peak": 500, "duration": 300, "viewers": 1_000_000, "results_by_cdn": cdn}
    found = planned(facts, told)
    assert found.deployment.results_api.cdn_enabled is cdn
    assert found.deployment.results_api.throttling_rate_limit == rate
    needed = {quota.name: quota.needed.value for quota in found.quotas}
    assert needed["Lambda concurrent executions, account"] == pytest.approx(invocations, rel=0.2)


FINAL: dict[str, float] = {"votes": 1.5e9, "peak": 50_000}
HALF_AN_HOUR = Goals(final_deadline_seconds=1_800)


def test_the_cheaper_door_of_a_tv_final_costs_less_than_70_cents_per_million(facts: Facts) -> None:
    found = plan(event(**FINAL), HALF_AN_HOUR, facts, door=Door.URL)
    assert found.predictions["cost per million votes"].value < 0.70
    assert found.predictions["cost"].value == pytest.approx(found.doors[Door.URL].value)
    assert found.doors[Door.URL].value < found.doors[Door.HTTP].value < found.doors[Door.REST].value


def test_a_function_door_needs_concurrency_instead_of_requests(facts: Facts) -> None:
    needed = {
        door: {
            quota.name: quota.needed.value
            for quota in plan(event(**FINAL), HALF_AN_HOUR, facts, door=door).quotas
        }
        for door in Door
    }
    api, functions = "API Gateway requests per second, account", "Lambda concurrent executions, account"
    assert needed[Door.URL][api] == 0
    assert needed[Door.HTTP][api] == needed[Door.REST][api]
    # Lambda takes ten requests a second for each concurrent execution.
    assert needed[Door.URL][functions] - needed[Door.REST][functions] == pytest.approx(6_342, abs=1)


@pytest.mark.parametrize(("shape", "provisioned"), [("flat", True), ("show", False)])
def test_a_rise_faster_than_lambda_scales_is_provisioned(facts: Facts, shape: str, provisioned: bool) -> None:
    found = plan(event(**FINAL, shape=shape), HALF_AN_HOUR, facts, door=Door.HTTP)
    assert any(item.what == PROVISIONED for item in found.items) is provisioned
    assert any("provisioned concurrency" in step.what for step in found.steps) is provisioned


def test_read_units_of_a_long_event_are_raised_for_the_count_alone(facts: Facts) -> None:
    found = plan(event(**FINAL), HALF_AN_HOUR, facts)
    count = found.decisions[COUNT_READS].value
    assert found.deployment.votes_table.read_units == 100
    assert any(f"read_units to {count:,}" in step.what for step in found.steps)
    reads = {item.what: item.cost.value for item in found.items if "table reads" in item.what}
    assert reads["votes table reads of the count"] == pytest.approx(count * 2 * 0.00013)
    short = plan(event(peak=50_000, duration=3_600), Goals(), facts)
    assert COUNT_READS not in short.decisions
