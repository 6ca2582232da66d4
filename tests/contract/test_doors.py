"""All doors accept the same and answer the same: VTL, models, ingress, consumers. Our signer equals botocore's."""

import re
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from contract.terraform_source import INFRA, blocks, parsed, root_modules
from ingress import refusals, requests
from ingress.settings import PREFIX, IngressSettings
from ingress.signing import DYNAMODB, KINESIS, RequestSigner, RoleCredentials, Service
from voting import fields

API = INFRA / "modules/api"


def test_the_rest_door_and_the_code_have_the_same_field_patterns() -> None:
    patterns = parsed(API / "main.tf")["locals"][0]["patterns"]
    assert patterns == {"poll_id": fields.POLL_ID, "option": fields.OPTION, "voter": fields.VOTER}


def test_ingress_accepts_the_content_types_that_the_rest_door_has_models_for() -> None:
    source = (API / "main.tf").read_text()
    types = re.search(
        r'json_types = .*\["application/json"\].*formatlist\("application/json;%s", (.*?)\)', source
    )
    assert types is not None
    charsets = re.findall(r'"([^"]*)"', types[1])
    assert {
        "application/json",
        *(f"application/json;{charset}" for charset in charsets),
    } == requests.JSON_TYPES


@pytest.mark.parametrize(
    "refusal",
    [
        refusals.malformed(body_names_voter=True, batch_enabled=True),
        refusals.malformed(body_names_voter=False, batch_enabled=False),
        refusals.UNAUTHORIZED,
        refusals.FORBIDDEN,
        refusals.not_found(signed=False),
        refusals.TOO_LARGE,
        refusals.UNSUPPORTED_MEDIA_TYPE,
        refusals.THROTTLED,
        refusals.UNAVAILABLE,
    ],
    ids=lambda refusal: refusal.error,
)
def test_ingress_and_the_rest_door_have_the_same_error_messages(refusal: refusals.DoorRefusal) -> None:
    source = (API / "answers.tf").read_text().replace("${local.batch_size}", str(requests.BATCH_SIZE))
    texts = {text.replace('\\"', '"') for text in re.findall(r'"((?:[^"\\]|\\.)*)"', source)}
    assert str(refusal.status) in texts
    assert re.search(rf"^    {refusal.error} = {{", source, re.MULTILINE)
    message = refusal.message
    while message:
        piece = next(
            (text for text in sorted(texts, key=len, reverse=True) if text and message.startswith(text)), ""
        )
        assert piece, f"answers.tf has no text that starts {message!r}"
        message = message.removeprefix(piece).removeprefix(" ")


@pytest.mark.parametrize("token", ["", "session/token+of=the-role"])
@pytest.mark.parametrize(
    ("service", "action"), [(KINESIS, "PutRecord"), (KINESIS, "PutRecords"), (DYNAMODB, "GetItem")]
)
@pytest.mark.parametrize(
    ("region", "host"),
    [("us-east-1", "kinesis.us-east-1.amazonaws.com"), ("eu-central-1", "localhost:4566")],
)
def test_our_signature_equals_botocores(
    token: str, service: Service, action: str, region: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"StreamName":"votes","PartitionKey":"ann"}'
    signer = RequestSigner(service, RoleCredentials("AKID", "secret/+key", token), region, host)
    for now in (1_795_983_301.5, 1_795_983_302.0, 1_796_083_301.0):
        ours = signer.headers(action, body, now)
        signed = {name: value for name, value in ours.items() if name != "authorization"}
        theirs = AWSRequest("POST", f"https://{host}/", headers=dict(signed), data=body)
        _botocore_clock(monkeypatch, now)
        credentials = BotocoreCredentials("AKID", "secret/+key", token or None)
        SigV4Auth(credentials, service.name, region).add_auth(theirs)
        assert theirs.headers["X-Amz-Date"] == ours["x-amz-date"]
        assert theirs.headers["Authorization"] == ours["authorization"]


def _botocore_clock(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    from datetime import UTC, datetime

    def at(*_: Any, **__: Any) -> datetime:
        return datetime.fromtimestamp(now, UTC).replace(tzinfo=None)

    monkeypatch.setattr("botocore.auth.get_current_datetime", at)


def test_terraform_sets_exactly_the_variables_that_ingress_reads() -> None:
    assert set(root_modules()["ingress"]["environment_variables"]) == {
        PREFIX + field.upper() for field in IngressSettings._fields
    }


def test_the_old_door_stays_until_the_new_one_is_named() -> None:
    """Terraform destroys resources before it creates their replacements, unless create_before_destroy is set."""
    ways = {
        "aws_apigatewayv2_route",
        "aws_apigatewayv2_stage",
        "aws_lambda_function_url",
        "aws_lambda_permission",
        "aws_lambda_provisioned_concurrency_config",
    }
    door = INFRA / "modules/door"
    found = {
        (kind, name): body
        for file in door.glob("*.tf")
        for block in parsed(file).get("resource", [])
        for kind, named in block.items()
        for name, body in named.items()
        if kind in ways
    }
    assert {kind for kind, _ in found} == ways
    assert [way for way, body in found.items() if not body["lifecycle"][0]["create_before_destroy"]] == []
    # The parameter of the deployment has the address from this output.
    named = str(blocks(door / "outputs.tf", "output")["votes_url"]["depends_on"])
    needed = {
        f"{kind}.{name}" for kind, name in found if kind.startswith(("aws_lambda_p", "aws_apigatewayv2_r"))
    }
    assert [way for way in needed if way not in named] == []


def test_every_setting_of_ingress_is_documented() -> None:
    documented = IngressSettings.__doc__ or ""
    assert [name for name in IngressSettings._fields if f"{name}:" not in documented] == []
    assert PREFIX == "VOTESTREAM_"
