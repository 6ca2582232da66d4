"""The function as a whole: a request in, an answer out."""

import json
import logging

import pytest

from ingress.answers import Reply
from ingress.handler import IngressRuntime, handle, runtime_from
from ingress.settings import IngressSettings
from unit.ingress.conftest import OPEN, SIGNED, request
from voting.errors import InvalidSettings, StoreUnavailable

STORED = Reply(200, b'{"ShardId":"shardId-000000000000","SequenceNumber":"1"}')
ENVIRON = {
    "VOTESTREAM_AUDIENCES": "",
    "VOTESTREAM_BATCH_ENABLED": "false",
    "VOTESTREAM_CODE_KEY": "",
    "VOTESTREAM_ISSUER": "",
    "VOTESTREAM_POLLS_TABLE": "",
    "VOTESTREAM_STREAM": "votes",
    "VOTESTREAM_TOKEN_SCOPES": "",
    "VOTESTREAM_VOTE_DOOR": "url",
    "VOTESTREAM_VOTER_AUTH": "none",
    "VOTESTREAM_VOTER_CLAIM": "",
}


def test_stored_vote_gets_202() -> None:
    calls: list[str] = []

    def call(action: str, _body: bytes) -> Reply:
        calls.append(action)
        return STORED

    answer = handle(request(), IngressRuntime(OPEN, call))
    assert answer["statusCode"] == 202
    assert json.loads(answer["body"])["receipt"]["sequence"] == "1"
    assert calls == ["PutRecord"]


def test_batch_is_one_call() -> None:
    event = request(
        {"votes": [{"option": "a", "voter": "b"}]}, path="/polls/p/votes/batch", authorizer=SIGNED
    )
    answer = handle(event, IngressRuntime(OPEN, lambda *_: Reply(200, b'{"Records":[' + STORED.body + b"]}")))
    assert answer["statusCode"] == 202


def test_refused_request_never_reaches_kinesis() -> None:
    def call(_action: str, _body: bytes) -> Reply:
        pytest.fail("Kinesis was called")

    answer = handle(request("{}"), IngressRuntime(OPEN, call))
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["error"] == "malformed"


def test_vote_without_an_answer_gets_503_and_a_log_line_without_the_voter(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def call(_action: str, _body: bytes) -> Reply:
        raise StoreUnavailable("Kinesis gave no answer: TimeoutError")

    with caplog.at_level(logging.WARNING):
        answer = handle(request(), IngressRuntime(OPEN, call))
    assert answer["statusCode"] == 503
    assert "TimeoutError" in caplog.text
    assert "ann" not in caplog.text
    assert "pizza" not in caplog.text


def test_failure_of_kinesis_gets_503_and_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        answer = handle(request(), IngressRuntime(OPEN, lambda *_: Reply(500, b"")))
    assert answer["statusCode"] == 503
    assert "status 500" in caplog.text


def test_settings_are_read_from_the_environment() -> None:
    settings = IngressSettings.from_env(
        {**ENVIRON, "VOTESTREAM_BATCH_ENABLED": "true", "VOTESTREAM_NEWER": "1"}
    )
    assert settings == IngressSettings((), True, "", "", "", "votes", (), "url", "none", "")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"VOTESTREAM_STREAM": ""}, "VOTESTREAM_STREAM"),
        ({"VOTESTREAM_VOTE_DOOR": "rest"}, "VOTESTREAM_VOTE_DOOR"),
        ({"VOTESTREAM_VOTER_AUTH": "anybody"}, "VOTESTREAM_VOTER_AUTH"),
        ({"VOTESTREAM_BATCH_ENABLED": "yes"}, "VOTESTREAM_BATCH_ENABLED"),
        ({"VOTESTREAM_VOTER_AUTH": "cognito"}, "VOTESTREAM_ISSUER"),
        ({"VOTESTREAM_VOTER_AUTH": "cognito"}, "VOTESTREAM_AUDIENCES"),
        ({"VOTESTREAM_VOTER_AUTH": "oidc", "VOTESTREAM_ISSUER": "http://x"}, "VOTESTREAM_ISSUER"),
        ({"VOTESTREAM_VOTER_AUTH": "oidc"}, "VOTESTREAM_AUDIENCES"),
        ({"VOTESTREAM_VOTER_AUTH": "oidc"}, "VOTESTREAM_VOTER_CLAIM"),
        ({"VOTESTREAM_VOTER_AUTH": "codes"}, "VOTESTREAM_CODE_KEY"),
        ({"VOTESTREAM_VOTER_AUTH": "codes"}, "VOTESTREAM_ISSUER"),
        ({"VOTESTREAM_VOTER_AUTH": "codes"}, "VOTESTREAM_POLLS_TABLE"),
    ],
)
def test_wrong_setting_is_named(changes: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidSettings, match=named):
        IngressSettings.from_env({**ENVIRON, **changes})


@pytest.mark.parametrize("missing", sorted(ENVIRON))
def test_missing_setting_is_named(missing: str) -> None:
    with pytest.raises(InvalidSettings, match=missing):
        IngressSettings.from_env({key: value for key, value in ENVIRON.items() if key != missing})


def test_runtime_is_built_from_lambdas_environment() -> None:
    lambda_ = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
    runtime = runtime_from({**ENVIRON, **lambda_})
    assert runtime.rules == OPEN._replace(batch_enabled=False)
