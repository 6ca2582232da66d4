from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from results_api.refusals import (
    MALFORMED_OWN_RECEIPT,
    MALFORMED_POLL_ID,
    MALFORMED_RECEIPT,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    Refusal,
    RequestRefused,
)
from results_api.requests import CSV, JSON, ReceiptQuestion, negotiate, read_receipt_question, read_request
from voting.settings import VoterAuth

type MakeEvent = Callable[..., dict[str, Any]]


def read_named(event: dict[str, Any]) -> ReceiptQuestion:
    """Read a receipt's question where the query names the voter."""
    return read_receipt_question(event, VoterAuth.NONE)


def read_own(event: dict[str, Any]) -> ReceiptQuestion:
    """Read a receipt's question where voters sign in."""
    return read_receipt_question(event, VoterAuth.COGNITO)


def refusal_of(event: dict[str, Any], read: Callable[[dict[str, Any]], object] = read_request) -> Refusal:
    with pytest.raises(RequestRefused) as caught:
        read(event)
    return caught.value.refusal


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        pytest.param(None, JSON, id="no-header"),
        pytest.param("", JSON, id="empty"),
        pytest.param("*/*", JSON, id="anything"),
        pytest.param("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON, id="browser"),
        pytest.param("text/csv", CSV, id="csv"),
        pytest.param("Text/CSV; charset=utf-8", CSV, id="csv-with-parameters"),
        pytest.param("text/*", CSV, id="any-text"),
        pytest.param("application/json, text/csv", JSON, id="both"),
        pytest.param("application/json;q=0.5, text/csv", CSV, id="csv-preferred"),
        pytest.param("text/csv;q=0.5, */*;q=0.1", CSV, id="csv-before-anything"),
        pytest.param("application/json;q=0, */*", CSV, id="anything-but-json"),
        pytest.param("text/html", None, id="html-only"),
        pytest.param("application/json;q=0, text/csv;q=0", None, id="neither"),
        pytest.param("text/csv;q=much", CSV, id="no-number"),
        pytest.param("text/csv;q=nan", CSV, id="not-a-number"),
        pytest.param(";;,=,/", JSON, id="punctuation"),
    ],
)
def test_the_accept_header_selects_the_format(accept: str | None, media_type: str | None) -> None:
    assert negotiate(accept, (JSON, CSV)) == media_type


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", id="java"),
        pytest.param("application/json, text/plain, */*", id="axios"),
        pytest.param(
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", id="browser"
        ),
        pytest.param("*/*", id="curl"),
        pytest.param("application/json;q=.9", id="dot-weight"),
        pytest.param("application/json;q=1.00000", id="many-digits"),
        pytest.param("application/json; q=high", id="no-number"),
        pytest.param("application/json; q=", id="no-weight"),
        pytest.param("application/json; q=7", id="above-one"),
        pytest.param("application/json;charset=utf-8", id="charset"),
        pytest.param("json", id="no-range"),
        pytest.param(";q=0", id="only-a-weight"),
        pytest.param(",;, ,", id="punctuation"),
    ],
)
def test_common_clients_get_json(accept: str) -> None:
    assert negotiate(accept, (JSON, CSV)) == JSON


@given(st.text(alphabet='acijnopst/*+;=,q.019 "\\\t-', max_size=60))
def test_an_invalid_part_of_accept_is_ignored(noise: str) -> None:
    """Only a range that could be read may lead to a refusal."""
    assert negotiate(f"{JSON}, {noise.replace('/', '')}", (JSON, CSV)) == JSON


@pytest.mark.parametrize("resource", ["/polls/{poll_id}", "/polls/{poll_id}/votes/me"])
def test_only_results_are_available_as_csv(resource: str, request_event: MakeEvent) -> None:
    event = request_event(resource, headers={"accept": "text/csv"})
    assert refusal_of(event) is NOT_ACCEPTABLE


def test_header_names_are_compared_without_case(request_event: MakeEvent) -> None:
    assert read_request(request_event(headers={"ACCEPT": "text/csv"})).media_type == CSV


def test_weak_and_strong_tags_are_read_from_if_none_match(request_event: MakeEvent) -> None:
    event = request_event(headers={"If-None-Match": '"a", W/"b" ,"c"'})
    assert read_request(event).known_etags == {'"a"', '"b"', '"c"'}


@pytest.mark.parametrize(
    "poll_id", ["", "UPPER", "p" * 65, "a b", "a\n", "a%0A", "café", "_unattributed", "a/b", None]
)
def test_an_invalid_poll_id_is_refused(poll_id: str | None, request_event: MakeEvent) -> None:
    event = request_event() | {"pathParameters": {"poll_id": poll_id}}
    assert refusal_of(event) is MALFORMED_POLL_ID


def test_an_unknown_resource_is_not_found(request_event: MakeEvent) -> None:
    assert refusal_of(request_event("/polls/{poll_id}/voters")) is NOT_FOUND


def test_an_event_without_headers_parameters_and_query_is_read(request_event: MakeEvent) -> None:
    event = request_event() | {"multiValueHeaders": None, "multiValueQueryStringParameters": None}
    assert read_request(event).media_type == JSON
    assert refusal_of(event | {"pathParameters": None}) is MALFORMED_POLL_ID
    assert refusal_of(event, read_named) is MALFORMED_RECEIPT


QUERY = {"voter": ["auth0|a+b/c=@x"], "shard": ["shardId-000000000000"], "sequence": ["4960"]}


def test_a_receipt_is_read_from_the_query(request_event: MakeEvent) -> None:
    question = read_named(request_event(query=QUERY))
    assert question == ("auth0|a+b/c=@x", ("shardId-000000000000", "4960"), False)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"voter": []}, id="no-voter"),
        pytest.param({"voter": ["a b"]}, id="voter-with-a-space"),
        pytest.param({"voter": ["v" * 129]}, id="voter-too-long"),
        pytest.param({"voter": ["a", "b"]}, id="two-voters"),
        pytest.param({"shard": ["shard-0"]}, id="no-shard"),
        pytest.param({"sequence": ["-1"]}, id="negative"),
        pytest.param({"sequence": ["1" * 57]}, id="too-long"),
        pytest.param({"sequence": ["٣"]}, id="other-digits"),
        pytest.param({"sequence": ["1\n"]}, id="newline"),
        pytest.param({"sequence": [""]}, id="empty"),
    ],
)
def test_an_invalid_receipt_is_refused_without_quoting_it(
    wrong: dict[str, list[str]], request_event: MakeEvent
) -> None:
    assert refusal_of(request_event(query=QUERY | wrong), read_named) is MALFORMED_RECEIPT


OWN_QUERY = {name: values for name, values in QUERY.items() if name != "voter"}
CLAIMS = {"sub": "8f1c0f3e-3c0b-4a53-9a63-2f8e7f1f6f11", "email": "somebody@example.org"}


def test_a_back_end_names_the_voter(request_event: MakeEvent) -> None:
    assert read_receipt_question(request_event(query=QUERY), VoterAuth.IAM).voter == "auth0|a+b/c=@x"


def test_a_receipts_voter_comes_from_the_token(request_event: MakeEvent) -> None:
    question = read_own(request_event(query=OWN_QUERY, claims=CLAIMS))
    assert question == (CLAIMS["sub"], ("shardId-000000000000", "4960"), False)


@pytest.mark.parametrize("voter", [CLAIMS["sub"], "somebody-else", ""], ids=["oneself", "another", "nobody"])
def test_a_signed_in_voter_cannot_name_a_voter(voter: str, request_event: MakeEvent) -> None:
    event = request_event(query=OWN_QUERY | {"voter": [voter]}, claims=CLAIMS)
    assert refusal_of(event, read_own) is MALFORMED_OWN_RECEIPT


def test_an_invalid_receipt_is_refused_to_a_signed_in_voter(request_event: MakeEvent) -> None:
    event = request_event(query=OWN_QUERY | {"shard": ["shard-0"]}, claims=CLAIMS)
    assert refusal_of(event, read_own) is MALFORMED_OWN_RECEIPT


@pytest.mark.parametrize("claims", [None, {}], ids=["no-authorizer", "no-subject"])
def test_a_request_without_a_verified_token_is_refused(
    claims: dict[str, str] | None, request_event: MakeEvent
) -> None:
    with pytest.raises(KeyError):
        read_own(request_event(query=OWN_QUERY, claims=claims))
