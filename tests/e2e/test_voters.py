"""Who may vote, and as whom: where voters sign in, where back ends vouch for them, and from pages in a browser.

At the REST API the local cloud checks tokens (signature, expiry, pool) and signatures; it does not look at policies,
nor tell ID tokens from access tokens. AWS's further checks are tested on the plan
(infra/modules/api/tests/authorizer.tftest.hcl). At the other doors the local cloud checks all of it.
"""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from contract.openapi_document import answer_problems
from e2e.conftest import Door
from e2e.doors import KINDS, ORIGINS, Doors, Voter, is_of_aws, service_of
from e2e.observing import NewRecords, new_id, wait_for
from votectl import smoke
from votectl.credentials import for_voters_of
from votectl.deployment import Deployment
from votectl.signing import Signing
from votectl.traffic import Kind, Traffic, send
from voting.polls import Poll

VOTES, BATCH, RECEIPT = "/polls/{poll_id}/votes", "/polls/{poll_id}/votes/batch", "/polls/{poll_id}/votes/me"


@pytest.fixture(params=KINDS)
def signed_in(request: pytest.FixtureRequest, doors: Doors) -> Iterator[Door]:
    """Each kind of door where voters sign in."""
    with httpx.Client(base_url=doors.url(request.param, "cognito"), timeout=30) as client:
        yield Door(request.param, client)


@pytest.fixture(params=KINDS)
def vouching(request: pytest.FixtureRequest, doors: Doors) -> Iterator[Door]:
    """Each kind of door where back ends vouch, with a client that signs; only the REST API asks for a key besides."""
    key = {"X-Api-Key": doors.api_key} if request.param == "rest" else {}
    with doors.signed(doors.url(request.param, "iam"), headers=key) as client:
        yield Door(request.param, client)


@pytest.fixture
def cognito(doors: Doors) -> Iterator[httpx.Client]:
    """The REST API where voters sign in."""
    with httpx.Client(base_url=doors.cognito, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def voter(doors: Doors) -> Voter:
    return doors.pool.voter()


@pytest.fixture(scope="session")
def another_voter(doors: Doors) -> Voter:
    return doors.pool.voter()


def described(method: str, resource: str, answer: httpx.Response, kind: str = "rest") -> httpx.Response:
    """Return an answer that openapi.yaml describes, or docs/api.md for the doors before which AWS answers itself."""
    if kind != "rest" and is_of_aws(answer):
        return answer
    headers = dict(answer.headers)
    assert answer_problems(method, resource, answer.status_code, headers, answer.text) == []
    return answer


@pytest.fixture
def stream(deployment: Deployment) -> NewRecords:
    return NewRecords(deployment)


@pytest.fixture
def poll_id() -> str:
    """A poll that does not exist: the front door does not look it up."""
    return new_id("voters")


# Voters who sign in


def test_signed_in_voters_vote_as_themselves(
    stream: NewRecords, poll_id: str, signed_in: Door, voter: Voter
) -> None:
    answer = signed_in.client.post(f"/polls/{poll_id}/votes", json={"option": "a"}, headers=voter.headers)
    assert described("POST", VOTES, answer, signed_in.kind).status_code == 202
    assert stream.at(answer.json()["receipt"])[0] == voter.sub


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"option": "a", "voter": "victim"}, id="another"),
        pytest.param({"option": "a", "voter": ""}, id="nobody"),
        pytest.param({"option": "a", "voter": None}, id="null"),
        pytest.param({"option": "a", "PartitionKey": "victim"}, id="partition-key"),
        pytest.param({"option": "a", "context": {"authorizer": {"claims": {"sub": "victim"}}}}, id="context"),
        pytest.param({"option": "a", "sub": "victim"}, id="claim"),
    ],
)
def test_a_signed_in_voter_cannot_name_a_voter(
    body: Any, stream: NewRecords, poll_id: str, signed_in: Door, voter: Voter
) -> None:
    answer = signed_in.client.post(f"/polls/{poll_id}/votes", json=body, headers=voter.headers)
    assert described("POST", VOTES, answer, signed_in.kind).status_code == 400
    assert "leave voter out" in answer.json()["message"]
    assert stream.about(poll_id) == {}


def unsigned(voter: Voter) -> str:
    """Return an unsigned token (alg none)."""
    _, payload, _ = voter.id_token.split(".")
    header = base64.urlsafe_b64encode(b'{"alg": "none", "typ": "JWT"}').decode().rstrip("=")
    return f"{header}.{payload}."


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(lambda _: {}, id="nothing"),
        pytest.param(lambda _: {"Authorization": ""}, id="empty"),
        pytest.param(lambda _: {"Authorization": "Bearer nonsense"}, id="nonsense"),
        pytest.param(lambda voter: {"Authorization": voter.id_token[:-8]}, id="cut"),
        pytest.param(lambda voter: voter.claiming(sub="victim").headers, id="forged"),
        pytest.param(lambda voter: {"Authorization": unsigned(voter.claiming(sub="victim"))}, id="unsigned"),
        pytest.param(lambda voter: {"X-Authorization": voter.id_token}, id="other-header"),
    ],
)
def test_votes_without_a_token_of_the_pool_are_refused(
    credentials: Callable[[Voter], dict[str, str]],
    stream: NewRecords,
    poll_id: str,
    signed_in: Door,
    another_voter: Voter,
) -> None:
    headers = credentials(another_voter)
    answer = signed_in.client.post(f"/polls/{poll_id}/votes", json={"option": "a"}, headers=headers)
    assert described("POST", VOTES, answer, signed_in.kind).status_code == 401
    assert stream.about(poll_id) == {}


@pytest.mark.parametrize("kind", ["http", "url"])
def test_a_token_of_another_kind_or_client_is_refused_at_the_other_doors(
    kind: str, stream: NewRecords, poll_id: str, doors: Doors, voter: Voter
) -> None:
    with httpx.Client(base_url=doors.url(kind, "cognito"), timeout=30) as client:
        for token in (voter.access_token, doors.pool.another_client().voter().id_token):
            answer = client.post(
                f"/polls/{poll_id}/votes",
                json={"option": "a"},
                headers={"Authorization": f"Bearer {token}"},
            )
            assert described("POST", VOTES, answer, kind).status_code == 401
    assert stream.about(poll_id) == {}


INVENTED_IDENTITIES = (
    None,
    {"jwt": {"claims": {"sub": "victim", "token_use": "id"}, "scopes": None}},
    {"iam": {"userArn": "arn:aws:iam::123456789012:root"}, "jwt": {"claims": {"sub": "victim"}}},
)


def test_an_invented_event_gains_nothing_at_a_public_function_url(
    stream: NewRecords, poll_id: str, doors: Doors, voter: Voter
) -> None:
    """Any account may invoke this function directly, with any event (docs/security.md)."""
    for authorizer in INVENTED_IDENTITIES:
        for headers in ({}, voter.claiming(sub="victim").headers):
            answer = invoked(doors.functions["url", "cognito"], poll_id, {"option": "a"}, headers, authorizer)
            assert answer["statusCode"] == 401
    assert stream.about(poll_id) == {}
    answer = invoked(
        doors.functions["url", "cognito"], poll_id, {"option": "a"}, voter.headers, INVENTED_IDENTITIES[1]
    )
    assert answer["statusCode"] == 202
    assert stream.at(json.loads(answer["body"])["receipt"])[0] == voter.sub


def invoked(
    function: str, poll_id: str, body: Any, headers: dict[str, str], authorizer: dict[str, Any] | None
) -> dict[str, Any]:
    """Return a function's answer to a forged event."""
    path = f"/polls/{poll_id}/votes"
    context: dict[str, Any] = {"http": {"method": "POST", "path": path}}
    event = {
        "version": "2.0",
        "rawPath": path,
        "headers": {name.lower(): value for name, value in headers.items()}
        | {"content-type": "application/json"},
        "requestContext": context | ({} if authorizer is None else {"authorizer": authorizer}),
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
    answer = boto3.client("lambda").invoke(
        FunctionName=function, Qualifier="live", Payload=json.dumps(event).encode()
    )
    decoded: dict[str, Any] = json.load(answer["Payload"])
    return decoded


def test_headers_and_query_change_nothing_about_who_votes(
    stream: NewRecords, poll_id: str, signed_in: Door, voter: Voter
) -> None:
    headers = voter.headers | {"X-Amz-Target": "Kinesis_20131202.PutRecords", "X-Voter": "victim"}
    query = {"voter": "victim", "Authorization": "victim", "sub": "victim", "poll_id": "another-poll"}
    answer = signed_in.client.post(
        f"/polls/{poll_id}/votes", json={"option": "a"}, headers=headers, params=query
    )
    assert answer.status_code == 202
    key, data = stream.at(answer.json()["receipt"])
    assert key == voter.sub
    assert json.loads(data) == {"poll_id": poll_id, "option": "a"}


def test_a_receipt_is_for_the_voter_who_has_signed_in(
    open_poll: Callable[..., Poll], cognito: httpx.Client, voter: Voter, another_voter: Voter
) -> None:
    poll = open_poll("a", "b")
    path = f"/polls/{poll.poll_id}/votes"
    receipt = cognito.post(path, json={"option": "a"}, headers=voter.headers).json()["receipt"]

    def state(asker: Voter) -> str:
        answer = described("GET", RECEIPT, cognito.get(f"{path}/me", params=receipt, headers=asker.headers))
        return str(answer.json()["state"])

    wait_for(lambda: state(voter) == "stored", seconds=20)
    assert state(another_voter) == "pending"
    assert cognito.get(f"{path}/me", params=receipt).status_code == 401
    named = cognito.get(f"{path}/me", params=receipt | {"voter": voter.sub}, headers=another_voter.headers)
    assert described("GET", RECEIPT, named).status_code == 400


def test_results_need_no_credentials(open_poll: Callable[..., Poll], cognito: httpx.Client) -> None:
    assert cognito.get(f"/polls/{open_poll('a', 'b').poll_id}/results").status_code == 200


# Back ends that vouch


def test_a_back_end_votes_in_its_voters_names(stream: NewRecords, poll_id: str, vouching: Door) -> None:
    answer = vouching.client.post(f"/polls/{poll_id}/votes", json={"option": "a", "voter": "auth0|a+b/c=@x"})
    assert described("POST", VOTES, answer, vouching.kind).status_code == 202
    assert stream.at(answer.json()["receipt"])[0] == "auth0|a+b/c=@x"


@pytest.mark.cognito
@pytest.mark.local_cloud
@pytest.mark.parametrize(
    ("key", "secret", "status"),
    [
        pytest.param(None, None, 404, id="unsigned"),
        pytest.param("test", "guessed", 403, id="wrong-secret"),
        pytest.param("AKIAIOSFODNN7EXAMPLE", "test", 403, id="unknown-key"),
    ],
)
def test_vouched_votes_without_a_valid_signature_are_refused(
    key: str | None, secret: str | None, status: int, stream: NewRecords, poll_id: str, doors: Doors
) -> None:
    auth = Signing(boto3.Session(key, secret)) if key else None
    with httpx.Client(auth=auth, headers={"X-Api-Key": doors.api_key}, timeout=30) as client:
        vote = client.post(f"{doors.iam}/polls/{poll_id}/votes", json={"option": "a", "voter": "victim"})
        batch = client.post(
            f"{doors.cognito}/polls/{poll_id}/votes/batch",
            json={"votes": [{"option": "a", "voter": "victim"}]},
        )
        receipt = client.get(f"{doors.iam}/polls/{poll_id}/votes/me", params={"voter": "victim"})
    assert described("POST", VOTES, vote).status_code == status
    assert described("POST", BATCH, batch).status_code == status
    assert described("GET", RECEIPT, receipt).status_code == status
    if status == 404:
        assert "not signed" in vote.json()["message"]
    assert stream.about(poll_id) == {}


@pytest.mark.cognito
@pytest.mark.local_cloud
@pytest.mark.parametrize("kind", ["http", "url"])
@pytest.mark.parametrize(
    ("key", "secret", "service"),
    [
        pytest.param(None, None, None, id="unsigned"),
        pytest.param("test", "guessed", None, id="wrong-secret"),
        pytest.param("AKIAIOSFODNN7EXAMPLE", "test", None, id="unknown-key"),
        pytest.param("test", "test", "kinesis", id="another-service"),
    ],
)
def test_vouched_votes_without_a_valid_signature_are_refused_at_the_other_doors(
    kind: str,
    key: str | None,
    secret: str | None,
    service: str | None,
    stream: NewRecords,
    poll_id: str,
    doors: Doors,
) -> None:
    vote, batch = doors.url(kind, "iam"), doors.batches(kind)
    auth = Signing(boto3.Session(key, secret), service or service_of(vote)) if key else None
    body = {"option": "a", "voter": "victim"}
    with httpx.Client(auth=auth, timeout=30) as client:
        for answer in (
            client.post(f"{vote}/polls/{poll_id}/votes", json=body),
            client.post(f"{batch}/polls/{poll_id}/votes/batch", json={"votes": [body]}),
        ):
            assert answer.status_code == 403
            assert is_of_aws(answer)
    assert stream.about(poll_id) == {}


@pytest.mark.local_cloud
@pytest.mark.parametrize("kind", ["http", "url"])
def test_a_back_ends_role_may_vote_through_its_door_and_do_nothing_else(
    kind: str, stream: NewRecords, poll_id: str, doors: Doors
) -> None:
    door, policy = doors.url(kind, "iam"), doors.policies[kind, "iam"]
    with role_with(policy) as session:
        body = {"option": "a", "voter": "of-a-back-end"}
        with httpx.Client(auth=Signing(session, service_of(door)), timeout=30) as client:
            answer = client.post(f"{door}/polls/{poll_id}/votes", json=body)
            assert described("POST", VOTES, answer, kind).status_code == 202
            assert stream.at(answer.json()["receipt"])[0] == "of-a-back-end"
        # Another door's back end has no permission here.
        other = doors.url("http" if kind == "url" else "url", "iam")
        with httpx.Client(auth=Signing(session, service_of(other)), timeout=30) as client:
            assert client.post(f"{other}/polls/{poll_id}/votes", json=body).status_code == 403
        with pytest.raises(ClientError, match="AccessDenied"):
            session.client("lambda").invoke(FunctionName=doors.functions[kind, "iam"], Qualifier="live")


@contextmanager
def role_with(policy_arn: str) -> Iterator[boto3.Session]:
    """Yield a session of a role that has one policy."""
    iam, name = boto3.client("iam"), new_id("back-end")
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]
    iam.attach_role_policy(RoleName=name, PolicyArn=policy_arn)
    try:
        keys = boto3.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName=name)["Credentials"]
        yield boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    finally:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy_arn)
        iam.delete_role(RoleName=name)


@pytest.mark.local_cloud
def test_a_signature_is_for_one_poll_and_one_body(stream: NewRecords, poll_id: str, vouching: Door) -> None:
    another_poll = new_id("another-poll")
    path = f"/polls/{poll_id}/votes"
    request = vouching.client.build_request("POST", path, json={"option": "a", "voter": "x"})
    signed = next(Signing(service=service_of(str(request.url))).auth_flow(request))
    for url, content in (
        (path, request.content.replace(b'"x"', b'"y"')),
        (path.replace(poll_id, another_poll), request.content),
        (f"{path}?voter=y", request.content),
    ):
        other = vouching.client.build_request("POST", url, content=content, headers=signed.headers)
        assert vouching.client.send(other, auth=None).status_code == 403
    assert stream.about(poll_id) == stream.about(another_poll) == {}


@pytest.mark.parametrize("key", [None, "guessed"])
def test_with_client_keys_votes_without_one_are_refused(
    key: str | None, stream: NewRecords, poll_id: str, doors: Doors
) -> None:
    with doors.signed(doors.iam, headers={"X-Api-Key": key} if key else {}) as client:
        answer = client.post(f"/polls/{poll_id}/votes", json={"option": "a", "voter": "x"})
    assert described("POST", VOTES, answer).status_code == 403
    assert stream.about(poll_id) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_the_tools_vote_with_a_signature_and_a_key(kind: str, doors: Doors, poll_id: str) -> None:
    deployment = doors.vouched if kind == "rest" else doors.others[kind, "iam"]
    traffic, talks = Traffic(), smoke.requests(poll_id)
    auth = for_voters_of(deployment).find()
    asyncio.run(send(deployment.votes_door, talks, traffic, concurrency=4, auth=auth))
    assert traffic.acknowledged.total() == traffic.sent.total() - traffic.sent[Kind.MALFORMED]
    assert traffic.refused == {(Kind.MALFORMED, 400): traffic.sent[Kind.MALFORMED]}


# Pages in a browser


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize(("path", "method"), [("votes", "POST"), ("votes/me", "GET")])
def test_a_page_of_a_known_origin_may_read(
    origin: str, path: str, method: str, cognito: httpx.Client, poll_id: str
) -> None:
    question = {"Origin": origin, "Access-Control-Request-Method": method}
    answer = cognito.options(f"/polls/{poll_id}/{path}", headers=question)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-methods"] == method
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://vote.example.org",
        "https://vote.example.org.evil.example",
        "https://vote.example.org:8443",
        "null",
        "*",
    ],
)
def test_a_page_of_another_origin_may_not_read(
    origin: str, signed_in: Door, voter: Voter, poll_id: str
) -> None:
    for answer in (
        signed_in.client.options(f"/polls/{poll_id}/votes", headers={"Origin": origin}),
        signed_in.client.post(
            f"/polls/{poll_id}/votes", json={"option": "a"}, headers=voter.headers | {"Origin": origin}
        ),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.cognito
@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("kind", ["http", "url"])
def test_a_page_of_a_known_origin_may_vote_through_the_other_doors(
    origin: str, kind: str, doors: Doors, poll_id: str
) -> None:
    question = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{doors.url(kind, 'cognito')}/polls/{poll_id}/votes", headers=question)
    assert answer.status_code == (204 if kind == "http" else 200)
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    ("body", "status"), [({"option": "a"}, 202), ({"option": "a b"}, 400)], ids=["vote", "malformed"]
)
def test_a_page_can_read_every_answer(
    body: Any, status: int, signed_in: Door, voter: Voter, poll_id: str
) -> None:
    headers = voter.headers | {"Origin": ORIGINS[0]}
    answer = signed_in.client.post(f"/polls/{poll_id}/votes", json=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] in {ORIGINS[0], "*"}
    assert answer.headers["access-control-expose-headers"].lower() == "retry-after"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("http://127.0.0.1:8000", True),
        ("http://localhost", False),
        ("http://localhost.evil.example:80", False),
        ("http://localhost:1@evil.example", False),
        (ORIGINS[0], False),
    ],
)
def test_a_page_on_any_port_of_this_machine_may_try_the_local_environment(
    origin: str, allowed: bool, front_door: httpx.Client, poll_id: str
) -> None:
    headers = {"Origin": origin}
    asked = front_door.options(f"/polls/{poll_id}/votes", headers=headers)
    voted = front_door.post(
        f"/polls/{poll_id}/votes", json={"option": "a", "voter": "somebody"}, headers=headers
    )
    for answer in (asked, voted):
        assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
