"""Hostile requests to every front door, and then every record in the stream. `make fuzz` sends 10,000 of them.

Checks: no answer is a 5xx, openapi.yaml describes each answer, and the stream holds exactly the acknowledged votes,
valid and under their senders' names.
"""

import base64
import itertools
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import boto3
import httpx
import hypothesis
import pytest
import requests
import schemathesis
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from contract.openapi_document import answer_problems, of_mode
from e2e.doors import Doors, Voter, is_of_aws, service_of
from e2e.hostile import Attempt, Ballot, Credentials, Door, attempts, meant
from e2e.observing import NewRecords
from votectl.deployment import Deployment
from votectl.signing import Signing
from voting.records import Record, read_vote
from voting.settings import VoterAuth

# One kind of door, or all three. The two that share a function then get half as many requests each as the REST API.
KIND = os.environ.get("VOTESTREAM_FUZZ_DOOR")
REQUESTS = int(os.environ.get("VOTESTREAM_FUZZ_REQUESTS", "2000"))
SHARES = {KIND: 1.0} if KIND else {"rest": 1.0, "http": 0.5, "url": 0.5}
SEED = int(os.environ.get("VOTESTREAM_FUZZ_SEED", "1"))
# Of all requests; the others are generated from openapi.yaml, evenly for its operations at the doors.
HOSTILE = REQUESTS * 4 // 5
OPERATIONS = {"rest": 7, "http": 3, "url": 3}
EXAMPLES_PER_OPERATION = max(1, (REQUESTS - HOSTILE) // sum(OPERATIONS[kind] for kind in SHARES))
CONCURRENCY = 8

# It compares everything that reaches the stream.
pytestmark = pytest.mark.alone

RESOURCES = {
    Door.OPEN: "/polls/{poll_id}/votes",
    Door.SIGNED_IN: "/polls/{poll_id}/votes",
    Door.VOUCHED: "/polls/{poll_id}/votes",
    Door.BATCH: "/polls/{poll_id}/votes/batch",
}


class AnswerLog:
    """The acknowledged votes, and the earlier end of the stream."""

    def __init__(self, deployment: Deployment) -> None:
        """Remember the end of the stream."""
        self._stream = NewRecords(deployment)
        self._lock = threading.Lock()
        self.acknowledged: dict[tuple[str, str], Ballot] = {}
        self.statuses: Counter[tuple[str, int]] = Counter()

    def note(self, door: str, status: int, body: str, ballots: Sequence[Ballot]) -> None:
        """Enter the answer to a request for these votes."""
        with self._lock:
            self.statuses[door, status] += 1
        if status != 202:
            return
        answer = json.loads(body)
        receipts = (
            [entry["receipt"] for entry in answer["votes"]] if "votes" in answer else [answer["receipt"]]
        )
        assert len(receipts) == len(ballots), f"{len(receipts)} receipts for {ballots}"
        with self._lock:
            for receipt, ballot in zip(receipts, ballots, strict=True):
                self.acknowledged[receipt["shard"], receipt["sequence"]] = ballot

    def check_the_stream(self) -> None:
        """Check that the stream has every acknowledged vote, unchanged, and nothing else."""
        found = {}
        for place, (key, data) in self._stream.read().items():
            vote = read_vote(Record(place[1], key, base64.b64encode(data).decode(), 0))
            found[place] = Ballot(vote.poll_id, vote.voter, vote.option)
        assert found == self.acknowledged

    def report(self) -> str:
        """Return the number of answers by status."""
        lines = [
            f"{count:6,} x {status} to {door}" for (door, status), count in sorted(self.statuses.items())
        ]
        return "\n".join(
            [*lines, f"{len(self.acknowledged):6,} records in the stream, each one acknowledged"]
        )


@pytest.fixture(scope="module")
def voters(doors: Doors) -> Sequence[Voter]:
    return [doors.pool.voter() for _ in range(4)]


def bases_of(kind: str, deployment: Deployment, doors: Doors) -> dict[Door, str]:
    """Return the addresses of the four kinds of request, at one kind of door."""
    return {
        Door.OPEN: deployment.front_door if kind == "rest" else doors.url(kind, "none"),
        Door.SIGNED_IN: doors.url(kind, "cognito"),
        Door.VOUCHED: doors.url(kind, "iam"),
        Door.BATCH: doors.batches(kind),
    }


def chosen(kind: str, voters: Sequence[Voter]) -> Iterator[Attempt]:
    """Return the hostile requests for one kind of door. The two that share a function share the corpus, too."""
    own = attempts(SEED, voters)
    if len(SHARES) > 1 and kind != "rest":
        own = itertools.islice(own, 0 if kind == "http" else 1, None, 2)
    return itertools.islice(own, int(HOSTILE * SHARES[kind]))


@pytest.mark.parametrize("kind", SHARES)
def test_nothing_hostile_gets_into_the_stream(
    kind: str,
    deployment: Deployment,
    doors: Doors,
    voters: Sequence[Voter],
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer_log = AnswerLog(deployment)
    bases = bases_of(kind, deployment, doors)
    guessed = boto3.Session(aws_access_key_id="test", aws_secret_access_key="guessed")
    services = {door: service_of(base) for door, base in bases.items()}
    signatures = {
        (credentials, service): Signing(session, service)
        for credentials, session in {Credentials.OWN: None, Credentials.FORGED: guessed}.items()
        for service in set(services.values())
    }

    # One connection per request: the server closes some after a refusal, and the next request would get no answer.
    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=0)
    with httpx.Client(timeout=60, limits=limits) as client:

        def send(attempt: Attempt) -> list[str]:
            resource = RESOURCES[attempt.door]
            poll_id = quote(attempt.poll_id, safe="", errors="surrogatepass")
            # Clients have keys where back ends vouch: without a key, nothing else is checked.
            with_key = kind == "rest" and attempt.door is Door.VOUCHED
            headers = ({"X-Api-Key": doors.api_key} if with_key else {}) | attempt.headers
            if attempt.content_type is not None:
                headers["Content-Type"] = attempt.content_type
            if attempt.voter and attempt.credentials is not Credentials.NONE:
                forged = attempt.credentials is Credentials.FORGED
                headers |= (attempt.voter.claiming(sub="victim") if forged else attempt.voter).headers
            url = bases[attempt.door] + resource.replace("{poll_id}", poll_id)
            request = client.build_request(
                "POST", url, content=attempt.body, headers=headers, params=attempt.query
            )
            signing = attempt.door in {Door.VOUCHED, Door.BATCH}
            signature = signatures.get((attempt.credentials, services[attempt.door]))
            answer = client.send(request, auth=signature if signing else None)
            answer_log.note(attempt.door, answer.status_code, answer.text, attempt.ballots)
            if answer.status_code == 400 and str(attempt.content_type).startswith("multipart/"):
                return []  # the local web server reads such a body itself, and closes the connection
            if answer.status_code == 415 and "Content-Encoding" in attempt.headers:
                return []  # API Gateway refuses it before it knows the API, with its own message
            problems = []
            if kind == "rest" or not is_of_aws(answer):
                problems = answer_problems(
                    "POST", resource, answer.status_code, dict(answer.headers), answer.text
                )
            if answer.status_code >= 500 or (answer.is_success and not attempt.ballots):
                problems.append(f"{answer.status_code}")
            return [f"{problem}: {attempt}"[:500] for problem in problems]

        with ThreadPoolExecutor(CONCURRENCY) as pool:
            problems = [problem for found in pool.map(send, chosen(kind, voters)) for problem in found]
    assert problems == []
    answer_log.check_the_stream()
    # Each door must have accepted some requests and refused others.
    for door in Door:
        assert answer_log.statuses[door, 202] > 0
        assert answer_log.statuses[door, 400] > 0
    assert answer_log.statuses[Door.SIGNED_IN, 401] > 0
    for door in (Door.VOUCHED, Door.BATCH):
        assert answer_log.statuses[door, 403] > 0
        assert kind != "rest" or answer_log.statuses[door, 404] > 0
    with capsys.disabled():
        sys.stdout.write(f"\nDoors of the kind {kind}:\n{answer_log.report()}\n")


# Generated from the description, for a deployment of each kind


open_schema = schemathesis.openapi.from_dict(of_mode(VoterAuth.NONE, batch_enabled=False))
signed_in_schema = schemathesis.openapi.from_dict(of_mode(VoterAuth.COGNITO, batch_enabled=True))
batch_schema = schemathesis.openapi.from_dict(of_mode(VoterAuth.IAM, batch_enabled=True))
example_settings = hypothesis.settings(
    max_examples=EXAMPLES_PER_OPERATION,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    derandomize=True,
)
other_kinds = pytest.mark.parametrize("kind", [kind for kind in SHARES if kind != "rest"])
for_rest_only = pytest.mark.skipif("rest" not in SHARES, reason=f"DOOR={KIND} asks for another kind of door")


@pytest.fixture(scope="module")
def answer_log(deployment: Deployment) -> Iterator[AnswerLog]:
    """The answers to the generated requests, which are compared with the stream after the last one."""
    answer_log = AnswerLog(deployment)
    yield answer_log
    answer_log.check_the_stream()


def body_of(request: requests.PreparedRequest) -> bytes:
    """Return the bytes that are sent."""
    body = request.body or b""
    content = body.encode() if isinstance(body, str) else body
    assert isinstance(content, bytes)
    return content


class SigningWithRequests(requests.auth.AuthBase):
    """The same signature for the other HTTP library."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        url = request.url or ""
        headers = {"Content-Type": str(request.headers.get("Content-Type", ""))}
        same = httpx.Request(request.method or "", url, headers=headers, content=body_of(request))
        for name, value in next(Signing(service=service_of(url)).auth_flow(same)).headers.items():
            if name.lower() in {"authorization", "x-amz-date"}:
                request.headers[name] = value
        return request


def send_generated(
    case: Any, url: str, answer_log: AnswerLog, voter: Voter | None, kind: str = "rest"
) -> None:
    batch = case.operation.path.endswith("/batch")
    more: dict[str, Any] = {"auth": SigningWithRequests()} if batch else {}
    if voter and not batch:
        more["headers"] = voter.headers
    response = case.call(base_url=url, **more)
    # API Gateway has no 405: it answers an unknown method like an unknown path. A schema can't express that a batch
    # has one vote per voter. And Schemathesis does not know 413 as a refusal.
    excluded = [
        unsupported_method,
        *([positive_data_acceptance] if batch else []),
        *([negative_data_rejection] if response.status_code == 413 else []),
    ]
    if kind == "rest" or not is_of_aws(response):
        case.validate_response(response, excluded_checks=excluded)
    assert response.status_code < 500
    if case.method == "POST" and "votes" in case.operation.path:
        door = Door.BATCH if batch else Door.SIGNED_IN if voter else Door.OPEN
        ballots = meant(door, str(case.path_parameters.get("poll_id")), body_of(response.request), voter)
        answer_log.note(door, response.status_code, response.text, ballots)


@for_rest_only
@open_schema.include(method="POST").parametrize()
@example_settings
def test_an_open_door_answers_generated_requests_as_described(
    case: "schemathesis.Case[Any]", deployment: Deployment, answer_log: AnswerLog
) -> None:
    send_generated(case, deployment.front_door, answer_log, None)


@for_rest_only
@signed_in_schema.parametrize()
@example_settings
def test_a_door_with_voters_answers_generated_requests_as_described(
    case: "schemathesis.Case[Any]", doors: Doors, answer_log: AnswerLog, voters: Sequence[Voter]
) -> None:
    send_generated(case, doors.cognito, answer_log, voters[0])


@other_kinds
@open_schema.include(method="POST").parametrize()
@example_settings
def test_another_open_door_answers_generated_requests_as_described(
    case: "schemathesis.Case[Any]", kind: str, doors: Doors, answer_log: AnswerLog
) -> None:
    send_generated(case, doors.url(kind, "none"), answer_log, None, kind)


@other_kinds
@signed_in_schema.include(method="POST", path="/polls/{poll_id}/votes").parametrize()
@example_settings
def test_another_door_with_voters_answers_generated_requests_as_described(
    case: "schemathesis.Case[Any]", kind: str, doors: Doors, answer_log: AnswerLog, voters: Sequence[Voter]
) -> None:
    send_generated(case, doors.url(kind, "cognito"), answer_log, voters[0], kind)


@pytest.mark.cognito
@other_kinds
@batch_schema.include(method="POST", path="/polls/{poll_id}/votes/batch").parametrize()
@example_settings
def test_another_door_with_back_ends_answers_generated_requests_as_described(
    case: "schemathesis.Case[Any]", kind: str, doors: Doors, answer_log: AnswerLog
) -> None:
    send_generated(case, doors.batches(kind), answer_log, None, kind)
