from collections.abc import Callable
from typing import Any

import pytest

from voting.errors import InvalidVote
from voting.records import Record, Vote, read_vote, records_in, shard_of, version_of
from world.events import raw_event
from world.kinesis import base64_of
from world.poison import SHAPES, vote_body

type RawEvent = Callable[[str], dict[str, Any]]


def record(data: str, voter: str = "voter-1", sequence: str = "17") -> Record:
    return Record(sequence, voter, data, 1_700_000_000_000)


def test_a_record_is_read_from_an_event_in_awss_format() -> None:
    first, second = records_in(raw_event("kinesis_votes"))
    assert first.sequence == "49590338271490256608559692538361571095921575989136588898"
    assert first.voter == "ada@example.org"
    assert first.arrived_at == 1_545_084_650_987
    assert second.arrived_at == 1_545_084_711_166


def test_the_shard_is_read_from_the_event() -> None:
    assert shard_of(raw_event("kinesis_votes")) == "shardId-000000000006"


def test_an_event_of_another_service_is_an_error_and_no_invalid_vote() -> None:
    with pytest.raises(KeyError):
        list(records_in({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}))


def test_a_vote_is_read_with_its_arrival_and_version() -> None:
    first = next(records_in(raw_event("kinesis_votes")))
    assert read_vote(first) == Vote("best-dish", "ada@example.org", "soup", first.arrived_at, first.sequence)


@pytest.mark.parametrize(
    "voter",
    [
        pytest.param("6ba7b810-9dad-11d1-80b4-00c04fd430c8", id="uuid"),
        pytest.param("ada+votes@example.org", id="e-mail-address"),
        pytest.param("auth0|64b1f0c2a9d83e5577aa01", id="subject-of-an-identity-provider"),
        pytest.param("us-east-1:0b1c/2=3", id="identity-pool"),
        pytest.param("v" * 128, id="longest"),
    ],
)
def test_a_voter_is_accepted(voter: str) -> None:
    assert read_vote(record(vote_body("poll-1", "choice-a"), voter)).voter == voter


@pytest.mark.parametrize(("voter", "data"), SHAPES.values(), ids=SHAPES.keys())
def test_poison_of_every_shape_is_an_invalid_vote(voter: str, data: str) -> None:
    with pytest.raises(InvalidVote):
        read_vote(record(data, voter))


@pytest.mark.parametrize(("voter", "data"), SHAPES.values(), ids=SHAPES.keys())
def test_the_error_names_the_sequence_number_and_not_the_ballot(voter: str, data: str) -> None:
    with pytest.raises(InvalidVote) as caught:
        read_vote(record(data, voter))
    assert str(caught.value) == "record 17 is not a vote"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('  {"poll_id" : "poll-1",\n"option":"choice-a"}\n', id="white-space"),
        pytest.param('{"option": "choice-a", "poll_id": "poll-1"}', id="other-order"),
        pytest.param('{"poll_\\u0069d": "poll-1", "option": "choice\\u002da"}', id="escapes"),
    ],
)
def test_a_vote_may_use_any_valid_json(text: str) -> None:
    assert read_vote(record(base64_of(text.encode()))).option == "choice-a"


def test_versions_are_56_digits_wide() -> None:
    assert version_of("17") == "0" * 54 + "17"
