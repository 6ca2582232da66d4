"""The front door's templates for requests and answers, without the request models that come before them.

LocalEmu renders them in its own virtual environment, all cases at once.
"""

import base64
import json
import re
import subprocess
from typing import Any

import pytest

from contract.openapi_document import problems
from localcloud.settings import PROJECT_ROOT

TEMPLATES = PROJECT_ROOT / "infra/modules/api/templates"
PATTERNS = {
    "poll_id_pattern": "[a-z0-9-]{1,64}",
    "option_pattern": "[A-Za-z0-9_.-]{1,64}",
    "voter_pattern": "[A-Za-z0-9_.:@|+=/-]{1,128}",
}
STREAM = "votes"
THROTTLED, UNAVAILABLE = '{"error":"throttled"}', '{"error":"unavailable"}'
MALFORMED, UNSUPPORTED = '{"error":"malformed"}', '{"error":"unsupported_media_type"}'

# Reads cases: template, body, path parameter, claims, headers, time.
# Writes for each case the text that is rendered, and the status and headers that are set.
RENDERER = """
import json, sys
from localemu.services.apigateway.next_gen.execute_api.template_mapping import ApiGatewayVtlTemplate

done = []
for template, body, poll_id, claims, headers, time_ms in json.load(sys.stdin):
    text, overrides = ApiGatewayVtlTemplate().render_response(
        template=template,
        variables={
            "context": {"authorizer": {"claims": claims}, "requestTimeEpoch": time_ms},
            "stageVariables": {},
            "input": {"body": body, "params": {"path": {"poll_id": poll_id}, "querystring": {}, "header": headers}},
        },
        context_overrides={"requestOverride": {}, "responseOverride": {"header": {}, "status": 0}},
    )
    done.append([text, overrides["status"], overrides["header"]])
json.dump(done, sys.stdout)
"""


def filled(name: str, **values: Any) -> str:
    """Return a template as Terraform's templatefile() renders it: ours use only names and ``$${``."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    given = {key: str(value) for key, value in values.items()}
    found = re.sub(r"(?<!\$)\$\{(\w+)\}", lambda match: given[match[1]], text)
    return found.replace("$${", "${")


CONTENT_TYPE, RETRY_AFTER = filled("content_type.vtl"), filled("retry_after.vtl")
SIGNED_IN = CONTENT_TYPE + filled(
    "put_record.vtl",
    stream_name=STREAM,
    voter='"$!context.authorizer.claims.sub"',
    other_voter='"$!vote.voter"',
    **PATTERNS,
)
NAMED = CONTENT_TYPE + filled(
    "put_record.vtl", stream_name=STREAM, voter="$vote.voter", other_voter="''", **PATTERNS
)
BATCH = CONTENT_TYPE + filled("put_records.vtl", stream_name=STREAM, batch_size=500, **PATTERNS)
STORED_BATCH = RETRY_AFTER + filled("stored_batch.vtl", throttled=THROTTLED, unavailable=UNAVAILABLE)
REFUSED_PUT = (
    CONTENT_TYPE
    + RETRY_AFTER
    + filled(
        "refused.vtl",
        throttled=THROTTLED,
        unavailable=UNAVAILABLE,
        malformed=MALFORMED,
        unsupported=UNSUPPORTED,
    )
)
SUB = {"sub": "8f1c0f3e-3c0b-4a53-9a63-2f8e7f1f6f11"}

JSON = {"Content-Type": "application/json"}
TIME_MS = 1_764_000_000_000

type Case = tuple[str, Any, str, dict[str, str]]
type Outcome = tuple[Any, int, dict[str, str]]

OPTION = {"option": "pizza"}
VOTE = {"option": "pizza", "voter": "somebody"}
RECEIPT = {"ShardId": "shardId-000000000001", "SequenceNumber": "4960"}
REFUSED_RECORD = {
    "ErrorCode": "ProvisionedThroughputExceededException",
    "ErrorMessage": "account 111122223333",
}
FAILED_RECORD = {"ErrorCode": "InternalFailure", "ErrorMessage": "Internal service failure."}


def batch_of(*votes: Any) -> dict[str, Any]:
    return {"votes": list(votes)}


def answer_of(*records: dict[str, str]) -> dict[str, Any]:
    failed = sum("ErrorCode" in record for record in records)
    return {"FailedRecordCount": failed, "Records": list(records)}


LET_IN: dict[str, Case] = {
    "named": (NAMED, VOTE, "lunch", {}),
    "signed-in": (SIGNED_IN, OPTION, "lunch", SUB),
    "batch": (BATCH, batch_of(VOTE, {"option": "soup", "voter": "auth0|a+b/c=@x"}), "lunch", {}),
    "batch-of-500": (BATCH, batch_of(*({"option": "a", "voter": f"v-{n}"} for n in range(500))), "lunch", {}),
}
REFUSED: dict[str, Case] = {
    "named-poll": (NAMED, VOTE, "Lunch", {}),
    "named-newline": (NAMED, {"option": "pizza\n", "voter": "somebody"}, "lunch", {}),
    "named-space": (NAMED, {"option": "pizza", "voter": "a b"}, "lunch", {}),
    "named-injection": (NAMED, {"option": 'a","poll_id":"other', "voter": "somebody"}, "lunch", {}),
    "named-nobody": (NAMED, OPTION, "lunch", SUB),
    "signed-in-and-named": (SIGNED_IN, VOTE, "lunch", SUB),
    "signed-in-and-named-oneself": (SIGNED_IN, OPTION | {"voter": SUB["sub"]}, "lunch", SUB),
    "signed-in-and-a-number": (SIGNED_IN, OPTION | {"voter": 7}, "lunch", SUB),
    "signed-in-and-a-list": (SIGNED_IN, OPTION | {"voter": ["victim"]}, "lunch", SUB),
    "signed-in-without-claims": (SIGNED_IN, OPTION, "lunch", {}),
    "signed-in-without-subject": (SIGNED_IN, OPTION, "lunch", {"email": "somebody@example.org"}),
    "signed-in-with-a-strange-subject": (SIGNED_IN, OPTION, "lunch", {"sub": 'a","PartitionKey":"victim'}),
    "batch-empty": (BATCH, batch_of(), "lunch", {}),
    "batch-one-wrong": (BATCH, batch_of(VOTE, {"option": "a b", "voter": "other"}), "lunch", {}),
    "batch-one-nobody": (BATCH, batch_of(VOTE, OPTION), "lunch", {}),
    "batch-voter-twice": (BATCH, batch_of(VOTE, VOTE | {"option": "soup"}), "lunch", {}),
    "batch-of-501": (BATCH, batch_of(*({"option": "a", "voter": f"v-{n}"} for n in range(501))), "lunch", {}),
    "batch-poll": (BATCH, batch_of(VOTE), "../lunch", {}),
}
ANSWERED: dict[str, Case] = {
    "all": (STORED_BATCH, answer_of(RECEIPT, RECEIPT), "lunch", {}),
    "some": (STORED_BATCH, answer_of(REFUSED_RECORD, RECEIPT, FAILED_RECORD), "lunch", {}),
    "none-throttled": (STORED_BATCH, answer_of(REFUSED_RECORD, REFUSED_RECORD), "lunch", {}),
    "none-for-two-reasons": (STORED_BATCH, answer_of(REFUSED_RECORD, FAILED_RECORD), "lunch", {}),
}


THROTTLED_PUT = {"__type": "ProvisionedThroughputExceededException"}
INVALID_PUT = {"__type": "ValidationException"}
# Name of the case to: template, body, headers, last digit of the request's time.
BY_HEADERS_AND_TIME: dict[str, tuple[str, Any, dict[str, str], int]] = {
    "lower-case-type": (NAMED, VOTE, {"content-type": "application/json"}, 0),
    "put-without-type": (NAMED, VOTE, {"X-Content-Type": "application/json"}, 0),
    "put-batch-without-type": (BATCH, batch_of(VOTE), {}, 0),
    "refused-without-type": (REFUSED_PUT, INVALID_PUT, {}, 0),
    "refused-with-type": (REFUSED_PUT, INVALID_PUT, JSON, 0),
} | {f"throttled-{digit}": (REFUSED_PUT, THROTTLED_PUT, JSON, digit) for digit in range(10)}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """The result of each case: the rendered JSON, the status and the headers."""
    cases = {name: (*case, JSON, TIME_MS) for name, case in (LET_IN | REFUSED | ANSWERED).items()} | {
        name: (template, body, "lunch", {}, headers, TIME_MS + digit)
        for name, (template, body, headers, digit) in BY_HEADERS_AND_TIME.items()
    }
    asked = [(template, json.dumps(body), *more) for template, body, *more in cases.values()]
    done = subprocess.run(
        [PROJECT_ROOT / ".venv-localcloud/bin/python", "-W", "ignore", "-c", RENDERER],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return {
        name: (json.loads(text), status, headers)
        for name, (text, status, headers) in zip(cases, json.loads(done.stdout), strict=True)
    }


def record_of(entry: dict[str, str]) -> tuple[str, Any]:
    return entry["PartitionKey"], json.loads(base64.b64decode(entry["Data"]))


def test_without_sign_in_the_body_names_the_voter(outcomes: dict[str, Outcome]) -> None:
    request = outcomes["named"][0]
    assert record_of(request) == ("somebody", {"poll_id": "lunch", "option": "pizza"})
    assert set(request) == {"StreamName", "PartitionKey", "Data"}


def test_with_sign_in_the_token_names_the_voter(outcomes: dict[str, Outcome]) -> None:
    assert record_of(outcomes["signed-in"][0]) == (SUB["sub"], {"poll_id": "lunch", "option": "pizza"})


def test_each_vote_of_a_batch_becomes_a_record_in_order(outcomes: dict[str, Outcome]) -> None:
    request = outcomes["batch"][0]
    assert [record_of(entry) for entry in request["Records"]] == [
        ("somebody", {"poll_id": "lunch", "option": "pizza"}),
        ("auth0|a+b/c=@x", {"poll_id": "lunch", "option": "soup"}),
    ]
    assert set(request) == {"StreamName", "Records"}
    assert [entry["PartitionKey"] for entry in outcomes["batch-of-500"][0]["Records"]] == [
        f"v-{number}" for number in range(500)
    ]


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_vote_becomes_a_request_without_a_record(case: str, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[case][0] == {"StreamName": STREAM}


def test_a_stored_batch_is_answered_with_a_receipt_for_each_vote(outcomes: dict[str, Outcome]) -> None:
    receipt = {"shard": "shardId-000000000001", "sequence": "4960"}
    assert outcomes["all"] == ({"votes": [{"status": 202, "receipt": receipt}] * 2}, 0, {})


def test_a_partly_stored_batch_names_the_votes_to_send_again(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["some"] == (
        {
            "votes": [
                {"status": 429, "error": "throttled"},
                {"status": 202, "receipt": {"shard": "shardId-000000000001", "sequence": "4960"}},
                {"status": 503, "error": "unavailable"},
            ]
        },
        207,
        {"Retry-After": "1"},
    )
    entries = {"votes": outcomes["some"][0]["votes"]}
    assert problems({"$ref": "#/components/schemas/BatchAnswer"}, entries) == []


def test_a_batch_without_a_stored_vote_is_refused(outcomes: dict[str, Outcome]) -> None:
    retry = {"Retry-After": "1"}
    assert outcomes["none-throttled"] == (json.loads(THROTTLED), 429, retry)
    assert outcomes["none-for-two-reasons"] == (json.loads(UNAVAILABLE), 503, retry)


def test_a_request_without_content_type_stores_no_record(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["put-without-type"][0] == {"StreamName": STREAM}
    assert outcomes["put-batch-without-type"][0] == {"StreamName": STREAM}
    assert outcomes["lower-case-type"][0]["PartitionKey"] == "somebody"


def test_a_request_without_content_type_is_answered_415(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["refused-without-type"] == (json.loads(UNSUPPORTED), 415, {})
    assert outcomes["refused-with-type"] == (json.loads(MALFORMED), 0, {})


def test_refused_clients_must_wait_1_to_8_seconds(outcomes: dict[str, Outcome]) -> None:
    waits = []
    for digit in range(10):
        body, status, headers = outcomes[f"throttled-{digit}"]
        assert (body, status) == (json.loads(THROTTLED), 429)
        waits.append(headers["Retry-After"])
    assert {int(wait) for wait in waits} == set(range(1, 9))
