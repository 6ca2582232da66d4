"""Codes: one code is one voter of one poll, for as long as its batch is in force."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from ingress import codes
from ingress.answers import Reply
from ingress.codes import CodeBatches, code_key, code_voter
from ingress.handler import IngressRuntime, handle
from ingress.refusals import DoorRefused
from ingress.requests import Rules
from ingress.settings import IngressSettings
from ingress.tokens import InvalidToken
from ingress.voters import voter_source
from unit.ingress.conftest import EXPONENT, encoded, jwk, private_key, request, signed
from voting.errors import InvalidSettings, StoreUnavailable

NOW = 1_800_000_000.0
ISSUER = "votestream/votestream/test"
BATCH, VOID_BATCH, NEW_BATCH = "batchaaa", "voidaaaa", "newaaaaa"
SUB = f"{BATCH}.{'A' * 22}"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "votes",
    "sub": SUB,
    "poll": "lunch",
    "batch": BATCH,
    "iat": NOW - 60,
    "exp": NOW + 3600,
}


def key_setting(name: str = "first") -> str:
    """Return a key as Terraform hands it over: its id, and what KMS's GetPublicKey answers."""
    der = base64.b64decode(b"".join(private_key(name).public_pem.splitlines()[1:-1]))
    return f"{name}:{base64.b64encode(der).decode()}"


SETTINGS = IngressSettings(
    audiences=(),
    batch_enabled=False,
    code_key=key_setting(),
    issuer=ISSUER,
    polls_table="polls",
    stream="votes",
    token_scopes=(),
    vote_door="url",
    voter_auth="codes",
    voter_claim="",
)


class Cloud:
    """A DynamoDB with the rows of polls, and a Kinesis; both record their calls."""

    def __init__(self) -> None:
        batch = {"count": {"N": "500"}, "created_at": {"N": "1"}, "expires_at": {"N": "2"}}
        self.batches = {
            BATCH: {"M": batch},
            VOID_BATCH: {"M": {**batch, "voided_at": {"N": "3"}}},
        }
        self.now = NOW
        self.reads: list[dict[str, Any]] = []
        self.records: list[dict[str, Any]] = []
        self.away = False
        self.answer: Reply | None = None

    def dynamodb(self, action: str, body: bytes) -> Reply:
        assert action == "GetItem"
        self.reads.append(json.loads(body))
        if self.away:
            raise StoreUnavailable("dynamodb gave no answer: TimeoutError")
        if self.answer is not None:
            return self.answer
        if self.reads[-1]["Key"] != {"poll_id": {"S": "lunch"}}:
            return Reply(200, b"{}")
        return Reply(200, json.dumps({"Item": {"code_batches": {"M": self.batches}}}).encode())

    def kinesis(self, _action: str, body: bytes) -> Reply:
        self.records.append(json.loads(body))
        return Reply(200, b'{"ShardId":"shardId-000000000000","SequenceNumber":"1"}')

    def runtime(self, door: str = "url") -> IngressRuntime:
        settings = SETTINGS._replace(vote_door=door)
        voter_of = voter_source(settings, lambda: self.now, lambda: self.dynamodb)
        rules = Rules(stream="votes", batch_enabled=False, signed_votes=False, voter_of=voter_of)
        return IngressRuntime(rules, self.kinesis)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture(params=["http", "url"])
def vote(request: pytest.FixtureRequest, cloud: Cloud) -> Callable[..., int]:
    """Return a function that votes with a token at each door, and returns the status."""
    runtime = cloud.runtime(request.param)

    def send(token: str, poll: str = "lunch", **more: Any) -> int:
        return handle(vote_event(token, poll, **more), runtime)["statusCode"]

    return send


def vote_event(
    token: str, poll: str = "lunch", body: object = '{"option":"a"}', **more: Any
) -> dict[str, Any]:
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    return request(body, path=f"/polls/{poll}/votes", headers=headers, **more)


def code(**changes: Any) -> str:
    """Return a code with these claims changed; None removes one."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return signed(claims)


def test_code_votes_as_its_voter(vote: Callable[..., int], cloud: Cloud) -> None:
    assert vote(code()) == 202
    (record,) = cloud.records
    assert record["PartitionKey"] == SUB
    assert json.loads(base64.b64decode(record["Data"])) == {"poll_id": "lunch", "option": "a"}


def test_code_shared_by_a_thousand_people_is_one_voter_and_one_read(
    vote: Callable[..., int], cloud: Cloud
) -> None:
    token = code()
    assert {vote(token, body=json.dumps({"option": f"o{person % 7}"})) for person in range(1000)} == {202}
    assert {record["PartitionKey"] for record in cloud.records} == {SUB}
    assert len(cloud.reads) == 1


@pytest.mark.parametrize(
    ("token", "status"),
    [
        pytest.param(code(poll="dinner"), 403, id="another-poll"),
        pytest.param(code(batch=VOID_BATCH, sub=f"{VOID_BATCH}.{'A' * 22}"), 403, id="void-batch"),
        pytest.param(code(batch=NEW_BATCH, sub=f"{NEW_BATCH}.{'A' * 22}"), 403, id="unknown-batch"),
        pytest.param(code(batch=VOID_BATCH), 401, id="sub-of-another-batch"),
        pytest.param(code(batch=None), 401, id="no-batch"),
        pytest.param(code(sub="ann"), 401, id="sub-of-no-batch"),
        pytest.param(code(sub=f"{BATCH}.{'A' * 21}"), 401, id="short-sub"),
        pytest.param(code(sub=SUB + "\n"), 401, id="sub-with-a-line-end"),
        pytest.param(code(aud="other"), 401, id="another-audience"),
        pytest.param(code(aud=["votes"]), 401, id="list-of-audiences"),
        pytest.param(code(aud=None), 401, id="no-audience"),
        pytest.param(code(iss="votestream/votestream/prod"), 401, id="another-environment"),
        pytest.param(code(exp=NOW), 401, id="expired"),
        pytest.param(code(exp=None), 401, id="for-ever"),
        pytest.param(code(nbf=NOW + 1), 401, id="not-yet"),
        pytest.param(code(poll=None), 403, id="no-poll"),
        pytest.param(signed(CLAIMS, "second"), 401, id="another-key"),
        pytest.param(signed(CLAIMS, "second", {"alg": "RS256", "kid": "first"}), 401, id="another-keys-name"),
        pytest.param(signed(CLAIMS, "first", {"alg": "HS256", "kid": "first"}), 401, id="another-algorithm"),
        pytest.param("", 401, id="no-code"),
    ],
)
def test_token_that_is_not_a_valid_code_for_this_poll_is_refused(
    token: str, status: int, vote: Callable[..., int], cloud: Cloud
) -> None:
    assert vote(token) == status
    assert cloud.records == []


def test_unsigned_code_is_refused(vote: Callable[..., int], cloud: Cloud) -> None:
    head = encoded(b'{"alg":"none","kid":"first"}')
    assert vote(f"{head}.{encoded(json.dumps(CLAIMS).encode())}.") == 401
    assert cloud.reads == cloud.records == []


def test_guessed_sub_is_refused(vote: Callable[..., int], cloud: Cloud) -> None:
    """A voter's name alone is never enough, neither in a changed code nor in the body."""
    head, _, signature = code().split(".")
    guessed = encoded(json.dumps({**CLAIMS, "sub": f"{BATCH}.{'B' * 22}"}).encode())
    assert vote(f"{head}.{guessed}.{signature}") == 401
    assert vote(code(), body=json.dumps({"option": "a", "voter": f"{BATCH}.{'B' * 22}"})) == 400
    assert vote("", body=json.dumps({"option": "a", "voter": SUB})) == 401
    assert cloud.records == []


def test_forged_event_gains_nothing(vote: Callable[..., int], cloud: Cloud) -> None:
    """A direct caller of the function can forge everything in the event except a signature."""
    for authorizer in (
        {"jwt": {"claims": CLAIMS}},
        {"iam": {"userArn": "arn:aws:iam::1:root"}},
        {"claims": CLAIMS},
    ):
        assert vote("", authorizer=authorizer) == 401
    assert cloud.reads == cloud.records == []


def test_batch_of_votes_is_refused(cloud: Cloud) -> None:
    event = request({"votes": [{"option": "a", "voter": SUB}]}, path="/polls/lunch/votes/batch")
    assert handle(event, cloud.runtime())["statusCode"] == 404
    assert cloud.records == []


def test_void_stops_votes_within_30_seconds(vote: Callable[..., int], cloud: Cloud) -> None:
    assert vote(code()) == 202
    cloud.batches[BATCH]["M"]["voided_at"] = {"N": "4"}
    cloud.now += 30
    assert vote(code()) == 403


def test_batch_that_was_made_a_second_ago_votes(vote: Callable[..., int], cloud: Cloud) -> None:
    assert vote(code()) == 202
    cloud.batches[NEW_BATCH] = cloud.batches[BATCH]
    cloud.now += 1
    assert vote(code(batch=NEW_BATCH, sub=f"{NEW_BATCH}.{'A' * 22}")) == 202


def test_unknown_batch_causes_one_read_a_second(vote: Callable[..., int], cloud: Cloud) -> None:
    unknown = code(batch=NEW_BATCH, sub=f"{NEW_BATCH}.{'A' * 22}")
    for _ in range(10):
        assert vote(unknown) == 403
        cloud.now += 0.1
    assert len(cloud.reads) == 1
    cloud.now += 0.1
    vote(unknown)
    assert len(cloud.reads) == 2


@pytest.mark.slow
def test_invalid_codes_cause_no_reads(vote: Callable[..., int], cloud: Cloud) -> None:
    """The signature is checked first, and the code must be for the poll of the path."""
    for poll in ("lunch", *(f"p{number}" for number in range(10))):
        vote(signed({**CLAIMS, "poll": poll}, "second", {"alg": "RS256", "kid": "first"}), poll)
    for number in range(10):
        vote(code(), f"p{number}")
    assert cloud.reads == []


def test_last_known_list_is_used_while_the_table_is_unavailable(
    vote: Callable[..., int], cloud: Cloud
) -> None:
    assert vote(code()) == 202
    cloud.away = True
    cloud.now += 31
    assert [vote(code()), vote(code(batch=VOID_BATCH, sub=f"{VOID_BATCH}.{'A' * 22}"))] == [202, 403]
    assert len(cloud.reads) == 2


def test_vote_gets_503_if_the_list_was_never_read(vote: Callable[..., int], cloud: Cloud) -> None:
    cloud.away = True
    assert [vote(code()), vote(code())] == [503, 503]
    assert len(cloud.reads) == 1
    assert cloud.records == []
    cloud.away = False
    cloud.now += 5
    assert vote(code()) == 202


@pytest.mark.parametrize(
    "answer",
    [
        Reply(400, b'{"__type":"AccessDeniedException"}'),
        Reply(200, b"[]"),
        Reply(200, b"{"),
        Reply(200, b'{"Item":[]}'),
    ],
    ids=str,
)
def test_vote_gets_503_if_the_table_answers_without_a_row(
    answer: Reply, vote: Callable[..., int], cloud: Cloud
) -> None:
    cloud.answer = answer
    assert vote(code()) == 503
    assert cloud.records == []


def test_poll_without_batches_refuses(vote: Callable[..., int]) -> None:
    assert vote(code(poll="p1"), "p1") == 403


def test_only_the_batches_attribute_is_read(vote: Callable[..., int], cloud: Cloud) -> None:
    vote(code())
    assert cloud.reads == [
        {
            "TableName": "polls",
            "Key": {"poll_id": {"S": "lunch"}},
            "ProjectionExpression": "code_batches",
            "ConsistentRead": True,
        }
    ]


def test_container_remembers_a_bounded_number_of_polls(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "MAX_POLLS", 2)
    batches = CodeBatches("polls", cloud.dynamodb, lambda: cloud.now)
    for poll in ("lunch", "p1", "lunch", "p2", "lunch", "p1"):
        if poll == "lunch":
            batches.require(poll, BATCH)
        else:
            with pytest.raises(DoorRefused):
                batches.require(poll, BATCH)
    assert [read["Key"]["poll_id"]["S"] for read in cloud.reads] == ["lunch", "p1", "p2", "p1"]


def test_key_is_read_in_the_format_of_kms() -> None:
    key_id, key = code_key(key_setting("second"))
    assert (key_id, key.modulus, key.exponent) == ("second", private_key("second").modulus, EXPONENT)
    assert jwk("second")["n"] == encoded(key.modulus.to_bytes(256))


def test_changed_key_setting_never_gives_the_same_key() -> None:
    """Any changed byte of the setting gives an error or another key."""
    der = base64.b64decode(key_setting().partition(":")[2])
    good = code_key(key_setting())
    for position in range(40):
        changed = bytearray(der)
        changed[position] ^= 0x55
        try:
            assert code_key(f"first:{base64.b64encode(bytes(changed)).decode()}") != good
        except InvalidSettings:
            continue


@pytest.mark.parametrize(
    "setting",
    [
        "",
        "first",
        "first:",
        "first:!",
        ":" + key_setting().partition(":")[2],
        key_setting()[:-40],
        "first:MAA=",
    ],
)
def test_invalid_key_setting_is_refused(setting: str) -> None:
    with pytest.raises(InvalidSettings, match="VOTESTREAM_CODE_KEY"):
        code_key(setting)


def test_code_names_voter_and_batch() -> None:
    assert code_voter(CLAIMS, "lunch") == (SUB, BATCH)
    with pytest.raises(InvalidToken):
        code_voter({**CLAIMS, "sub": 1}, "lunch")
