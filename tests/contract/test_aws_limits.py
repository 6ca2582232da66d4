"""Every planned resource keeps the limits that AWS documents."""

import json
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from contract import rule_book
from contract.aws_measures import MEASURES
from contract.everything import Resource, everything
from contract.rule_book import BOOK
from contract.terraform_source import INFRA, parsed
from scripts import build_zip
from votectl.deployment import Deployment
from votectl.lifecycle import Schedules
from votectl.tallying import Tallies
from voting.polls import Option, Poll

NOT_AT_AWS = {"terraform_data"}
LIMITS = BOOK["limits"]


@cache
def resources_by_type() -> dict[str, list[Resource]]:
    found = defaultdict(list)
    for resource in everything():
        found[resource.type].append(resource)
    return dict(found)


@cache
def runs() -> dict[str, list[Resource]]:
    found = defaultdict(list)
    for resource in everything():
        found[resource.run].append(resource)
    return dict(found)


def test_each_resource_in_the_source_is_planned_somewhere() -> None:
    declared = {
        (kind, name)
        for file in INFRA.rglob("*.tf")
        if not {".terraform", "fixtures"} & set(file.parts)
        for block in parsed(file).get("resource", [])
        for kind, named in block.items()
        for name in named
    }
    planned = {resource.source for resource in everything()}
    assert declared <= planned, "switch the feature on in everything.FEATURES"


def test_deletion_protection_denies_the_deletion_of_every_key() -> None:
    """All data that a key encrypts is lost with it."""
    kept: dict[str, bool] = {}
    for resource in resources_by_type()["aws_kms_key"]:
        denied = [
            action
            for statement in json.loads(resource.values["policy"])["Statement"]
            if statement["Effect"] == "Deny"
            for action in statement["Action"]
        ]
        kept[str(resource)] = "kms:ScheduleKeyDeletion" in denied
    assert {name for name, keeps in kept.items() if keeps != name.startswith("prod_")} == set()
    assert any(kept.values())


def test_builds_check_archives_against_lambdas_limits() -> None:
    limits = BOOK["checked_elsewhere"]
    assert limits["lambda-archive"]["most"] == build_zip.MOST_ARCHIVE_BYTES
    assert limits["lambda-unzipped"]["most"] == build_zip.MOST_UNZIPPED_BYTES
    assert all(entry["source"].startswith("https://docs.aws.amazon.com/") for entry in limits.values())


def test_each_planned_type_is_in_the_rule_book() -> None:
    assert resources_by_type().keys() - NOT_AT_AWS <= BOOK["resources"].keys(), (
        "name the operation that creates it in aws_limits.json, and the limits that its model does not state"
    )


@pytest.mark.parametrize("kind", BOOK["resources"])
def test_a_resource_keeps_the_constraints_of_the_operation_that_creates_it(kind: str) -> None:
    found = [finding for resource in resources_by_type()[kind] for finding in rule_book.findings(resource)]
    assert [finding for finding in found if finding.problem] == []
    # API Gateway's and S3's models, for example, state hardly any constraints.
    unconstrained = BOOK["resources"][kind].get("unconstrained", False)
    assert bool(found) != unconstrained, "nothing of it is checked: are names missing?"


@pytest.mark.parametrize("limit", LIMITS)
def test_each_run_keeps_each_limit_that_no_service_model_states(limit: str) -> None:
    measured = [(name, *pair) for name, run in runs().items() for pair in MEASURES[limit](run)]
    assert measured, "nothing is measured for this limit"
    assert [found for found in measured if found[-1] > LIMITS[limit]["most"]] == []


def test_each_measure_belongs_to_a_limit_with_a_source() -> None:
    assert MEASURES.keys() == LIMITS.keys()
    assert all(entry["source"].startswith("https://docs.aws.amazon.com/") for entry in LIMITS.values())


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        pytest.param("aws_lambda_function", {"function_name": "f" * 200}, id="name-too-long"),
        pytest.param("aws_iam_role", {"name": "no spaces"}, id="characters"),
        pytest.param("aws_lambda_function", {"memory_size": 64}, id="number-too-small"),
        pytest.param("aws_lambda_function", {"runtime": "python2.7-x"}, id="no-allowed-value"),
        pytest.param(
            "aws_cloudwatch_metric_alarm", {"alarm_actions": ["arn:aws:sns"] * 6}, id="list-too-long"
        ),
        pytest.param(
            "aws_cloudwatch_metric_alarm",
            {"metric_query": [{"id": "i" * 256, "metric": []}]},
            id="in-a-block",
        ),
    ],
)
def test_a_broken_constraint_is_found(kind: str, change: dict[str, Any]) -> None:
    resource = resources_by_type()[kind][0]
    broken = resource._replace(values=resource.values | change)
    assert any(finding.problem for finding in rule_book.findings(broken))


class Recorder:
    """A client that records what it is asked for."""

    def __init__(self) -> None:
        self.asked: defaultdict[str, list[Any]] = defaultdict(list)

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        def ask(**parameters: Any) -> dict[str, Any]:
            self.asked[name].append(parameters)
            return {"executionArn": "arn", "executions": []}

        return ask


@pytest.mark.parametrize("poll_id", ["p", "p" * 64, "-" * 64], ids=["shortest", "longest", "hyphens"])
def test_names_chosen_at_run_time_keep_the_constraints(poll_id: str) -> None:
    """A poll's id becomes the name of its schedule, and part of its executions' names."""
    (parameter, *_) = resources_by_type()["aws_ssm_parameter"]
    deployment = Deployment.model_validate_json(parameter.values["value"])
    options = (Option(id="a", label="A"), Option(id="b", label="B"))
    scheduler, machine = Recorder(), Recorder()
    poll = Poll(poll_id=poll_id, title="t" * 200, options=options, announced_at=0, opens_at=1, closes_at=2)
    Schedules(deployment, scheduler).set(poll)
    Tallies(deployment, machine, Recorder()).start(poll_id)  # type: ignore[arg-type]
    schedules, (execution,) = scheduler.asked["create_schedule"], machine.asked["start_execution"]
    assert len(schedules) == 2, "of the tally, and of the count of voters"
    found = list(rule_book.parameters("stepfunctions.StartExecution", execution, {}, poll_id))
    for schedule in schedules:
        found += rule_book.parameters("scheduler.CreateSchedule", schedule, {}, poll_id)
    assert len(found) > 10
    assert [finding for finding in found if finding.problem] == []
