"""A healthy deployment, as its services describe it; tests change one answer."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from votectl.deployment import Deployment
from votectl.doctor import quotas
from votectl.doctor.site import Site
from votectl.settings.deployment import Api, BillingMode, StreamSettings, Table, Writer
from votectl.settings.deployment import DeploymentSettings as Wanted
from voting.settings import VoteDoor, VoterAuth

PREFIX = "votestream-test"

WANTED = Wanted(
    api=Api(throttling_rate_limit=4_000, throttling_burst_limit=2_000),
    stream=StreamSettings(shard_count=4),
    votes_table=Table(billing_mode=BillingMode.PROVISIONED, write_units=2_000, read_units=500),
    vote_writer=Writer(parallelization_factor=2),
)

LIMITS = {
    "AccountMaxReadCapacityUnits": 80_000,
    "AccountMaxWriteCapacityUnits": 80_000,
    "TableMaxReadCapacityUnits": 40_000,
    "TableMaxWriteCapacityUnits": 40_000,
}
QUOTAS = [value for value in vars(quotas).values() if isinstance(value, quotas.Quota)]

DEPLOYMENT = Deployment(
    environment="test",
    region="eu-west-1",
    api_id="api",
    api_stage="v1",
    api_url="http://127.0.0.1:9/v1",
    stream_name=f"{PREFIX}-votes",
    polls_table=f"{PREFIX}-polls",
    votes_table=f"{PREFIX}-votes",
    tallies_table=f"{PREFIX}-tallies",
    vote_writer_function=f"{PREFIX}-vote-writer",
    vote_aggregator_function=f"{PREFIX}-vote-aggregator",
    vote_writer_failure_bucket=f"{PREFIX}-vote-writer-failures-1",
    vote_aggregator_failure_bucket=f"{PREFIX}-vote-aggregator-failures-1",
    poll_cache_seconds=5,
    vote_retention_days=30,
    voter_auth=VoterAuth.NONE,
    vote_door=VoteDoor.REST,
    votes_url="https://api.example/v1",
    api_key_ids={},
    tally_state_machine_arn="arn:aws:states:eu-west-1:1:stateMachine:tally",
    tally_schedule_group="group",
    tally_schedule_role_arn="arn:aws:iam::1:role/schedule",
)


def refused(operation: str, code: str) -> ClientError:
    """A refusal."""
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


class Client:
    """Answers each call with its listed value; a callable is called, an exception raised."""

    def __init__(self, calls: Mapping[str, Any], **more: Any) -> None:
        self._calls = calls
        self.meta = SimpleNamespace(region_name="eu-west-1")
        self.exceptions = SimpleNamespace(ResourceNotFoundException=NotThere)
        vars(self).update(more)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        answer = self._calls[name]

        def call(**arguments: Any) -> Any:
            given = answer(**arguments) if callable(answer) else answer
            if isinstance(given, Exception):
                raise given
            return given

        return call

    def get_paginator(self, name: str) -> Any:
        def paginate(**arguments: Any) -> list[Any]:
            return [getattr(self, name)(**arguments)]

        return SimpleNamespace(paginate=paginate)


class NotThere(Exception):
    """What the scheduler's client raises for a name that it doesn't know."""


def functions() -> dict[str, dict[str, Any]]:
    common = {
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Runtime": "python3.13",
        "Architectures": ["arm64"],
        "MemorySize": 1024,
        "Timeout": 60,
    }
    names = ("vote_writer", "vote_aggregator", "tally", "results_api")
    return {
        f"{PREFIX}-{name.replace('_', '-')}": {**common, "CodeSha256": f"sha of {name}"} for name in names
    }


def mapping(consumer: Any) -> dict[str, Any]:
    return {
        "UUID": "uuid",
        "State": "Enabled",
        "LastProcessingResult": "OK",
        "BatchSize": consumer.batch_size,
        "MaximumBatchingWindowInSeconds": consumer.batching_window_seconds,
        "ParallelizationFactor": consumer.parallelization_factor,
    }


def table(units: tuple[int, int] | None) -> dict[str, Any]:
    if units is None:
        return {"TableStatus": "ACTIVE", "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}
    return {
        "TableStatus": "ACTIVE",
        "ProvisionedThroughput": {"WriteCapacityUnits": units[0], "ReadCapacityUnits": units[1]},
    }


@dataclass
class World:
    """The services' answers; tests change them before they ask."""

    site: Site
    services: dict[str, dict[str, Any]]

    def lets(self, service: str, **calls: Any) -> Site:
        """Change what a service answers; return the site."""
        self.services[service].update(calls)
        return self.site


@pytest.fixture
def world(tmp_path: Path) -> World:
    known = functions()
    mappings = {
        DEPLOYMENT.vote_writer_function: [mapping(WANTED.vote_writer)],
        DEPLOYMENT.vote_aggregator_function: [mapping(WANTED.vote_aggregator)],
    }
    tables = {name: table(None) for name in (DEPLOYMENT.polls_table, DEPLOYMENT.tallies_table)}
    tables[DEPLOYMENT.votes_table] = table((2_000, 500))
    services: dict[str, dict[str, Any]] = {
        "sts": {"get_caller_identity": {"Arn": "arn:aws:iam::1:user/op", "Account": "1"}},
        "kinesis": {
            "describe_stream_summary": {
                "StreamDescriptionSummary": {
                    "StreamStatus": "ACTIVE",
                    "StreamModeDetails": {"StreamMode": "PROVISIONED"},
                    "RetentionPeriodHours": 24,
                    "OpenShardCount": 4,
                }
            },
            "describe_limits": {"ShardLimit": 1_000, "OpenShardCount": 4},
        },
        "dynamodb": {
            "describe_table": lambda **call: {"Table": tables[call["TableName"]]},
            "describe_limits": LIMITS,
        },
        "lambda": {
            "get_function_configuration": lambda **call: deepcopy(known[call["FunctionName"]]),
            "list_event_source_mappings": lambda **call: {
                "EventSourceMappings": deepcopy(mappings[call["FunctionName"]])
            },
            "get_account_settings": {"AccountLimit": {"ConcurrentExecutions": 1_000}},
        },
        "s3": {"list_objects_v2": {}},
        "stepfunctions": {"describe_state_machine": {"status": "ACTIVE"}},
        "cloudwatch": {
            "describe_alarms": {"MetricAlarms": [{"AlarmName": f"{PREFIX}-lag", "StateValue": "OK"}]}
        },
        "apigateway": {"get_account": {"throttleSettings": {"rateLimit": 10_000.0, "burstLimit": 5_000}}},
        "scheduler": {"get_schedule": {}},
        "service-quotas": {
            "list_service_quotas": lambda **call: {
                "Quotas": [
                    {"QuotaName": name, "QuotaCode": f"L-{name[:3]}", "Value": 1_000.0, "Adjustable": True}
                    for service, name in QUOTAS
                    if service == call["ServiceCode"]
                ]
            },
            "list_aws_default_service_quotas": {"Quotas": []},
        },
    }
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {
                "functions": {
                    name: {"sha256_base64": f"sha of {name}"}
                    for name in ("vote_writer", "vote_aggregator", "tally", "results_api")
                }
            }
        )
    )
    clients = {name: Client(calls) for name, calls in services.items()}
    needed = quotas.Needed(WANTED)
    site = Site(
        DEPLOYMENT,
        WANTED,
        needed=needed,
        client=clients.__getitem__,
        artifacts=tmp_path,
        architecture="arm64",
    )
    return World(site, services)


@pytest.fixture
def without_tfvars(world: World) -> World:
    world.site = replace(
        world.site, wanted=None, needed=None, why_not_wanted="there are none", architecture=None
    )
    return world
