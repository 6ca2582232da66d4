"""The answers of every door, and the records that reach the stream."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from e2e.conftest import Door
from e2e.observing import NewRecords, new_id
from votectl.deployment import Deployment
from votectl.traffic import MALFORMED_BODIES
from voting.polls import Poll

VOTE = {"option": "a", "voter": "somebody"}


@pytest.fixture
def stream(deployment: Deployment) -> NewRecords:
    return NewRecords(deployment)


@pytest.fixture
def poll_id() -> str:
    """A poll that does not exist: the front door does not look it up."""
    return new_id("front-door")


def test_a_vote_is_answered_with_its_place_in_the_stream(
    stream: NewRecords, door: Door, open_poll: Callable[..., Poll]
) -> None:
    poll = open_poll("a", "b")
    answer = door.client.post(f"/polls/{poll.poll_id}/votes", json=VOTE)
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"receipt"}
    voter, data = stream.at(answer.json()["receipt"])
    assert voter == "somebody"
    assert json.loads(data) == {"poll_id": poll.poll_id, "option": "a"}


@pytest.mark.parametrize(("body", "content_type"), MALFORMED_BODIES, ids=range(len(MALFORMED_BODIES)))
def test_a_malformed_body_is_refused_and_does_not_reach_the_stream(
    stream: NewRecords, door: Door, poll_id: str, body: Any, content_type: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = door.client.post(
        f"/polls/{poll_id}/votes", content=content, headers={"Content-Type": content_type}
    )
    too_large = len(content) > 1024 and door.kind != "rest"  # docs/api.md: the REST API takes 10 MB
    assert answer.status_code == (415 if content_type == "text/plain" else 413 if too_large else 400)
    assert set(answer.json()) == {"error", "message"}
    assert stream.about(poll_id) == {}


@pytest.mark.parametrize(
    "poll_id",
    [
        pytest.param("UPPER", id="upper-case"),
        pytest.param("p" * 65, id="too-long"),
        pytest.param('x","option":"b', id="injection"),
        pytest.param("a%0Ab", id="newline"),
        pytest.param("%24util", id="template"),
        pytest.param("caf%C3%A9", id="accent"),
    ],
)
def test_a_malformed_poll_id_is_refused_and_does_not_reach_the_stream(
    stream: NewRecords, door: Door, poll_id: str
) -> None:
    voter = new_id("voter")
    answer = door.client.post(f"/polls/{poll_id}/votes", json={"option": "a", "voter": voter})
    assert answer.status_code == 400
    assert stream.about(voter) == {}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json; charset=UTF-8",
        "application/json;charset=utf-8",
        "application/json;charset=UTF-8",
    ],
)
def test_every_way_to_declare_json_is_accepted_and_the_body_is_checked(
    content_type: str, stream: NewRecords, door: Door, poll_id: str
) -> None:
    def post(body: bytes) -> httpx.Response:
        headers = {"Content-Type": content_type}
        return door.client.post(f"/polls/{poll_id}/votes", content=body, headers=headers)

    answer = post(b'{"option": "a", "voter": "somebody"}')
    assert answer.status_code == 202
    receipt = answer.json()["receipt"]
    stream.at(receipt)
    for body in (b"no json", b'{"option": "a", "voter": "somebody", "marker": "tally-0"}'):
        assert post(body).status_code == 400
    assert stream.about(poll_id).keys() == {(receipt["shard"], receipt["sequence"])}


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-amz-json-1.1", "application/json; charset=utf-16"]
)
def test_a_missing_or_other_content_type_is_refused_with_415(
    content_type: str | None, stream: NewRecords, door: Door, poll_id: str
) -> None:
    answer = door.client.post(
        f"/polls/{poll_id}/votes",
        content=b'{"option": "a", "voter": "somebody"}',
        headers={} if content_type is None else {"Content-Type": content_type},
    )
    assert answer.status_code == 415
    assert answer.json()["error"] == "unsupported_media_type"
    assert stream.about(poll_id) == {}


@pytest.mark.parametrize(
    ("coding", "encode", "status"),
    [
        pytest.param("gzip", gzip.compress, 202, id="gzip"),
        pytest.param("deflate", zlib.compress, 202, id="deflate"),
        pytest.param("identity", bytes, 202, id="identity"),
        pytest.param("gzip", bytes, 415, id="not-gzip"),
        pytest.param("deflate", bytes, 415, id="not-deflate"),
        pytest.param("gzip", lambda body: gzip.compress(body)[:-9], 415, id="cut-off"),
        pytest.param("gzip", lambda body: gzip.compress(body)[:-8] + b"\0" * 8, 415, id="wrong-checksum"),
        pytest.param("br", bytes, 415, id="unsupported-coding"),
    ],
)
def test_a_body_is_decoded_as_it_claims_or_refused(
    coding: str, encode: Callable[[bytes], bytes], status: int, door: Door, poll_id: str
) -> None:
    answer = door.client.post(
        f"/polls/{poll_id}/votes",
        content=encode(b'{"option": "a", "voter": "somebody"}'),
        headers={"Content-Type": "application/json", "Content-Encoding": coding},
    )
    decoded = door.kind == "rest" or coding == "identity"  # docs/api.md: the other doors decode nothing
    assert answer.status_code == (status if decoded else 415)


def test_a_broken_encoding_is_415_on_every_path(front_door: httpx.Client) -> None:
    for path in ("/polls/some-poll/results", "/polls", "/nothing"):
        answer = front_door.request("POST", path, content=b"x", headers={"Content-Encoding": "gzip"})
        assert answer.status_code == 415


@pytest.mark.parametrize("size", [1_025, 1_000_000])
def test_a_body_that_is_too_long_is_refused(size: int, stream: NewRecords, door: Door, poll_id: str) -> None:
    vote = json.dumps(VOTE)
    answer = door.client.post(
        f"/polls/{poll_id}/votes",
        content=json.dumps(VOTE | {"option": "a" * (size - len(vote) + 1)}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == (400 if door.kind == "rest" else 413)
    assert stream.about(poll_id) == {}


def test_a_body_above_the_limit_of_aws_is_refused_with_413(
    stream: NewRecords, door: Door, poll_id: str
) -> None:
    answer = door.client.post(f"/polls/{poll_id}/votes", json=VOTE | {"option": "a" * 11_000_000})
    assert answer.status_code == 413
    assert ("error" in answer.json()) == (
        door.kind == "rest"
    )  # the other doors' 413 of this size is AWS's own
    assert stream.about(poll_id) == {}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/no/such/path"), ("DELETE", "/polls/p/votes"), ("GET", "/polls")]
)
def test_an_unknown_path_is_answered_with_404_and_says_where_votes_go(
    method: str, path: str, door: Door
) -> None:
    answer = door.client.request(method, path)
    assert answer.status_code == 404
    if door.kind == "http":
        assert answer.json() == {"message": "Not Found"}  # an HTTP API's own
        return
    assert answer.json()["error"] == "not_found"
    assert "POST /polls/{poll_id}/votes" in answer.json()["message"]


def test_duplicate_keys_cannot_bypass_the_check(stream: NewRecords, door: Door, poll_id: str) -> None:
    body = b'{"option": "a\\"b", "voter": "x", "option": "a", "voter": "twice"}'
    answer = door.client.post(
        f"/polls/{poll_id}/votes", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {202, 400}  # a parser may use the last of the two, or refuse both
    if answer.status_code == 202:
        voter, data = stream.at(answer.json()["receipt"])
        assert voter == "twice"
        assert json.loads(data) == {"poll_id": poll_id, "option": "a"}


def test_all_votes_of_one_voter_go_to_one_shard(door: Door, poll_id: str) -> None:
    answers = [door.client.post(f"/polls/{poll_id}/votes", json=VOTE) for _ in range(3)]
    assert len({answer.json()["receipt"]["shard"] for answer in answers}) == 1


def test_the_votes_of_many_voters_use_every_open_shard(stream: NewRecords, door: Door, poll_id: str) -> None:
    votes = [{"option": "a", "voter": f"v{number}"} for number in range(60)]
    answers = [door.client.post(f"/polls/{poll_id}/votes", json=vote) for vote in votes]
    assert {answer.json()["receipt"]["shard"] for answer in answers} == stream.shards
