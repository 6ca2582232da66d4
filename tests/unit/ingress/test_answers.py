"""The answers to voters, by Kinesis's answers."""

import json

import pytest

from ingress.answers import Reply, answer_for_batch, answer_for_vote, retry_after

STORED = {"ShardId": "shardId-000000000000", "SequenceNumber": "4957"}
RECEIPT = {"shard": "shardId-000000000000", "sequence": "4957"}
THROTTLE = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "of account 123"}
FAILURE = {"ErrorCode": "InternalFailure", "ErrorMessage": "of account 123"}


def reply(document: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(document).encode())


def test_stored_vote_gets_202_with_its_receipt() -> None:
    answer = answer_for_vote(reply(STORED), "7")
    assert answer["statusCode"] == 202
    assert json.loads(answer["body"]) == {"receipt": RECEIPT}


@pytest.mark.parametrize(
    "code",
    ["ProvisionedThroughputExceededException", "com.amazon#LimitExceededException", "ThrottlingException"],
)
def test_throttled_vote_gets_429_with_retry_after(code: str) -> None:
    answer = answer_for_vote(reply({"__type": code}, 400), "7")
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (429, "7")


@pytest.mark.parametrize(
    "unclear",
    [
        pytest.param(reply({"__type": "ResourceNotFoundException"}, 400), id="no-stream"),
        pytest.param(reply({"__type": "AccessDeniedException"}, 400), id="no-permission"),
        pytest.param(reply({"__type": 1}, 400), id="odd-type"),
        pytest.param(reply(STORED, 500), id="receipt-with-500"),
        pytest.param(Reply(500, b""), id="empty-500"),
        pytest.param(Reply(200, b""), id="empty-200"),
        pytest.param(Reply(200, b"<html>"), id="html"),
        pytest.param(Reply(200, b"[]"), id="list"),
        pytest.param(reply({}), id="no-receipt"),
        pytest.param(reply({"ShardId": "s"}), id="half-a-receipt"),
        pytest.param(reply({"ShardId": "s", "SequenceNumber": "x"}), id="no-number"),
        pytest.param(Reply(302, b"{}"), id="redirect"),
    ],
)
def test_vote_that_kinesis_did_not_confirm_gets_503(unclear: Reply) -> None:
    assert answer_for_vote(unclear, "7")["statusCode"] == 503


def test_batch_that_is_stored_gets_202_with_each_receipt() -> None:
    answer = answer_for_batch(reply({"Records": [STORED, STORED]}), 2, "7")
    assert answer["statusCode"] == 202
    assert json.loads(answer["body"]) == {"votes": [{"status": 202, "receipt": RECEIPT}] * 2}
    assert "Retry-After" not in answer["headers"]


def test_batch_that_is_stored_in_part_gets_207_with_each_outcome() -> None:
    answer = answer_for_batch(reply({"Records": [STORED, THROTTLE, FAILURE]}), 3, "7")
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (207, "7")
    assert json.loads(answer["body"])["votes"] == [
        {"status": 202, "receipt": RECEIPT},
        {"status": 429, "error": "throttled"},
        {"status": 503, "error": "unavailable"},
    ]
    assert "123" not in answer["body"]


@pytest.mark.parametrize(
    ("records", "status"), [([THROTTLE, THROTTLE], 429), ([THROTTLE, FAILURE], 503), ([FAILURE] * 2, 503)]
)
def test_batch_of_which_nothing_is_stored_gets_one_refusal(records: list[object], status: int) -> None:
    answer = answer_for_batch(reply({"Records": records}), 2, "7")
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (status, "7")


@pytest.mark.parametrize(
    "unclear", [reply({"Records": [STORED]}), reply({}), reply({"__type": "InternalFailure"}, 500)]
)
def test_batch_with_another_number_of_outcomes_gets_503(unclear: Reply) -> None:
    assert answer_for_batch(unclear, 2, "7")["statusCode"] == 503


def test_throttled_batch_call_gets_429() -> None:
    throttled = reply({"__type": "ProvisionedThroughputExceededException"}, 400)
    assert answer_for_batch(throttled, 2, "7")["statusCode"] == 429


def test_refused_clients_return_within_one_to_eight_seconds() -> None:
    waits = {retry_after({"requestContext": {"timeEpoch": 1_795_983_301_000 + ms}}) for ms in range(16)}
    assert waits == {str(seconds) for seconds in range(1, 9)}


@pytest.mark.parametrize("event", [{}, {"requestContext": None}, {"requestContext": {"timeEpoch": "7"}}])
def test_forged_time_gives_the_shortest_wait(event: dict[str, object]) -> None:
    assert retry_after(event) == "1"
