"""The account's quotas against the tfvars, before anything is created."""

from pathlib import Path
from typing import Any

import pytest

from unit.votectl.doctor.conftest import LIMITS, WANTED, World, refused
from votectl.doctor import checks, quotas
from votectl.doctor.findings import Finding, Health
from votectl.doctor.quotas import Needed
from votectl.settings.deployment import ResultsApi, StreamMode, StreamSettings
from votectl.settings.tfvars import ENVIRONMENTS


def found(world: World, needed: Needed, what: str) -> Finding:
    (finding,) = [
        finding for finding in quotas.findings(world.site.client, needed) if finding.what == f"quota: {what}"
    ]
    return finding


def test_an_account_with_enough_of_everything_passes(world: World) -> None:
    assert {finding.health for finding in quotas.findings(world.site.client, Needed(WANTED))} == {Health.OK}


def test_reserved_concurrency_must_leave_100_unreserved(world: World) -> None:
    what = "reserved concurrency and 100 unreserved"
    assert found(world, Needed(WANTED, reserved=900), what).health is Health.OK
    finding = found(world, Needed(WANTED, reserved=901), what)
    assert finding.health is Health.WRONG
    assert "the apply fails" in finding.detail
    assert "--service-code lambda --quota-code L-Con --desired-value 1001" in finding.remedy


def test_a_new_account_with_ten_executions_is_named(world: World) -> None:
    world.lets("lambda", get_account_settings={"AccountLimit": {"ConcurrentExecutions": 10}})
    finding = found(world, Needed(WANTED), "consumers at once")
    assert (finding.health, "12" in finding.detail) == (Health.WARNING, True)


def test_reads_count_with_votes(world: World) -> None:
    wanted = WANTED.model_copy(update={"results_api": ResultsApi(throttling_rate_limit=2_001)})
    assert found(world, Needed(wanted), "requests/s, votes and reads").health is Health.WARNING


def test_shards_of_other_streams_count(world: World) -> None:
    world.lets("kinesis", describe_limits={"ShardLimit": 10, "OpenShardCount": 7})
    assert found(world, Needed(WANTED), "shards").health is Health.WRONG
    assert found(world, Needed(WANTED, own_shards=4), "shards").health is Health.OK


def test_on_demand_streams_have_a_quota_of_their_own(world: World) -> None:
    wanted = WANTED.model_copy(update={"stream": StreamSettings(mode=StreamMode.ON_DEMAND)})
    world.lets("kinesis", describe_limits={"OnDemandStreamCount": 50, "OnDemandStreamCountLimit": 50})
    assert found(world, Needed(wanted), "on-demand streams").health is Health.WRONG


def test_provisioned_units_of_all_tables_count(world: World) -> None:
    world.lets("dynamodb", describe_limits=LIMITS | {"AccountMaxWriteCapacityUnits": 1_999})
    assert found(world, Needed(WANTED), "provisioned write units of all tables").health is Health.WRONG


def test_for_a_fixed_quota_the_advice_is_to_change_the_tfvars(world: World) -> None:
    fixed = {
        "Quotas": [{"QuotaName": "Throttle burst rate", "QuotaCode": "L-1", "Value": 1, "Adjustable": False}]
    }
    world.lets("service-quotas", list_service_quotas=fixed)
    world.lets("apigateway", get_account={"throttleSettings": {"rateLimit": 1e5, "burstLimit": 1}})
    assert "lower it in the tfvars" in found(world, Needed(WANTED), "requests at once").remedy


def test_a_service_is_asked_even_without_service_quotas(world: World) -> None:
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        world.lets("service-quotas", **{operation: refused("ListServiceQuotas", "AccessDenied")})
    world.lets("lambda", get_account_settings={"AccountLimit": {"ConcurrentExecutions": 10}})
    finding = found(world, Needed(WANTED), "consumers at once")
    assert "ask for more of 'Concurrent executions' in Service Quotas" in finding.remedy


def test_quotas_include_sign_ins_and_viewers(world: World) -> None:
    wanted = WANTED.model_copy(update={"results_api": ResultsApi(cdn_enabled=True)})
    told = {finding.what for finding in quotas.findings(world.site.client, Needed(wanted, signs_in=True))}
    assert {f"quota: {quotas.CDN_REQUESTS.name}", f"quota: {quotas.SIGN_INS.name}"} <= told


@pytest.mark.parametrize(
    ("environment", "expected"),
    [("dev", {"reserved": 0, "signs_in": False}), ("prod", {"reserved": 0, "signs_in": True})],
)
def test_needs_come_from_the_tfvars(environment: str, expected: dict[str, Any]) -> None:
    needed = Needed.by(ENVIRONMENTS / f"{environment}.tfvars")
    assert {name: getattr(needed, name) for name in expected} == expected


def test_prod_fits_into_an_account_with_default_quotas(world: World) -> None:
    needed = Needed.by(ENVIRONMENTS / "prod.tfvars")
    assert [
        finding
        for finding in quotas.findings(world.site.client, needed)
        if finding.health in {Health.WARNING, Health.WRONG}
    ] == []


def test_preflight_needs_no_deployment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    world.lets("lambda", get_account_settings={"AccountLimit": {"ConcurrentExecutions": 10}})
    health = {finding.what: finding.health for finding in checks.preflight("prod", world.site.client)}
    assert health["credentials"] is Health.OK
    assert health["quota: consumers at once"] is Health.WARNING


def test_preflight_asks_no_emulator_for_quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    (finding,) = checks.preflight("prod")
    assert finding.health is Health.OK


def test_a_larger_reserve_is_found_in_the_tfvars(tmp_path: Path) -> None:
    file = tmp_path / "prod.tfvars"
    file.write_text(
        'environment = "prod"\nstream = { shard_count = 1 }\nresults_api = { reserved_concurrency = 50 }\n'
    )
    assert Needed.by(file).reserved == 50
