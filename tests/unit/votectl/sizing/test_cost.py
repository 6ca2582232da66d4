from collections.abc import Callable
from dataclasses import replace

import pytest

from votectl.settings.deployment import (
    Aggregator,
    Api,
    BillingMode,
    DeploymentSettings,
    Door,
    Encryption,
    Ingress,
    Observability,
    Present,
    ResultsApi,
    StreamMode,
    StreamSettings,
    Table,
    UniqueCount,
    VoterAuthSettings,
    Writer,
)
from votectl.sizing.cost import BillItem, idle_month, itemise, total
from votectl.sizing.course import Keeping, Usage
from votectl.sizing.event import VotingEvent, event
from votectl.sizing.facts import Facts
from votectl.sizing.predict import flow
from votectl.sizing.scenario import EventScenario

VOTES = dict.fromkeys(("admitted", "accepted"), 1e6)
WORK = {"writer_batches": 10_000, "writer_seconds": 500, "aggregator_batches": 500, "aggregator_seconds": 40}
USED = Usage("test", 3, 10, 1.0, {**VOTES, **WORK, "vote_units": 1.2e6, "live_units": 1_000})
ON_DEMAND = DeploymentSettings(
    api=Api(access_log_enabled=True),
    stream=StreamSettings(shard_count=10),
    vote_writer=Writer(memory_mb=1024),
    vote_aggregator=Aggregator(memory_mb=512),
    results_api=ResultsApi(cdn_enabled=True),
)
FLAT = event(votes=1e6, peak=1_000, viewers=10_000, viewer_time=500)


def bill(items: list[BillItem]) -> dict[str, float]:
    return {item.what: item.cost.value for item in items}


def billed(
    facts: Facts,
    deployment: DeploymentSettings = ON_DEMAND,
    *,
    event: VotingEvent = FLAT,
    usage: Usage = USED,
) -> dict[str, float]:
    return bill(itemise(usage, EventScenario.expected(event, deployment, facts)))


def test_each_item_is_use_times_price(facts: Facts) -> None:
    found = billed(facts)
    gb = 1024**3
    assert found == pytest.approx(
        {
            "single votes": 3.50,
            "answers out": 1e6 * 500 / gb * 0.09,
            "access log": 1e6 * 300 / gb * 0.50,
            "shards": 10 * 3 * 0.015,
            "records in": 0.014,
            "vote_writer compute": 500 * 1.33334e-5,
            "vote_writer requests": 0.002,
            "vote_writer log": 10_000 * 1808 / gb * 0.5,
            "vote_aggregator compute": 40 * 0.5 * 1.33334e-5,
            "vote_aggregator requests": 0.0001,
            "vote_aggregator log": 500 * 1624 / gb * 0.5,
            "votes table writes": 1.2 * 0.625,
            "votes table reads": 2 * 1e6 * 200 / 4096 / 1e6 * 0.125,  # the count, and the recount
            "votes table storage, one month": 1e6 * 200 / gb * 0.25,
            "votes table backup, one month": 1e6 * 200 / gb * 0.20,
            "tallies table writes": 1_000 / 1e6 * 0.625,
            "polls table reads": 10 * 2 * 1 * 3 * 3600 / 5 / 1e6 * 0.125,
            "viewers' requests": 10_000 * 500 / 5 / 10_000 * 0.01,
            "results out": 10_000 * 500 / 5 * 700 / gb * 0.085,
            # The CDN keeps an answer for a second, and the event lasts a thousand.
            "results requests": 1_000 / 1e6 * 3.50,
            "results reads": 1_000 * (1 + 1) / 1e6 * 0.125,
            "results_api compute": 1_000 * (0.002 + 2 * (0.008 + 0.00067 * 1769 / 512)) * 0.5 * 1.33334e-5,
            "results_api requests": 0.0002,
            "results_api log": 1_000 * 630 / gb * 0.5,
            "dashboard": 3 * 3 / 730,
            "functions' metrics": 46 * 0.30 * 3 / 730,
            "mappings' metrics": 12 * 0.30 * 3 / 730,
            "detailed API metrics": 4 * 5 * 0.30 * 3 / 730,
            "alarms": 44 * 0.10 * 3 / 730,
        }
    )


def test_without_alarms_none_are_paid(facts: Facts) -> None:
    silent = ON_DEMAND.model_copy(update={"observability": Observability(alarms_enabled=False)})
    found = billed(facts, silent)
    assert "alarms" not in found
    assert "dashboard" in found


def test_provisioned_units_are_paid_by_the_hour(facts: Facts) -> None:
    table = Table(billing_mode=BillingMode.PROVISIONED, write_units=1_000, read_units=200)
    found = bill(
        itemise(
            USED, EventScenario.expected(FLAT, ON_DEMAND.model_copy(update={"votes_table": table}), facts)
        )
    )
    assert found["votes table writes"] == pytest.approx(1_000 * 3 * 0.00065)
    assert found["votes table reads"] == pytest.approx(200 * 3 * 0.00013)


def test_an_on_demand_stream_is_paid_by_size_rounded_up(facts: Facts) -> None:
    stream = StreamSettings(mode=StreamMode.ON_DEMAND, retention_hours=48)
    found = billed(facts, ON_DEMAND.model_copy(update={"stream": stream}))
    gb = 1024**3
    assert found["stream"] == pytest.approx(3 * 0.04)
    assert found["data in"] == pytest.approx(1e6 * 1024 / gb * 0.08)
    assert found["data out"] == pytest.approx(2 * 1e6 * (50 + 36) / gb * 0.04)
    assert found["longer retention"] == pytest.approx(1e6 * (50 + 36) / gb * 24 / 730 * 0.10)


def test_fan_out_and_retention_are_paid_by_shard(facts: Facts) -> None:
    changes = {
        "stream": StreamSettings(shard_count=10, retention_hours=48),
        "vote_writer": Writer(enhanced_fan_out=True),
    }
    found = billed(facts, ON_DEMAND.model_copy(update=changes))
    assert found["enhanced fan-out"] == pytest.approx(30 * 0.015 + 1e6 * 86 / 1024**3 * 0.013)
    assert found["longer retention"] == pytest.approx(30 * 0.02)


def test_the_batch_endpoint_is_up_to_500_times_cheaper(facts: Facts) -> None:
    batched = event(votes=1e6, peak=1_000, batch_share=1.0)
    found = billed(facts, event=batched)
    assert found["batch endpoint"] == pytest.approx(3.50 / 500)
    assert "single votes" not in found


def test_requests_get_cheaper_by_the_billion(facts: Facts) -> None:
    many = replace(USED, used={**USED.used, "admitted": 1.5e9})
    assert billed(facts, usage=many)["single votes"] == pytest.approx(333 * 3.50 + 667 * 2.80 + 500 * 2.38)


def test_results_without_a_cdn_are_paid_at_the_front_door(facts: Facts) -> None:
    direct = event(votes=1e6, peak=1_000, viewers=10_000, viewer_time=500, cdn=False)
    items = itemise(
        USED,
        EventScenario.expected(direct, ON_DEMAND.model_copy(update={"results_api": ResultsApi()}), facts),
    )
    assert "CloudFront" not in {item.service for item in items}
    found = bill(items)
    assert found["results requests"] == pytest.approx(3.50)
    assert found["results out"] == pytest.approx(1e6 * 700 / 1024**3 * 0.09)
    assert found["results_api requests"] == pytest.approx(0.20)
    assert found["results reads"] == pytest.approx(2 * 0.125)


def test_requests_for_results_are_on_top_of_the_votes(facts: Facts) -> None:
    """They are what a month's tiers make of them there, not what the first million costs."""
    direct = event(votes=1e6, peak=1_000, viewers=10_000, viewer_time=500)
    many = replace(USED, used={**USED.used, "admitted": 333e6})
    found = bill(
        itemise(
            many,
            EventScenario.expected(direct, ON_DEMAND.model_copy(update={"results_api": ResultsApi()}), facts),
        )
    )
    assert found["results requests"] == pytest.approx(2.80)


def test_an_answer_reads_every_live_row(facts: Facts) -> None:
    many = replace(USED, shards=1_000)
    assert billed(facts, usage=many)["results reads"] == pytest.approx(
        1_000 * (1 + 68) / 1e6 * 0.125  # 1,000 rows of 276 bytes are 67.4 units
    )


def test_a_batchs_answer_has_a_receipt_for_every_vote(facts: Facts) -> None:
    batched = event(votes=1e6, peak=1_000, batch_share=1.0)
    found = billed(facts, event=batched)
    assert found["answers out"] == pytest.approx(2_000 * (500 + 500 * 141) / 1024**3 * 0.09)


def test_cost_grows_along_the_course_to_its_whole(scenario: Callable[..., EventScenario]) -> None:
    played = scenario()
    course, keeping = flow(played), Keeping(before=1, after=0)

    def cost(until: float | None) -> float:
        usage = Usage.of(course, keeping, "course", until)
        return total(itemise(usage, played)).value

    so_far = [cost(moment) for moment in (0, 20, 40, 60)]
    assert so_far == sorted(so_far)
    monitoring = (44 * 0.10 + 3 + 12 * 0.30) / 730
    assert so_far[0] == pytest.approx(4 * 0.015 + monitoring, rel=0.1)  # an hour before the event
    assert cost(None) > so_far[-1]  # begun hours


def test_an_idle_month_is_what_is_paid_by_the_hour(facts: Facts) -> None:
    changes = {
        "stream": StreamSettings(shard_count=2, retention_hours=48, shard_level_metrics=("IncomingRecords",)),
        "votes_table": Table(billing_mode=BillingMode.PROVISIONED, write_units=10, read_units=10),
        "firewall": Present(),
        "results_pack": Present(),
        "encryption": Encryption(customer_managed_key=True),
        "ingress": Ingress(provisioned_concurrency=10),
        "api": Api(vote_door=Door.HTTP),
    }
    assert bill(idle_month(ON_DEMAND.model_copy(update=changes), facts)) == pytest.approx(
        {
            "shards": 2 * 730 * 0.015,
            "longer retention": 2 * 730 * 0.02,
            "votes table writes": 10 * 730 * 0.00065,
            "votes table reads": 10 * 730 * 0.00013,
            "ingress provisioned concurrency, all the time": 10 * 0.25 * 730 * 3600 * 3.3334e-6,
            "web ACL and rules": 5 + 2,
            "keys": 3,
            "dashboard": 3,
            "mappings' metrics": 12 * 0.30,
            "shard-level metrics": 2 * 0.30,
            "alarms": 44 * 0.10,
        }
    )


def test_the_firewall_is_paid_by_request_of_the_rest_api(facts: Facts) -> None:
    behind = ON_DEMAND.model_copy(update={"firewall": Present()})
    assert billed(facts, behind)["requests"] == pytest.approx(0.60)


PAGES = ON_DEMAND.model_copy(
    update={"web": Present(), "firewall": Present(), "voter_auth": VoterAuthSettings(mode="none")}
)


def test_votes_of_pages_are_paid_by_cloudfront_and_its_firewall_too(facts: Facts) -> None:
    direct = billed(facts, PAGES.model_copy(update={"web": None}))
    found = billed(facts, PAGES)
    gb, viewed = 1024**3, 10_000 * 500 / 5
    added = {
        "votes": 1.00,
        "votes to their door": 1e6 * 1_000 / gb * 0.02,
        "web ACL and rules, CloudFront": (5 + 2) * 3 / 730,
        "requests, CloudFront": (1e6 + viewed) / 1e6 * 0.60,
    }
    assert {name: found[name] for name in added} == pytest.approx(added)
    assert found["answers out"] == pytest.approx(1e6 * 500 / gb * 0.085)
    rest = {name: cost for name, cost in found.items() if name not in {*added, "answers out"}}
    assert rest == pytest.approx({name: cost for name, cost in direct.items() if name != "answers out"})


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"results_api": ResultsApi(cdn_enabled=False)}, id="no-distribution"),
        pytest.param({"voter_auth": VoterAuthSettings(mode="iam")}, id="signed"),
    ],
)
def test_votes_that_cannot_come_through_cloudfront_are_not_paid_there(
    changes: dict[str, object], facts: Facts
) -> None:
    found = itemise(USED, EventScenario.expected(FLAT, PAGES.model_copy(update=changes), facts))
    assert not {"votes", "web ACL and rules, CloudFront"} & bill(found).keys()


def test_unique_counts_read_all_rows_again_and_again(facts: Facts) -> None:
    counted = ON_DEMAND.model_copy(update={"unique_count": UniqueCount(refresh_seconds=100)})
    found = billed(facts, counted)
    # Nine refreshes in 1,000 s find a tenth to nine tenths of the rows; the last pass finds all of them.
    passes = 9 * 0.5 + 1
    assert found["votes table reads of the unique counts"] == pytest.approx(
        passes * 1e6 * 200 / 4096 / 1e6 * 0.125, rel=1e-6
    )
    table = Table(billing_mode=BillingMode.PROVISIONED, write_units=1_000, read_units=200)
    provisioned = counted.model_copy(update={"votes_table": table})
    assert "votes table reads of the unique counts" not in billed(facts, provisioned)


def test_begun_hours_are_paid_in_full(scenario: Callable[..., EventScenario]) -> None:
    assert Usage.of(flow(scenario()), Keeping(before=1, after=1), "course").hours == 3
