"""The requests that a door sends to the stream, and those that it refuses."""

import base64
import json
from typing import Any

import pytest

from ingress.refusals import DoorRefused
from ingress.requests import BATCH_SIZE, JSON_TYPES, read_call
from unit.ingress.conftest import OPEN, SIGNED, request

BATCH = "/polls/lunch/votes/batch"


def refused(event: dict[str, Any], **rules: Any) -> int:
    """Return the status that an event is refused with."""
    with pytest.raises(DoorRefused) as raised:
        read_call(event, OPEN._replace(**rules))
    return raised.value.refusal.status


def records(body: bytes) -> list[tuple[str, dict[str, str]]]:
    """Return partition keys and data of a call's body."""
    document = json.loads(body)
    entries = document.get("Records") or [document]
    return [(entry["PartitionKey"], json.loads(base64.b64decode(entry["Data"]))) for entry in entries]


def test_vote_becomes_one_record_under_its_voter() -> None:
    call = read_call(request(), OPEN)
    assert (call.action, call.votes) == ("PutRecord", 1)
    assert json.loads(call.body)["StreamName"] == "votes"
    assert records(call.body) == [("ann", {"poll_id": "lunch", "option": "pizza"})]


def test_record_has_the_bytes_that_the_rest_door_writes() -> None:
    data = json.loads(read_call(request(), OPEN).body)["Data"]
    assert base64.b64decode(data) == b'{"poll_id":"lunch","option":"pizza"}'


def test_base64_body_is_read_as_its_bytes() -> None:
    body = base64.b64encode(b'{"option":"pizza","voter":"ann"}').decode()
    assert records(read_call(request(body, isBase64Encoded=True), OPEN).body)[0][0] == "ann"


@pytest.mark.parametrize("type_", sorted(JSON_TYPES))
def test_json_content_types_are_accepted(type_: str) -> None:
    assert read_call(request(headers={"content-type": type_}), OPEN).votes == 1


def test_missing_content_type_gets_415() -> None:
    assert refused(request(headers={})) == 415
    assert refused(request(headers=None) | {"headers": None}) == 415


def test_compressed_body_gets_415() -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert refused(request(headers=headers)) == 415


@pytest.mark.parametrize(
    "type_", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
def test_other_content_types_get_415(type_: str) -> None:
    assert refused(request(headers={"content-type": type_})) == 415


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="no-json"),
        pytest.param("[" * 1000, id="deep"),
        pytest.param("[]", id="list"),
        pytest.param("null", id="null"),
        pytest.param({"option": "pizza"}, id="no-voter"),
        pytest.param({"voter": "ann"}, id="no-option"),
        pytest.param({"option": "pizza", "voter": "ann", "poll_id": "other"}, id="a-field-more"),
        pytest.param({"option": "pizza", "marker": "ann"}, id="marker"),
        pytest.param({"option": 1, "voter": "ann"}, id="number"),
        pytest.param({"option": ["pizza"], "voter": "ann"}, id="list-as-option"),
        pytest.param({"option": "pizza", "voter": None}, id="null-voter"),
        pytest.param({"option": "pizza\n", "voter": "ann"}, id="newline"),
        pytest.param({"option": 'pi"zza', "voter": "ann"}, id="quote"),
        pytest.param({"option": "pizza", "voter": "a\\nn"}, id="backslash"),
        pytest.param({"option": "pizza", "voter": "\N{FULLWIDTH LATIN SMALL LETTER A}"}, id="full-width"),
        pytest.param('{"option":"pizza","voter":"\\ud800"}', id="lone-surrogate"),
        pytest.param({"option": "x" * 65, "voter": "ann"}, id="long-option"),
        pytest.param({"option": "pizza", "voter": "x" * 129}, id="long-voter"),
        pytest.param({"option": "", "voter": "ann"}, id="empty-option"),
        pytest.param('{"option":"pizza","voter":' + "9" * 900 + "}", id="big-number"),
    ],
)
def test_body_without_a_valid_vote_gets_400(body: object) -> None:
    assert refused(request(body)) == 400


@pytest.mark.parametrize("body", ["é", "%%%", "////"])
def test_broken_base64_or_utf8_gets_400(body: str) -> None:
    assert refused(request(body, isBase64Encoded=True)) == 400


def test_largest_fields_are_accepted() -> None:
    call = read_call(request({"option": "x" * 64, "voter": "y" * 128}, path=f"/polls/{'z' * 64}/votes"), OPEN)
    assert records(call.body) == [("y" * 128, {"poll_id": "z" * 64, "option": "x" * 64})]


def test_padded_body_is_accepted_up_to_the_limit_and_gets_413_above() -> None:
    vote = '{"option":"pizza","voter":"ann"}'
    assert read_call(request(vote.ljust(1024)), OPEN).votes == 1
    assert refused(request(vote.ljust(1025))) == 413
    large = base64.b64encode(vote.ljust(1025).encode()).decode()
    assert refused(request(large, isBase64Encoded=True)) == 413
    assert refused(request("é" * 600)) == 413


@pytest.mark.parametrize("poll_id", ["Lunch", "l%75nch", "lunch_", "x" * 65, "lunch\n", "é"])
def test_invalid_poll_id_gets_400(poll_id: str) -> None:
    assert refused(request(path=f"/polls/{poll_id}/votes")) == 400


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/polls/lunch/votes", "GET"),
        ("/polls/lunch/votes/", "POST"),
        ("/polls//votes", "POST"),
        ("/polls/a/b/votes", "POST"),
        ("/v1/polls/lunch/votes", "POST"),
        ("/polls/lunch/results", "POST"),
        ("", "POST"),
    ],
)
def test_other_path_or_method_gets_404(path: str, method: str) -> None:
    assert refused(request(path=path, method=method)) == 404


@pytest.mark.parametrize("event", [{}, {"requestContext": None}, {"rawPath": None, "requestContext": {}}])
def test_forged_event_without_a_request_gets_404(event: dict[str, Any]) -> None:
    assert refused(event) == 404


@pytest.mark.parametrize(
    "authorizer",
    [None, {}, {"iam": None}, {"iam": {}}, {"jwt": {"claims": {"sub": "ann"}}}, {"lambda": {"sub": "ann"}}],
)
def test_vote_that_must_be_signed_gets_403_without_an_iam_identity(authorizer: Any) -> None:
    assert refused(request(authorizer=authorizer), signed_votes=True) == 403


def test_signed_vote_has_the_voter_whom_the_back_end_names() -> None:
    call = read_call(request(authorizer=SIGNED), OPEN._replace(signed_votes=True))
    assert records(call.body)[0][0] == "ann"


def test_signed_in_voter_is_the_partition_key() -> None:
    rules = OPEN._replace(voter_of=lambda *_: "sub-1")
    assert records(read_call(request({"option": "pizza"}), rules).body)[0][0] == "sub-1"


@pytest.mark.parametrize("body", [{"option": "pizza", "voter": "ann"}, {"option": "pizza", "x": "y"}])
def test_signed_in_voter_must_not_name_another(body: object) -> None:
    assert refused(request(body), voter_of=lambda *_: "sub-1") == 400


def test_voter_of_a_token_with_other_characters_gets_400() -> None:
    assert refused(request({"option": "pizza"}), voter_of=lambda *_: 'a"b') == 400


def batch(*votes: object) -> dict[str, Any]:
    return request({"votes": list(votes)}, path=BATCH, authorizer=SIGNED)


def test_batch_becomes_one_call_in_its_order() -> None:
    call = read_call(batch({"option": "b", "voter": "bob"}, {"option": "a", "voter": "ann"}), OPEN)
    assert (call.action, call.votes) == ("PutRecords", 2)
    assert records(call.body) == [
        ("bob", {"poll_id": "lunch", "option": "b"}),
        ("ann", {"poll_id": "lunch", "option": "a"}),
    ]


def test_batch_of_500_votes_is_accepted_and_501_refused() -> None:
    votes = [{"option": "a", "voter": f"v{number}"} for number in range(BATCH_SIZE + 1)]
    assert read_call(batch(*votes[:-1]), OPEN).votes == BATCH_SIZE
    assert refused(batch(*votes)) == 400


@pytest.mark.parametrize(
    "votes",
    [
        pytest.param([], id="none"),
        pytest.param([{"option": "a", "voter": "ann"}, {"option": "b", "voter": "ann"}], id="voter-twice"),
        pytest.param([{"option": "a", "voter": "ann"}, {"option": "b"}], id="one-wrong"),
        pytest.param(["ann"], id="text"),
    ],
)
def test_wrong_batch_gets_400_as_a_whole(votes: list[object]) -> None:
    assert refused(batch(*votes)) == 400


def test_batch_with_an_extra_field_gets_400() -> None:
    document = {"votes": [{"option": "a", "voter": "ann"}], "more": 1}
    assert refused(request(document, path=BATCH, authorizer=SIGNED)) == 400


def test_unsigned_batch_gets_403() -> None:
    assert refused(request({"votes": [{"option": "a", "voter": "ann"}]}, path=BATCH)) == 403


def test_batch_where_batches_are_off_gets_404() -> None:
    assert refused(batch({"option": "a", "voter": "ann"}), batch_enabled=False) == 404
