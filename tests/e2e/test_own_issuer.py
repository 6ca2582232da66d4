"""Voters with a token of another kind than a user pool's: of the operators' own issuer, or a code on a card."""

import base64
import csv
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from e2e import issuer
from e2e.conftest import Door
from e2e.doors import Doors, is_of_aws
from e2e.issuer import IssuerServer
from e2e.observing import NewRecords, new_id, wait_for
from unit.ingress.conftest import encoded
from votectl.codes import issuing
from votectl.codes.files import csv_of
from votectl.codes.register import CodeRegister
from votectl.deployment import Deployment
from votectl.lifecycle import Schedules, close
from votectl.polls import PollStore
from votectl.tallying import Tallies
from voting.codes import AUDIENCE, BATCHES, VOIDED_AT
from voting.polls import Poll

KINDS = ("http", "url")
BATCH, ANOTHER_BATCH = "batchaaa", "batchbbb"
FINAL_WITHIN_SECONDS = 120


def vote(door: Door, poll_id: str, token: str, body: Any = None) -> httpx.Response:
    """Vote with a token."""
    return door.client.post(
        f"/polls/{poll_id}/votes",
        json=body or {"option": "a"},
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )


# The operators' own issuer


@pytest.fixture(scope="module")
def own_issuer() -> Iterator[IssuerServer]:
    with issuer.running() as server:
        yield server


@pytest.fixture(params=KINDS)
def member_door(request: pytest.FixtureRequest, doors: Doors) -> Iterator[Door]:
    """Each kind of door where voters sign in at the operators' own issuer."""
    with httpx.Client(base_url=doors.url(request.param, "oidc"), timeout=30) as client:
        yield Door(request.param, client)


@pytest.mark.local_cloud
def test_member_votes_under_the_voter_claim(
    deployment: Deployment, own_issuer: IssuerServer, member_door: Door
) -> None:
    stream = NewRecords(deployment)
    poll_id = new_id("own")
    for audience in ("pages", ["other", "app"]):
        answer = vote(member_door, poll_id, own_issuer.token(aud=audience))
        assert answer.status_code == 202, answer.text
        assert stream.at(answer.json()["receipt"])[0] == "member-1"


@pytest.mark.local_cloud
def test_tokens_that_are_not_for_these_voters_are_refused(
    deployment: Deployment, own_issuer: IssuerServer, member_door: Door
) -> None:
    stream = NewRecords(deployment)
    poll_id = new_id("own")
    head, _, signature = own_issuer.token().split(".")
    forged = encoded(
        json.dumps({"iss": issuer.ADDRESS.url, "aud": "pages", "member": "victim", "exp": 4e9}).encode()
    )
    unsigned = encoded(b'{"alg":"none","kid":"first"}')
    tokens = [
        "",
        f"{head}.{forged}.{signature}",
        f"{unsigned}.{forged}.",
        own_issuer.token(aud="other"),
        own_issuer.token(aud=["other"]),
        own_issuer.token(iss="https://localhost:1"),
        own_issuer.token(exp=1),
        own_issuer.token(nbf=4e9),
        own_issuer.token(member=None),
        own_issuer.token("second"),
    ]
    answers = [vote(member_door, poll_id, token) for token in tokens]
    assert [answer.status_code for answer in answers] == [401] * len(tokens)
    assert all(is_of_aws(answer) or answer.json()["error"] == "unauthorized" for answer in answers)
    assert vote(member_door, poll_id, own_issuer.token(member="Ann Lee")).status_code == 403
    named = vote(member_door, poll_id, own_issuer.token(), {"option": "a", "voter": "victim"})
    assert named.status_code == 400
    assert stream.about(poll_id) == {}


# Codes


class CodePrinter:
    """Makes codes like operators: the batch first, then tokens that KMS signs."""

    def __init__(self, deployment: Deployment) -> None:
        """Take the deployment with the key."""
        self._deployment = deployment
        self._kms = boto3.client("kms")
        self._polls = boto3.resource("dynamodb").Table(deployment.polls_table)

    def register(self, poll_id: str, **batches: dict[str, Any]) -> None:
        """List batches in the poll's row."""
        self._polls.update_item(
            Key={"poll_id": poll_id},
            UpdateExpression="SET #batches = :batches",
            ConditionExpression="attribute_exists(poll_id)",
            ExpressionAttributeNames={"#batches": BATCHES},
            ExpressionAttributeValues={":batches": batches},
        )

    def code(self, poll_id: str, voter: str = "A" * 22, batch: str = BATCH, **changes: Any) -> str:
        """Return a code."""
        key_id = (self._deployment.code_signing_key_arn or "").rpartition("/")[2]
        claims = {
            "iss": self._deployment.code_issuer,
            "aud": AUDIENCE,
            "sub": f"{batch}.{voter}",
            "poll": poll_id,
            "batch": batch,
            "iat": int(time.time()),
            "exp": int(time.time()) + 3600,
        } | changes
        parts = [{"alg": "RS256", "kid": key_id, "typ": "JWT"}, claims]
        text = ".".join(encoded(json.dumps(part).encode()) for part in parts)
        signature = self._kms.sign(
            KeyId=key_id, Message=text.encode(), SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256"
        )["Signature"]
        return f"{text}.{encoded(signature)}"


@pytest.fixture(params=KINDS)
def card_door(request: pytest.FixtureRequest, doors: Doors) -> Iterator[Door]:
    """Each kind of door where voters have codes."""
    with httpx.Client(base_url=doors.url(request.param, "codes"), timeout=30) as client:
        yield Door(request.param, client)


@pytest.fixture(scope="module")
def printer(doors: Doors) -> CodePrinter:
    return CodePrinter(doors.others["url", "codes"])


def test_shared_code_is_one_voter_in_the_certified_result(
    deployment: Deployment,
    poll_store: PollStore,
    open_poll: Callable[..., Poll],
    printer: CodePrinter,
    doors: Doors,
) -> None:
    poll = open_poll("a", "b")
    printer.register(poll.poll_id, **{BATCH: {"count": 2, "created_at": 1, "expires_at": 2}})
    shared, own = printer.code(poll.poll_id), printer.code(poll.poll_id, "B" * 22)
    clients = [httpx.Client(base_url=doors.url(kind, "codes"), timeout=30) for kind in KINDS]
    places = [Door(kind, client) for kind, client in zip(KINDS, clients, strict=True)]
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda person: vote(places[person % 2], poll.poll_id, shared), range(100)))
    assert {answer.status_code for answer in answers} == {202}
    assert vote(places[0], poll.poll_id, own, {"option": "b"}).status_code == 202
    close(poll_store, Schedules(deployment), deployment, poll_store.get(poll.poll_id), None)
    wait_for(lambda: poll_store.now_ms() > poll_store.get(poll.poll_id).closes_at, 15)
    Tallies(deployment).start(poll.poll_id)

    def result() -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(
            f"{deployment.front_door}/polls/{poll.poll_id}/results", timeout=30
        ).json()
        return found

    wait_for(lambda: result()["status"] == "final", FINAL_WITHIN_SECONDS)
    certificate = result()["final"]["certificate"]
    assert {count["option"]: count["votes"] for count in certificate["counts"]} == {"a": 1, "b": 1}
    for client in clients:
        client.close()


def test_codes_of_other_polls_and_batches_are_refused(
    deployment: Deployment, open_poll: Callable[..., Poll], printer: CodePrinter, card_door: Door
) -> None:
    stream = NewRecords(deployment)
    poll, other = open_poll("a", "b"), open_poll("a", "b")
    batch = {"count": 1, "created_at": 1, "expires_at": 2}
    for poll_id in (poll.poll_id, other.poll_id):
        printer.register(poll_id, **{BATCH: batch, ANOTHER_BATCH: {**batch, VOIDED_AT: 3}})
    code = printer.code(poll.poll_id)
    head, body, signature = code.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    guessed = encoded(json.dumps({**claims, "sub": f"{BATCH}.{'C' * 22}"}).encode())
    refused = {
        "another poll's code": (vote(card_door, other.poll_id, code), 403),
        "a void batch": (vote(card_door, poll.poll_id, printer.code(poll.poll_id, batch=ANOTHER_BATCH)), 403),
        "an unknown batch": (
            vote(card_door, poll.poll_id, printer.code(poll.poll_id, batch="unknowna")),
            403,
        ),
        "a guessed sub": (vote(card_door, poll.poll_id, f"{head}.{guessed}.{signature}"), 401),
        "an expired code": (vote(card_door, poll.poll_id, printer.code(poll.poll_id, exp=1)), 401),
        "another deployment's": (vote(card_door, poll.poll_id, printer.code(poll.poll_id, iss="x")), 401),
        "no code": (vote(card_door, poll.poll_id, ""), 401),
        "a named voter": (vote(card_door, poll.poll_id, code, {"option": "a", "voter": "victim"}), 400),
    }
    assert {name: answer.status_code for name, (answer, _) in refused.items()} == {
        name: status for name, (_, status) in refused.items()
    }
    assert stream.about(poll.poll_id, other.poll_id) == {}
    assert vote(card_door, poll.poll_id, code).status_code == 202


def test_codes_that_votectl_makes_vote_until_their_batch_is_void(
    doors: Doors, poll_store: PollStore, open_poll: Callable[..., Poll], tmp_path: Path
) -> None:
    deployment = doors.others["url", "codes"]
    poll = open_poll("a", "b")
    makes, register = issuing.issuer_of(deployment), CodeRegister(deployment.polls_table)
    batch, file = issuing.batch_for(poll, poll_store.now_ms(), count=3), tmp_path / "codes.csv"
    terms = makes.terms(poll.poll_id, BATCH, batch)
    page = "https://vote.example.org/vote"
    issuing.issue(issuing.BatchOrder(terms, batch, page, {file: csv_of}), register, makes.sign)
    with file.open(encoding="utf-8", newline="") as rows:
        codes = [row["code"] for row in csv.DictReader(rows)]
    with httpx.Client(base_url=doors.url("url", "codes"), timeout=30) as client:
        door = Door("url", client)
        assert [vote(door, poll.poll_id, code).status_code for code in codes] == [202] * 3
        register.void(poll.poll_id, BATCH, poll_store.now_ms())
        # The list of batches is kept for 30 s.
        wait_for(lambda: vote(door, poll.poll_id, codes[0]).status_code == 403, 45)
        assert vote(door, poll.poll_id, codes[1]).status_code == 403


def test_invoking_the_function_directly_gains_nothing(
    deployment: Deployment, doors: Doors, open_poll: Callable[..., Poll], printer: CodePrinter
) -> None:
    stream = NewRecords(deployment)
    poll = open_poll("a", "b")
    printer.register(poll.poll_id, **{BATCH: {"count": 1, "created_at": 1, "expires_at": 2}})
    claims = {
        "sub": f"{BATCH}.{'A' * 22}",
        "poll": poll.poll_id,
        "batch": BATCH,
        "member": "victim",
        "aud": "pages",
    }
    event = {
        "version": "2.0",
        "rawPath": f"/polls/{poll.poll_id}/votes",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "http": {"method": "POST", "path": f"/polls/{poll.poll_id}/votes"},
            "authorizer": {
                "jwt": {"claims": claims, "scopes": None},
                "iam": {"userArn": "arn:aws:iam::1:root"},
            },
        },
        "body": '{"option": "a"}',
        "isBase64Encoded": False,
    }
    lambda_ = boto3.client("lambda")
    for key in [
        key for key in doors.functions if key in {("url", "codes"), ("http", "codes"), ("url", "oidc")}
    ]:
        answer = lambda_.invoke(
            FunctionName=doors.functions[key], Qualifier="live", Payload=json.dumps(event)
        )
        assert json.load(answer["Payload"])["statusCode"] == 401
    assert stream.about(poll.poll_id) == {}
