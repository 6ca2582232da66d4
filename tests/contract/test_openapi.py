"""openapi.yaml compared with Terraform, with the code's patterns and enums, and with answers to generated requests."""

import itertools
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import unsupported_method

from contract.openapi_document import document, of_mode, operations, problems, resolved
from contract.served import application
from contract.terraform_source import INFRA, parsed, resources
from results_api import answers, refusals
from results_api.receipts import Sequence, ShardId, State
from results_api.refusals import Refusal
from results_api.requests import Route
from results_api.results import Status
from unit.results_api.conftest import CLOSES_AT, Tables, a_final, a_poll
from voting.final import Final
from voting.metrics import Metric
from voting.polls import Visibility
from voting.records import OptionId, PollId, Voter, version_of
from voting.rules import Reason
from voting.settings import VoterAuth

API = INFRA / "modules/api"
SCHEMAS: dict[str, Any] = document()["components"]["schemas"]
REFUSALS = [value for value in vars(refusals).values() if isinstance(value, Refusal)]


# Terraform


def terraform_routes() -> dict[tuple[str, str], str]:
    """Return every method and path that Terraform makes, with its operation's name."""
    main, batch, results = API / "main.tf", API / "batch.tf", API / "results.tf"
    segments = {
        name: body
        for file in (main, batch, results)
        for name, body in resources(file, "aws_api_gateway_resource").items()
    }

    def path(name: str) -> str:
        parent = re.search(r"aws_api_gateway_resource\.(\w+)", segments[name]["parent_id"])
        return (path(parent[1]) if parent else "") + "/" + str(segments[name]["path_part"])

    def resource_in(text: str) -> str:
        found = re.search(r"aws_api_gateway_resource\.(\w+)", text)
        assert found is not None
        return found[1]

    casting = (
        resources(main, "aws_api_gateway_method")["cast_vote"],
        resources(batch, "aws_api_gateway_method")["cast_votes"],
    )
    routes = {
        (method["http_method"], path(resource_in(method["resource_id"]))): method["operation_name"]
        for method in casting
    }
    read = resources(results, "aws_api_gateway_method")["read"]
    for route in parsed(results)["locals"][0]["all_reads"].values():
        routes[read["http_method"], path(resource_in(route["resource"]))] = route["operation"]
    return routes


def test_the_description_has_exactly_terraforms_routes() -> None:
    assert terraform_routes() == {
        route: operation["operationId"] for route, operation in operations().items()
    }


def test_identifiers_have_the_patterns_of_the_front_door() -> None:
    patterns = parsed(API / "main.tf")["locals"][0]["patterns"]
    described = {"poll_id": "PollId", "option": "OptionId", "voter": "Voter"}
    assert {name: SCHEMAS[described[name]]["pattern"] for name in patterns} == {
        name: f"^{pattern}$" for name, pattern in patterns.items()
    }
    poll_id = resolved(document()["components"]["parameters"]["poll_id"]["schema"])
    assert poll_id == SCHEMAS["PollId"]


# The models of each mode are tested where they are planned (infra/modules/api/tests): these are the same bodies.
@pytest.mark.parametrize(
    ("schema", "fields"),
    [("Vote", {"option", "voter"}), ("OwnVote", {"option"}), ("VoteBatch", {"votes"})],
)
def test_a_body_has_exactly_its_fields(schema: str, fields: set[str]) -> None:
    described = SCHEMAS[schema]
    assert described["additionalProperties"] is False
    assert set(described["required"]) == set(described["properties"]) == fields


def test_a_batchs_described_size_is_the_limit_of_the_front_door() -> None:
    described = SCHEMAS["VoteBatch"]["properties"]["votes"]
    assert described["maxItems"] == parsed(API / "batch.tf")["locals"][0]["batch_size"]


@pytest.mark.parametrize("route", operations(), ids=" ".join)
def test_operations_that_need_credentials_say_so(route: tuple[str, str]) -> None:
    security = operations()[route].get("security", [{}])
    expected: dict[str, list[dict[str, list[str]]]] = {
        "CastVote": [{}, {"backEnd": []}, {"voter": []}],
        "CastVotes": [{"backEnd": []}],
        "CheckReceipt": [{}, {"backEnd": []}, {"voter": []}],
    }
    assert security == expected.get(operations()[route]["operationId"], [{}])


def test_every_error_code_is_described() -> None:
    of_the_front_door = parsed(API / "answers.tf")["locals"][0]["refusals"]
    of_the_function = {refusal.error for refusal in REFUSALS}
    assert set(SCHEMAS["Error"]["properties"]["error"]["enum"]) == {*of_the_front_door, *of_the_function}


@pytest.mark.parametrize("route", operations(), ids=" ".join)
def test_every_status_that_an_operation_can_answer_is_described(route: tuple[str, str]) -> None:
    described = set(operations()[route]["responses"])
    front_door = {str(refusal["status"]) for refusal in terraform_refusals().values()}
    # Reads have no body, and of reads only a receipt's needs credentials.
    expected = (
        {"202", *front_door}
        if route[0] == "POST"
        else {"200", *(str(refusal.status) for refusal in REFUSALS), *front_door - {"401", "413", "415"}}
    )
    if operations()[route]["operationId"] == "CheckReceipt":
        expected.add("401")
    assert described - {"207", "304"} == expected
    assert ("207" in described) == (operations()[route]["operationId"] == "CastVotes")


def terraform_refusals() -> Mapping[str, Any]:
    refusals: dict[str, Any] = parsed(API / "answers.tf")["locals"][0]["refusals"]
    return refusals


# The code


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        ("PollId", PollId),
        ("OptionId", OptionId),
        ("Voter", Voter),
        ("Shard", ShardId),
        ("Sequence", Sequence),
    ],
)
def test_identifiers_have_the_patterns_of_the_code(schema: str, type_: Any) -> None:
    (constraints,) = type_.__metadata__
    assert SCHEMAS[schema]["pattern"] == constraints.pattern


@pytest.mark.parametrize(
    ("described", "enum"),
    [
        (SCHEMAS["Status"], Status),
        (SCHEMAS["Visibility"], Visibility),
        (SCHEMAS["ReceiptState"]["properties"]["state"], State),
        (SCHEMAS["Certificate"]["properties"]["rejected"]["propertyNames"], Reason),
    ],
    ids=["status", "visibility", "state", "reason"],
)
def test_every_value_is_described(described: dict[str, Any], enum: type[StrEnum]) -> None:
    assert set(described["enum"]) == set(enum)


def test_cache_lifetimes_are_described() -> None:
    described = document()["components"]["headers"]["Cache-Control"]["schema"]["enum"]
    assert set(described) == {answers.FRESH_FOR_A_SECOND, answers.LASTING, answers.NOT_KEPT}


# The examples


def examples() -> list[Any]:
    """Return every example with its schema."""
    found = []
    for (method, path), operation in operations().items():
        contents = [("request", operation["requestBody"])] if "requestBody" in operation else []
        contents += operation["responses"].items()
        for where, holder in contents:
            for media_type, content in resolved(holder).get("content", {}).items():
                given = {name: example["value"] for name, example in content.get("examples", {}).items()}
                if "example" in content:
                    given["example"] = content["example"]
                for name, example in given.items():
                    label = f"{method} {path} {where} {media_type} {name}"
                    found.append(pytest.param(content["schema"], example, id=label))
        for parameter in operation.get("parameters", []):
            described = resolved(parameter)
            found.append(pytest.param(described["schema"], described["example"], id=described["name"]))
    return found


@pytest.mark.parametrize(("schema", "example"), examples())
def test_every_example_matches_its_schema(schema: dict[str, Any], example: Any) -> None:
    assert problems(schema, example) == []


def test_the_digest_in_the_example_can_be_checked() -> None:
    content = operations()["GET", "/polls/{poll_id}/results"]["responses"]["200"]["content"]
    final = content["application/json"]["examples"]["final"]["value"]["final"]
    row = {
        "certificate": {"S": Final.model_validate(final["certificate"], strict=False).certificate},
        "digest": {"S": final["digest"]},
    }
    assert Final.from_row(row).voters == 4


# Generated requests, valid and invalid; tests/e2e sends such to a deployed API


POLLS = ("scheduled", "open", "hidden", "closing", "counting", "final")
_next_poll = itertools.cycle(POLLS)
_next_format = itertools.cycle(("application/json", "text/csv", "*/*"))


def tables_in_every_state() -> Tables:
    """Return tables with a poll in each state; the time is an hour after most of them have closed."""
    now = CLOSES_AT + 3_600_000
    tables = Tables(now_ms=now)
    for poll_id in POLLS:
        tables.polls[poll_id] = a_poll(poll_id=poll_id)
        tables.versions[poll_id, "voter-1"] = version_of("4960")
    for poll_id, opens_at in (("scheduled", now + 1), ("open", now - 1), ("hidden", now - 1)):
        visibility = Visibility.NEVER if poll_id == "hidden" else Visibility.ALWAYS
        tables.polls[poll_id] = a_poll(
            poll_id=poll_id, opens_at=opens_at, closes_at=now + 2, visibility=visibility
        )
    tables.draining |= {"counting", "final"}
    tables.finals["final"] = a_final(poll_id="final")
    return tables


tables = tables_in_every_state()
schema = schemathesis.openapi.from_dict(of_mode(VoterAuth.NONE, batch_enabled=False))
schema.app = application(tables.runtime())


@pytest.fixture
def not_in_vain() -> Iterator[None]:
    """Of the requests generated for an operation, some must be accepted and some refused."""
    metrics = (Metric.REQUESTS_ANSWERED, Metric.REQUESTS_REFUSED)
    before = [tables.telemetry.total(metric) for metric in metrics]
    yield
    answered, refused = (
        tables.telemetry.total(metric) - n for metric, n in zip(metrics, before, strict=True)
    )
    assert answered > 20
    assert refused > 5


def answered_as_described(case: "schemathesis.Case[Any]") -> None:
    if re.fullmatch(SCHEMAS["PollId"]["pattern"], str(case.path_parameters.get("poll_id"))):
        case.path_parameters["poll_id"] = next(_next_poll)  # generated ids name no poll
    if case.operation.path == Route.RESULTS:
        case.headers["Accept"] = next(_next_format)
    # API Gateway has no 405: it answers an unknown method like an unknown path.
    case.call_and_validate(excluded_checks=[unsupported_method])


inventing = hypothesis.settings(
    max_examples=100, deadline=None, suppress_health_check=list(hypothesis.HealthCheck), derandomize=True
)


# A test for each: operations of one test share their name, and of tests with one name pytest-xdist runs one.


def test_every_read_has_a_test() -> None:
    assert {path for method, path in operations() if method == "GET"} == set(Route)


@pytest.mark.usefixtures("not_in_vain")
@schema.include(path=Route.POLL).parametrize()
@inventing
def test_each_request_for_a_poll_is_answered_as_described(case: "schemathesis.Case[Any]") -> None:
    answered_as_described(case)


@pytest.mark.usefixtures("not_in_vain")
@schema.include(path=Route.RESULTS).parametrize()
@inventing
def test_each_request_for_results_is_answered_as_described(case: "schemathesis.Case[Any]") -> None:
    answered_as_described(case)


@pytest.mark.usefixtures("not_in_vain")
@schema.include(path=Route.RECEIPT).parametrize()
@inventing
def test_each_request_about_a_receipt_is_answered_as_described(case: "schemathesis.Case[Any]") -> None:
    answered_as_described(case)
