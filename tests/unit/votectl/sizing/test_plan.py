import re
from dataclasses import replace
from typing import Any

import pytest

from unit.votectl.sizing.conftest import walk
from votectl.settings.deployment import BillingMode, Door, StreamMode, Surroundings
from votectl.sizing.course import CourseSummary
from votectl.sizing.doors import PROVISIONED
from votectl.sizing.event import Goals, event
from votectl.sizing.facts import Facts
from votectl.sizing.inputs import InvalidInput, LimitExceeded, Preference
from votectl.sizing.measurements import Calibration, FunctionMeasurement, TimingSample
from votectl.sizing.plan import CapacityPlan, plan
from votectl.sizing.planner import COUNT_READS
from votectl.sizing.predict import flow
from votectl.sizing.simulate import simulate

MILLION = {"name": "million", "peak": 1e6, "duration": 600}


def planned(
    facts: Facts, told: dict[str, Any], *, how: dict[str, Any] | None = None, **goals: Any
) -> CapacityPlan:
    return plan(event(**told), Goals(**goals), facts, **(how or {}))


def test_shards_follow_from_the_peak(facts: Facts) -> None:
    found = planned(facts, {"peak": 50_000, "duration": 600})
    assert found.scenario.deployment.stream.shard_count == 72  # 50,000 / 700


@pytest.mark.slow
def test_a_hot_voter_needs_room_in_one_shard(facts: Facts) -> None:
    usual, hot = (
        planned(facts, {"peak": 10_000, "duration": 600, "hot_voter_share": share}, prefer=Preference.SPEED)
        for share in (0.0, 0.03)
    )
    assert (usual.scenario.deployment.stream.shard_count, hot.scenario.deployment.stream.shard_count) == (
        15,
        25,
    )


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
            {"live_lag": 1},
            "batching window of at least 1 s",
            id="too-fresh",
        ),
        pytest.param(
            {"peak": 1_000, "duration": 60},
            {"deadline": 5},
            "aggregator's window",
            id="too-soon",
        ),
        pytest.param(
            MILLION,
            {"deadline": 120},
            "1,000 buckets per poll of 1,000 write units",
            id="one-poll",
        ),
        pytest.param(
            {"peak": 1e6, "duration": 3_600},
            {"deadline": 900, "prefer": Preference.HANDS_OFF},
            "12,000 read units/s of a new on-demand table",
            id="count-takes-too-long",
        ),
        pytest.param(
            {"peak": 3e6, "duration": 60, "options": 200},
            {"live_lag": 4},
            "plus the poll and the invocation",
            id="live-rows-share-a-key",
        ),
    ],
)
def test_the_impossible_is_refused_with_the_limit_that_binds(
    facts: Facts, told: dict[str, Any], goals: dict[str, Any], limit: str
) -> None:
    with pytest.raises(LimitExceeded, match=f"Binding limit: .*{re.escape(limit)}"):
        planned(facts, told, **goals)


@pytest.mark.slow
def test_quotas_above_the_default_are_to_be_raised(facts: Facts) -> None:
    found = planned(facts, MILLION, deadline=3_600)
    raised = {quota.name: quota.default.value for quota in found.offer.to_raise}
    assert raised["API Gateway requests per second, account"] == 10_000
    assert raised["Lambda concurrent executions, account"] == 1_000
    assert raised["DynamoDB write units, table"] == 40_000
    assert found.steps[0].when == "weeks before"
    small = planned(facts, {"votes": 30, "duration": 120})
    assert not small.offer.to_raise


@pytest.mark.slow
def test_a_later_deadline_is_not_dearer(facts: Facts) -> None:
    told = {"peak": 20_000, "duration": 600}
    soon, late = (planned(facts, told, deadline=deadline) for deadline in (120, 7_200))
    assert late.predictions["cost"].value <= soon.predictions["cost"].value
    assert late.predictions["final result after the event"].value <= 7_200


@pytest.mark.parametrize("prefer", list(Preference))
def test_the_plan_keeps_its_promises_in_the_simulation(facts: Facts, prefer: Preference) -> None:
    goals = Goals(deadline=120, live_lag=8, prefer=prefer)
    found = plan(event(peak=2_000, duration=120, changed_minds=0.1), goals, facts)
    outcome = CourseSummary(simulate(found.scenario, 3, 0.5))
    assert outcome.votes_refused_by_api == outcome.votes_refused_by_stream == 0
    assert outcome.vote_units_throttled == 0
    assert outcome.live_lag_peak <= goals.live_lag
    assert max(outcome.storing_drain, outcome.live_drain) < goals.deadline
    assert outcome.votes_stored == outcome.votes_sent


def test_speed_leaves_no_backlog(facts: Facts) -> None:
    found = planned(facts, {"peak": 20_000, "duration": 600}, prefer=Preference.SPEED)
    assert found.predictions["oldest unstored vote"].value < 5


@pytest.mark.slow
def test_hands_off_leaves_sizing_to_aws(facts: Facts) -> None:
    found = planned(facts, {"peak": 2_000, "duration": 600}, prefer=Preference.HANDS_OFF)
    assert found.scenario.deployment.stream.mode is StreamMode.ON_DEMAND
    assert found.scenario.deployment.votes_table.billing_mode is BillingMode.PAY_PER_REQUEST
    large = planned(facts, {"peak": 20_000, "duration": 600}, prefer=Preference.HANDS_OFF)
    assert large.scenario.deployment.stream.mode is StreamMode.PROVISIONED  # a new one takes 4,000/s


def test_a_new_on_demand_streams_shards_all_write_live_rows(facts: Facts) -> None:
    """One shard would do for 316 votes/s, but four are there, and their rows have to fit under the ceiling."""
    told = {"peak": 316, "duration": 100, "polls": 20, "options": 200}
    found = planned(facts, told, prefer=Preference.HANDS_OFF, live_lag=3)
    assert found.scenario.deployment.stream.mode is StreamMode.ON_DEMAND
    played = simulate(found.scenario, 1, 0.5)
    assert played.live_units_throttled[-1] == 0
    assert CourseSummary(played).live_lag_peak < 3


def test_a_table_is_warmed_before_it_is_on_demand(facts: Facts) -> None:
    found = planned(facts, {"peak": 20_000, "duration": 600}, prefer=Preference.HANDS_OFF)
    assert any("pre-warm the votes table" in step.what for step in found.steps)
    assert any(item.what == "votes table pre-warming" for item in found.offer.items)


def test_a_poll_too_large_for_its_buckets_is_written_at_a_pace(facts: Facts) -> None:
    found = planned(facts, MILLION, deadline=3_600)
    writer, table = found.scenario.deployment.vote_writer, found.scenario.deployment.votes_table
    assert writer.write_share == 0.8
    assert table.provisioned is not None
    needed = found.decisions["rate to be written"].value
    assert table.provisioned[0] * 0.8 == pytest.approx(needed * 1.1, rel=0.001)
    # What holds it back is no guess: a slower store changes nothing.
    usual = found.predictions["final result after the event"].value
    slow = found.predictions["final result if calls to the store take twice as long"].value
    assert slow == pytest.approx(usual, rel=0.001)


def test_resizing_a_stream_takes_doublings_and_days(facts: Facts) -> None:
    found = planned(facts, MILLION, deadline=3_600, how={"current_shards": 1})
    assert any("11 step(s)" in step.what and step.when == "2 day(s) before" for step in found.steps)
    with pytest.raises(InvalidInput, match="current_shards"):
        planned(facts, MILLION, how={"current_shards": 0})


def test_a_poll_gets_buckets_for_its_writes(facts: Facts) -> None:
    found = planned(facts, {"peak": 100_000, "duration": 600}, prefer=Preference.SPEED)
    assert found.scenario.surroundings.buckets_per_poll == 125  # 100,000 / 800
    assert any("bucket_count of 125" in step.what for step in found.steps)


def test_votes_that_wait_long_are_kept_longer(facts: Facts) -> None:
    found = planned(facts, {"peak": 2_000, "duration": 86_400}, deadline=7 * 86_400)
    lag = found.predictions["oldest unstored vote"].value
    assert found.scenario.deployment.stream.retention_hours >= 4 * lag / 3600


def test_measured_times_replace_the_expected_ones(facts: Facts) -> None:
    samples = tuple(TimingSample(batch_size=size, milliseconds=(100 + 2 * size,)) for size in (10, 100, 500))
    measurement = FunctionMeasurement(memory_mb=768, clock="a clock", samples=samples)
    times = Calibration(
        environment="dev", measured_at="2026-11-23", vote_writer=measurement, vote_aggregator=measurement
    ).function_times()
    found = planned(facts, {"peak": 10_000, "duration": 600}, how={"times": times})
    assert (
        found.scenario.deployment.vote_writer.memory_mb
        == found.scenario.deployment.vote_aggregator.memory_mb
        == 768
    )
    assert found.scenario.writer_time.of(100) == pytest.approx(0.3)
    assert "dev" in found.scenario.writer_time.base.how


def test_a_small_crowd_may_vote_all_at_once(facts: Facts) -> None:
    found = planned(facts, {"votes": 30, "duration": 120})
    assert found.scenario.deployment.api.throttling_burst_limit >= 30
    assert found.scenario.deployment.votes_table.max_write_units is not None
    assert found.scenario.deployment.votes_table.max_write_units >= 60


@pytest.mark.slow
def test_a_tallies_table_that_a_new_one_could_not_be_is_provisioned(facts: Facts) -> None:
    few, many = (
        planned(
            facts,
            {"peak": 50_000, "duration": 60, "polls": polls, "options": 50},
            live_lag=5,
        )
        for polls in (1, 100)
    )
    assert few.scenario.deployment.tallies_table.billing_mode is BillingMode.PAY_PER_REQUEST
    assert many.scenario.deployment.tallies_table.billing_mode is BillingMode.PROVISIONED
    played = CourseSummary(simulate(many.scenario, 1, 0.5))
    assert played.live_units_peak > 4_000
    assert played.live_lag_peak < 7


@pytest.mark.parametrize(
    ("cdn", "rate", "invocations"),
    [pytest.param(True, 1_000, 3, id="cdn"), pytest.param(False, 250_000, 5_300, id="api")],
)
def test_viewers_have_limits_and_invocations_of_their_own(
    facts: Facts, cdn: bool, rate: float, invocations: float
) -> None:
    told = {"peak": 500, "duration": 300, "viewers": 1_000_000, "cdn": cdn}
    found = planned(facts, told)
    assert found.scenario.deployment.results_api.cdn_enabled is cdn
    assert found.scenario.deployment.results_api.throttling_rate_limit == rate
    needed = {quota.name: quota.needed.value for quota in found.offer.quotas}
    assert needed["Lambda concurrent executions, account"] == pytest.approx(invocations, rel=0.2)


FINAL: dict[str, float] = {"votes": 1.5e9, "peak": 50_000}
HALF_AN_HOUR = Goals(deadline=1_800)
API, FUNCTIONS = "API Gateway requests per second, account", "Lambda concurrent executions, account"


@pytest.fixture(scope="module")
def final(facts: Facts) -> CapacityPlan:
    """The plan of a television final."""
    return plan(event(**FINAL), HALF_AN_HOUR, facts)


def test_a_tv_final_costs_less_than_70_cents_per_million(final: CapacityPlan) -> None:
    assert final.door is Door.URL
    assert final.predictions["cost per million votes"].value < 0.70
    assert final.predictions["cost"].value == pytest.approx(final.offer.cost.value)
    costs = [final.offers[door].cost.value for door in (Door.URL, Door.HTTP, Door.REST)]
    assert costs == sorted(costs)
    assert "rest $" in final.reason


def test_every_item_of_a_tv_final_is_explained(final: CapacityPlan) -> None:
    assert sum(item.cost.value for item in final.offer.items) == pytest.approx(
        final.predictions["cost"].value
    )
    for item in final.offer.items:
        assert item.cost.how
        assert all(part.how or part.source for part in walk(item.cost))


@pytest.mark.parametrize(
    ("told", "door", "reason"),
    [
        pytest.param({"identity": "oidc"}, Door.URL, "rest: identity oidc needs the ingress", id="oidc"),
        pytest.param({"identity": "none"}, Door.REST, "url: no firewall", id="no-identity"),
        pytest.param({"identity": "none", "firewall": False}, Door.URL, "cheapest", id="by-choice"),
        pytest.param({"client_keys": True}, Door.REST, "http: no client keys", id="client-keys"),
        pytest.param(
            {"identity": "oidc", "batch_share": 0.5},
            Door.HTTP,
            "url: batches with identity iam only",
            id="batches",
        ),
        pytest.param({"peak": 1e6}, Door.REST, "concurrent executions, more than Lambda's", id="too-many"),
        pytest.param({"votes": 30, "peak": None}, Door.REST, "simplest within 1 %", id="classroom"),
    ],
)
def test_the_cheapest_door_that_holds_the_event_is_chosen(
    facts: Facts, told: dict[str, Any], door: Door, reason: str
) -> None:
    found = plan(event(**{"peak": 5_000, "duration": 600} | told), HALF_AN_HOUR, facts)
    assert found.door is door
    assert reason in found.reason


def test_an_event_that_no_door_holds_is_refused(facts: Facts) -> None:
    wished = event(peak=100, duration=60, identity="codes", client_keys=True)
    with pytest.raises(
        LimitExceeded, match="identity codes needs the ingress function; http: no client keys"
    ):
        plan(wished, HALF_AN_HOUR, facts)
    with pytest.raises(InvalidInput, match="door: url does not hold this event: no client keys"):
        plan(wished, HALF_AN_HOUR, facts, door=Door.URL)


def test_a_function_door_needs_concurrency_instead_of_requests(final: CapacityPlan) -> None:
    needed = {
        door: {quota.name: quota.needed.value for quota in offer.quotas}
        for door, offer in final.offers.items()
    }
    assert needed[Door.URL][API] == 0
    assert needed[Door.HTTP][API] == needed[Door.REST][API]
    # Lambda takes ten requests a second for each concurrent execution.
    assert needed[Door.URL][FUNCTIONS] - needed[Door.REST][FUNCTIONS] == pytest.approx(6_342, abs=1)
    assert final.decisions["vote_writer: reserved_concurrency"].value == 72


def test_a_function_door_has_room_for_a_few_votes_at_once(facts: Facts) -> None:
    found = plan(event(peak=5, duration=3_600), HALF_AN_HOUR, facts, door=Door.URL)
    assert found.scenario.deployment.ingress.reserved_concurrency == 20


@pytest.mark.parametrize(("shape", "provisioned"), [("flat", True), ("show", False)])
def test_a_rise_faster_than_lambda_scales_is_provisioned(facts: Facts, shape: str, provisioned: bool) -> None:
    found = plan(event(**FINAL, shape=shape), HALF_AN_HOUR, facts, door=Door.HTTP)
    assert any(item.what == PROVISIONED for item in found.offer.items) is provisioned
    assert any("provisioned_concurrency" in step.what for step in found.steps) is provisioned
    assert found.predictions["refused votes"].value == 0


@pytest.mark.slow
def test_without_provisioned_containers_a_sudden_rise_is_refused(facts: Facts) -> None:
    found = plan(event(peak=50_000, duration=60), HALF_AN_HOUR, facts, door=Door.URL)
    ready, cold = (
        replace(found.scenario, surroundings=Surroundings(ingress_ready=number)) for number in (6_000, 0)
    )
    for play in (flow, lambda scenario: simulate(scenario, 1, 0.5)):
        assert CourseSummary(play(ready)).votes_refused_by_api == 0
        lost = CourseSummary(play(cold))
        # At first 1,000 containers answer 10 requests a second each, then 1,000 a second more.
        assert lost.votes_refused_by_api == pytest.approx(40_000**2 / 1_000 / 2, rel=0.1)
        assert lost.cold_starts == pytest.approx(5_000, rel=0.03)


@pytest.mark.slow
def test_signing_in_is_paid_by_voter_and_has_quotas(facts: Facts) -> None:
    told: dict[str, Any] = {"votes": 1e6, "peak": 1_000, "votes_per_voter": 2, "polls": 2}
    told["identity"] = "cognito"
    bills = {
        tier: {
            item.what: item.cost.value
            for item in plan(event(**told, user_pool_tier=tier), Goals(), facts).offer.items
        }
        for tier in ("LITE", "ESSENTIALS", "PLUS")
    }
    lite = 100_000 * 0.0055 + 400_000 * 0.0046
    assert bills["LITE"]["monthly active users, LITE"] == pytest.approx(lite)
    assert bills["ESSENTIALS"]["monthly active users, ESSENTIALS"] == pytest.approx(500_000 * 0.015)
    assert bills["PLUS"]["monthly active users, PLUS"] == pytest.approx(500_000 * 0.02)
    assert bills["LITE"]["e-mails to new accounts"] == pytest.approx(500 * 0.1)
    found = plan(event(**told, new_accounts=0, sign_in_time=5_000), Goals(), facts)
    needed = {quota.name: quota for quota in found.offer.quotas}
    assert needed["Cognito sign-ins per second, account"].needed.value == pytest.approx(100)
    assert not found.offer.to_raise
    assert needed["Cognito e-mails a day, without an SES sender"].needed.value == 0
    assert not any(
        item.service == "Cognito" for item in planned(facts, {"votes": 1e6, "peak": 1e3}).offer.items
    )


def test_viewers_behind_a_cdn_count_against_its_quota(facts: Facts) -> None:
    found = planned(facts, {"peak": 500, "duration": 300, "viewers": 2_000_000})
    (needed,) = found.offer.to_raise
    assert needed.name == "CloudFront requests per second, distribution"
    assert needed.needed.value == pytest.approx(400_000)


@pytest.mark.parametrize(
    ("told", "refresh"),
    [
        pytest.param({"votes": 200_000, "peak": 500}, 30, id="small"),
        pytest.param({"votes": 1e7, "duration": 3_600}, 900, id="large"),
        pytest.param(FINAL, None, id="final"),
    ],
)
def test_unique_counts_are_as_frequent_as_they_are_cheap(
    facts: Facts, told: dict[str, Any], refresh: int | None
) -> None:
    found = plan(event(**told), HALF_AN_HOUR, facts)
    counted = found.scenario.deployment.unique_count
    assert (counted and counted.refresh_seconds) == refresh
    if refresh is None:
        assert found.unique_counts.startswith("off: one an hour costs $")
    elif found.scenario.deployment.votes_table.read_units is not None:
        rows = 1e7 * 200 / 4096
        assert found.scenario.deployment.votes_table.read_units > rows / refresh


def test_a_tally_settles_before_and_after_its_markers(facts: Facts) -> None:
    found = planned(facts, {"votes": 1_000, "duration": 60})
    assert found.predictions["final result after the event"].value > 2 * 30


@pytest.mark.slow
def test_read_units_of_a_long_event_are_raised_for_the_count_alone(facts: Facts) -> None:
    found = plan(event(**FINAL), HALF_AN_HOUR, facts)
    count = found.decisions[COUNT_READS].value
    assert found.scenario.deployment.votes_table.read_units == 100
    assert any(f"read_units to {count:,}" in step.what for step in found.steps)
    reads = {item.what: item.cost.value for item in found.offer.items if "table reads" in item.what}
    assert reads["votes table reads of the count"] == pytest.approx(count * 2 * 0.00013)
    short = plan(event(peak=50_000, duration=3_600), Goals(), facts)
    assert COUNT_READS not in short.decisions
