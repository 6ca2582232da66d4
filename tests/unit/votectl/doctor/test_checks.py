"""Each check on a healthy deployment, and with one fault."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from samples import a_poll
from unit.votectl.doctor.conftest import DEPLOYMENT, LIMITS, PREFIX, WANTED, World, refused
from votectl import cli
from votectl.doctor import capacity, checks, consumers, here, service
from votectl.doctor.findings import Finding, Health, run, wrong
from votectl.doctor.site import Site
from votectl.errors import OperatorError
from votectl.polls import to_row
from voting.polls import Poll

type Check = Callable[[Site], Iterator[Finding]]

HOUR_MS = 3_600_000
NOW_MS = 1_800_000_000_000


def ago(minutes: int) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def one(check: Check, site: Site, what: str) -> Finding:
    (found,) = [finding for finding in run([("check", check)], site) if what in finding.what]
    return found


@pytest.mark.parametrize(
    "check",
    [
        here.credentials,
        here.region,
        here.tfvars,
        here.artifacts,
        capacity.stream,
        capacity.tables,
        capacity.account,
        consumers.functions,
        consumers.mappings,
        consumers.failures,
        service.tally,
        service.alarms,
    ],
)
def test_a_healthy_part_is_ok(check: Check, world: World) -> None:
    found = run([("check", check)], world.site)
    assert found
    assert [finding for finding in found if finding.health is not Health.OK] == []


@pytest.mark.parametrize("check", [capacity.stream, capacity.tables, consumers.functions, consumers.mappings])
def test_without_tfvars_nothing_is_compared(check: Check, without_tfvars: World) -> None:
    assert {finding.health for finding in run([("check", check)], without_tfvars.site)} == {Health.OK}


def test_missing_tfvars_are_reported(without_tfvars: World) -> None:
    (found,) = run([("tfvars", here.tfvars)], without_tfvars.site)
    assert (found.health, found.detail) == (Health.UNKNOWN, "there are none")
    assert run([("quotas", capacity.account)], without_tfvars.site) == []


class TestHere:
    def test_another_region_is_reported(self, world: World) -> None:
        site = replace(world.site, deployment=DEPLOYMENT.model_copy(update={"region": "us-east-1"}))
        found = one(here.region, site, "region")
        assert found.health is Health.WRONG
        assert "AWS_REGION=us-east-1" in found.remedy

    @pytest.mark.parametrize(
        ("behind_seconds", "health"),
        [
            pytest.param(0, Health.OK, id="together"),
            pytest.param(30, Health.WARNING, id="half-a-minute"),
            pytest.param(600, Health.WRONG, id="ten-minutes"),
        ],
    )
    def test_a_differing_clock_is_reported(self, world: World, behind_seconds: int, health: Health) -> None:
        headers = {"date": formatdate(time.time() + behind_seconds, usegmt=True)}
        site = world.lets("sts", get_caller_identity={"ResponseMetadata": {"HTTPHeaders": headers}})
        assert one(here.clock, site, "clock").health is health

    def test_missing_archives_are_reported(self, world: World) -> None:
        (world.site.artifacts / "manifest.json").unlink()
        assert one(here.artifacts, world.site, "archives").health is Health.UNKNOWN

    def test_tools_are_checked(self, world: World) -> None:
        found = run([("tools", here.tools)], world.site)
        assert [finding.what for finding in found] == ["Python", "Terraform"]
        assert found[0].health is Health.OK


class TestCapacity:
    def change_stream(self, world: World, **changes: Any) -> Site:
        summary = world.services["kinesis"]["describe_stream_summary"]["StreamDescriptionSummary"]
        return world.lets(
            "kinesis", describe_stream_summary={"StreamDescriptionSummary": {**summary, **changes}}
        )

    def test_other_shards_than_in_the_settings_are_reported(self, world: World) -> None:
        found = one(capacity.stream, self.change_stream(world, OpenShardCount=3), "stream")
        assert found.health is Health.WARNING
        assert "shard_count is 3, and should be 4" in found.detail
        assert "make apply ENV=test" in found.remedy

    def test_a_stream_that_is_being_deleted_is_wrong(self, world: World) -> None:
        site = self.change_stream(world, StreamStatus="DELETING")
        assert one(capacity.stream, site, "stream").health is Health.WRONG

    @pytest.mark.parametrize(
        ("seen", "says"),
        [
            pytest.param(
                {"ProvisionedThroughput": {"WriteCapacityUnits": 100, "ReadCapacityUnits": 500}},
                "write_units is 100, and should be 2000",
                id="units",
            ),
            pytest.param(
                {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}},
                "billing_mode is PAY_PER_REQUEST, and should be PROVISIONED",
                id="billing",
            ),
        ],
    )
    def test_a_table_of_another_size_is_reported(self, world: World, seen: dict[str, Any], says: str) -> None:
        site = world.lets("dynamodb", describe_table={"Table": {"TableStatus": "ACTIVE", **seen}})
        found = one(capacity.tables, replace(site), f"{PREFIX}-votes")
        assert found.health is Health.WARNING
        assert says in found.detail

    def test_another_ceiling_than_in_the_settings_is_reported(self, world: World) -> None:
        seen = {
            "TableStatus": "ACTIVE",
            "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
            "OnDemandThroughput": {"MaxWriteRequestUnits": 50, "MaxReadRequestUnits": -1},
        }
        site = world.lets("dynamodb", describe_table={"Table": seen})
        assert "max_write_units is 50" in one(capacity.tables, site, "polls").detail

    @pytest.mark.parametrize(
        ("service", "calls", "what"),
        [
            pytest.param(
                "kinesis",
                {"describe_limits": {"ShardLimit": 10, "OpenShardCount": 11}},
                "shards",
                id="shards",
            ),
            pytest.param(
                "lambda",
                {"get_account_settings": {"AccountLimit": {"ConcurrentExecutions": 10}}},
                "consumers at once",
                id="concurrency",
            ),
            pytest.param(
                "apigateway",
                {"get_account": {"throttleSettings": {"rateLimit": 1_000.0, "burstLimit": 5_000}}},
                "requests/s",
                id="rate",
            ),
            pytest.param(
                "dynamodb",
                {"describe_limits": LIMITS | {"TableMaxWriteCapacityUnits": 1_000}},
                "write units of a table",
                id="write-units",
            ),
        ],
    )
    def test_a_quota_below_the_tfvars_is_reported(
        self, world: World, service: str, calls: dict[str, Any], what: str
    ) -> None:
        found = one(capacity.account, world.lets(service, **calls), what)
        assert found.health is Health.WARNING
        assert "aws service-quotas request-service-quota-increase" in found.remedy

    def test_unreadable_quotas_are_unknown(self, world: World) -> None:
        site = world.lets("lambda", get_account_settings=refused("GetAccountSettings", "AccessDenied"))
        assert one(capacity.account, site, "check").health is Health.UNKNOWN

    def test_an_emulator_has_no_quotas(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert one(capacity.account, world.site, "quotas").health is Health.OK


class TestConsumers:
    def writer(self, world: World, **changes: Any) -> Finding:
        ask = world.services["lambda"]["get_function_configuration"]
        site = world.lets("lambda", get_function_configuration=lambda **call: {**ask(**call), **changes})
        return one(consumers.functions, site, "vote-writer")

    @pytest.mark.parametrize(
        ("changes", "health", "says"),
        [
            pytest.param(
                {"State": "Failed", "StateReason": "no image"}, Health.WRONG, "no image", id="failed"
            ),
            pytest.param(
                {"LastUpdateStatus": "Failed"}, Health.WRONG, "last update Failed", id="update-failed"
            ),
            pytest.param({"State": "Inactive"}, Health.OK, "Inactive", id="asleep"),
            pytest.param({"Runtime": "python3.12"}, Health.WARNING, "python3.13", id="runtime"),
            pytest.param({"Architectures": ["x86_64"]}, Health.WARNING, "should be arm64", id="architecture"),
            pytest.param({"MemorySize": 128}, Health.WARNING, "memory_mb is 128", id="memory"),
            pytest.param({"CodeSha256": "other"}, Health.WARNING, "other code", id="other-code"),
        ],
    )
    def test_a_functions_state_and_settings_are_checked(
        self, world: World, changes: dict[str, Any], health: Health, says: str
    ) -> None:
        found = self.writer(world, **changes)
        assert found.health is health
        assert says in found.detail

    def test_code_is_not_compared_without_archives(self, world: World) -> None:
        (world.site.artifacts / "manifest.json").unlink()
        assert self.writer(world, CodeSha256="other").health is Health.OK

    def mapped(self, world: World, **changes: Any) -> Finding:
        ask = world.services["lambda"]["list_event_source_mappings"]
        site = world.lets(
            "lambda",
            list_event_source_mappings=lambda **call: {
                "EventSourceMappings": [{**ask(**call)["EventSourceMappings"][0], **changes}]
            },
        )
        return one(consumers.mappings, site, "vote-writer")

    @pytest.mark.parametrize(
        ("changes", "health", "says"),
        [
            pytest.param({"State": "Disabled"}, Health.WRONG, "votes wait in the stream", id="disabled"),
            pytest.param({"State": "Updating"}, Health.WARNING, "Updating", id="updating"),
            pytest.param(
                {"LastProcessingResult": "PROBLEM: Function call failed"},
                Health.WRONG,
                "Function call failed",
                id="problem",
            ),
            pytest.param({"LastProcessingResult": None}, Health.OK, "Enabled", id="new"),
            pytest.param(
                {"BatchSize": 25}, Health.WARNING, "batch_size is 25, and should be 500", id="batch"
            ),
            pytest.param(
                {"ParallelizationFactor": 1}, Health.WARNING, "parallelization_factor is 1", id="factor"
            ),
        ],
    )
    def test_a_mappings_state_and_settings_are_checked(
        self, world: World, changes: dict[str, Any], health: Health, says: str
    ) -> None:
        found = self.mapped(world, **changes)
        assert found.health is health
        assert says in found.detail

    def test_a_missing_mapping_is_wrong(self, world: World) -> None:
        site = world.lets("lambda", list_event_source_mappings={"EventSourceMappings": []})
        assert one(consumers.mappings, site, "vote-writer").health is Health.WRONG

    def test_failed_batches_are_wrong(self, world: World) -> None:
        keys = [{"Key": "aws/lambda/1"}, {"Key": "redriven/aws/lambda/0"}]
        found = one(consumers.failures, world.lets("s3", list_objects_v2={"Contents": keys}), "vote-writer")
        assert found.health is Health.WRONG
        assert "1 failed batches" in found.detail
        assert "votectl redrive" in found.remedy

    def test_redriven_batches_are_no_failure(self, world: World) -> None:
        site = world.lets("s3", list_objects_v2={"Contents": [{"Key": "redriven/aws/lambda/0"}]})
        assert one(consumers.failures, site, "vote-writer").health is Health.OK


class TestService:
    @pytest.mark.parametrize(
        ("answer", "health"),
        [
            pytest.param(httpx.Response(404, json={"error": "unknown_poll"}), Health.OK, id="as-promised"),
            pytest.param(httpx.Response(404, text="nothing here"), Health.WRONG, id="another-404"),
            pytest.param(httpx.Response(502, json={"message": "bad"}), Health.WRONG, id="function-broken"),
            pytest.param(httpx.Response(200, json=[]), Health.WRONG, id="a-poll-that-can-not-be"),
        ],
    )
    def test_the_apis_answer_is_checked(
        self, world: World, monkeypatch: pytest.MonkeyPatch, answer: httpx.Response, health: Health
    ) -> None:
        monkeypatch.setattr(httpx, "get", lambda *_, **__: answer)
        assert one(service.api, world.site, "API").health is health

    def test_an_unreachable_api_is_wrong(self, world: World) -> None:
        assert one(service.api, world.site, "check").health is Health.WRONG

    def test_a_ringing_alarm_is_wrong(self, world: World) -> None:
        alarm = {"AlarmName": f"{PREFIX}-lag", "StateValue": "ALARM"}
        site = world.lets("cloudwatch", describe_alarms={"MetricAlarms": [alarm]})
        found = one(service.alarms, site, "alarms")
        assert found.health is Health.WRONG
        assert f"{PREFIX}-lag" in found.detail

    @pytest.mark.parametrize(
        ("minutes_ago", "changed", "health"),
        [
            pytest.param(2, {}, Health.OK, id="looks-back-before-it-was-there"),
            pytest.param(9, {}, Health.WRONG, id="is-there-for-long-enough"),
            pytest.param(2, {"TreatMissingData": "notBreaching"}, Health.WRONG, id="rings-about-what-it-saw"),
            pytest.param(2, {"StateUpdatedTimestamp": ago(3)}, Health.WRONG, id="rang-before-it-was-changed"),
        ],
    )
    def test_a_new_alarm_may_ring_about_the_time_before_it(
        self, world: World, minutes_ago: int, changed: dict[str, Any], health: Health
    ) -> None:
        alarm = {
            "AlarmName": f"{PREFIX}-consumer-stopped",
            "StateValue": "ALARM",
            "TreatMissingData": "breaching",
            "Period": 60,
            "EvaluationPeriods": 5,
            "AlarmConfigurationUpdatedTimestamp": ago(minutes_ago),
            "StateUpdatedTimestamp": ago(minutes_ago - 1),
        }
        site = world.lets("cloudwatch", describe_alarms={"MetricAlarms": [alarm | changed]})
        found = one(service.alarms, site, "alarms")
        assert found.health is health
        assert f"{PREFIX}-consumer-stopped" in found.detail

    def test_a_new_alarm_does_not_hide_another(self, world: World) -> None:
        new = {
            "AlarmName": f"{PREFIX}-new",
            "StateValue": "ALARM",
            "TreatMissingData": "breaching",
            "Period": 60,
            "EvaluationPeriods": 5,
            "AlarmConfigurationUpdatedTimestamp": ago(2),
            "StateUpdatedTimestamp": ago(1),
        }
        old = {"AlarmName": f"{PREFIX}-lag", "StateValue": "ALARM"}
        site = world.lets("cloudwatch", describe_alarms={"MetricAlarms": [new, old]})
        found = one(service.alarms, site, "alarms")
        assert (found.health, found.detail) == (Health.WRONG, f"ringing: {PREFIX}-lag")

    def test_missing_alarms_are_reported(self, world: World) -> None:
        site = world.lets("cloudwatch", describe_alarms={"MetricAlarms": []})
        assert one(service.alarms, site, "alarms").health is Health.WARNING

    def test_a_state_machine_that_is_being_deleted_is_wrong(self, world: World) -> None:
        site = world.lets("stepfunctions", describe_state_machine={"status": "DELETING"})
        assert one(service.tally, site, "state machine").health is Health.WRONG

    def polls(self, world: World, poll: Poll, **dynamodb: Any) -> list[Finding]:
        def describe_table(**_: str) -> dict[str, Any]:
            return {
                "ResponseMetadata": {"HTTPHeaders": {"date": formatdate(NOW_MS / 1000, usegmt=True)}},
            }

        calls = {
            "describe_table": describe_table,
            "scan": {"Items": [to_row(poll)]},
            "get_item": {},
            **dynamodb,
        }
        return run([("polls", service.polls)], world.lets("dynamodb", **calls))

    @pytest.mark.parametrize(
        ("changes", "health"),
        [
            pytest.param({}, Health.OK, id="open-and-scheduled"),
            pytest.param({"closes_at": NOW_MS - 60_000}, Health.OK, id="ended-a-moment-ago"),
            pytest.param({"closes_at": NOW_MS - HOUR_MS}, Health.WARNING, id="ended-and-not-final"),
            pytest.param({"closes_at": NOW_MS - 30 * 24 * HOUR_MS}, Health.OK, id="too-old-to-check"),
            pytest.param({"cancelled_at": NOW_MS - 2 * HOUR_MS}, Health.OK, id="cancelled-while-open"),
            pytest.param(
                {"cancelled_at": NOW_MS - 2 * HOUR_MS, "closes_at": NOW_MS - HOUR_MS},
                Health.OK,
                id="cancelled-and-ended",
            ),
            pytest.param({"bucket_count": 3}, Health.WARNING, id="too-few-buckets"),
        ],
    )
    def test_a_polls_schedule_result_and_buckets_are_checked(
        self, world: World, changes: dict[str, Any], health: Health
    ) -> None:
        (found,) = self.polls(world, poll(**changes))
        assert found.health is health
        assert ("`votectl tally p`" in found.remedy) is (health is Health.WARNING and "closes_at" in changes)
        if "bucket_count" in changes:
            assert "3 buckets take 3,000 votes/s, and the API lets 4,000 in" in found.detail

    def test_an_open_poll_without_a_tally_schedule_is_reported(self, world: World) -> None:
        unknown = world.site.client("scheduler").exceptions.ResourceNotFoundException
        world.lets("scheduler", get_schedule=unknown())
        (found,) = self.polls(world, poll())
        assert found.health is Health.WARNING
        assert "votectl tally p" in found.remedy

    def test_a_changed_certificate_is_wrong(self, world: World) -> None:
        item = {"certificate": {"S": "{}"}, "digest": {"S": "x"}}
        (found,) = self.polls(world, poll(closes_at=NOW_MS - HOUR_MS), get_item={"Item": item})
        assert found.health is Health.WRONG


def poll(**changes: Any) -> Poll:
    return a_poll("p", **{"closes_at": NOW_MS + HOUR_MS} | changes)


class TestCommand:
    @pytest.fixture
    def healthy(self, world: World, monkeypatch: pytest.MonkeyPatch) -> World:
        monkeypatch.setattr(checks, "FIRST", (("credentials", here.credentials),))
        monkeypatch.setattr(checks, "CHECKS", (("stream", capacity.stream),))
        monkeypatch.setattr(checks, "Nowhere", lambda: world.site)
        monkeypatch.setattr(checks, "find", lambda _: DEPLOYMENT)
        monkeypatch.setattr(checks, "site_of", lambda _: world.site)
        return world

    def test_a_healthy_deployment_exits_with_0(self, healthy: World) -> None:
        assert healthy.site.wanted == WANTED
        done = CliRunner().invoke(cli.app, ["doctor", "-e", "test"])
        assert done.exit_code == 0, done.output
        assert "2 as they should be" in done.output

    def test_a_problem_exits_with_1_and_is_in_the_json(self, healthy: World) -> None:
        healthy.lets(
            "kinesis", describe_stream_summary=refused("DescribeStreamSummary", "ResourceNotFoundException")
        )
        done = CliRunner().invoke(cli.app, ["doctor", "-e", "test", "--json"])
        assert done.exit_code == 1
        assert [finding["health"] for finding in json.loads(done.output)] == ["ok", "wrong"]

    @pytest.mark.usefixtures("healthy")
    def test_a_missing_deployment_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def find(_: str) -> None:
            raise OperatorError("environment 'test' is not deployed here: run `make apply ENV=test`")

        monkeypatch.setattr(checks, "find", find)
        assert checks.examine("test")[-1] == wrong(
            "deployment", "environment 'test' is not deployed here: run `make apply ENV=test`"
        )
