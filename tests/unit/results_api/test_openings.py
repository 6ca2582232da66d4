"""Openings: the voter's own, after the final, and nobody else's."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from results_api import handler as results_api_handler
from results_api.handler import handle, runtime
from results_api.store import PollKeyStore
from samples import VARIABLES
from unit.results_api.conftest import AFTER, Tables, a_final
from voting.errors import StoreRefused, StoreUnavailable
from voting.packs import salt_of
from voting.records import version_of
from voting.settings import VoterAuth
from voting_aws.pack_keys import PollKeys

KEY = bytes(range(32))
VERSION = version_of("4960")
RECEIPT = {"shard": ["shardId-000000000000"], "sequence": ["4960"]}


@pytest.fixture
def final(tables: Tables) -> Tables:
    """A final poll with a pack; ann's vote is the one of the receipt, bob's is another."""
    tables.voter_auth = VoterAuth.COGNITO
    tables.now_ms, tables.finals["poll-1"] = AFTER, a_final()
    tables.versions = {("poll-1", "ann"): VERSION, ("poll-1", "bob"): version_of("5000")}
    tables.keys = {"poll-1": KEY}
    return tables


def ask(tables: Tables, signed_in: str = "ann", /, **query: list[str]) -> dict[str, Any]:
    event = {
        "resource": "/polls/{poll_id}/votes/me",
        "pathParameters": {"poll_id": "poll-1"},
        "multiValueHeaders": None,
        "multiValueQueryStringParameters": RECEIPT | {"opening": ["true"]} | query,
        "requestContext": {"authorizer": {"claims": {"sub": signed_in}}},
    }
    answer = handle(event, tables.runtime())
    assert answer["headers"]["Cache-Control"] == "private, no-store"
    return {"status": answer["statusCode"], **json.loads(answer["body"])}


def test_the_voter_gets_the_opening_of_the_vote_that_counts(final: Tables) -> None:
    assert ask(final)["opening"] == {
        "poll_id": "poll-1",
        "voter": "ann",
        "version": VERSION,
        "salt": salt_of(KEY, "ann", VERSION).hex(),
    }


def test_a_trusted_back_end_asks_for_its_voter(final: Tables) -> None:
    final.voter_auth = VoterAuth.IAM
    assert ask(final, "nobody", voter=["ann"])["opening"]["voter"] == "ann"


def test_an_opening_is_given_only_on_request(final: Tables) -> None:
    assert "opening" not in ask(final, opening=["false"])
    assert final.telemetry.warnings == []


def test_another_voter_does_not_get_it_with_the_receipt(final: Tables) -> None:
    assert ask(final, "bob") | {"status": 0} == {
        "status": 0,
        "poll_id": "poll-1",
        "receipt": {"shard": "shardId-000000000000", "sequence": "4960"},
        "state": "superseded",
        "opening": None,
    }
    assert ask(final, "mallory")["opening"] is None


def test_a_signed_in_voter_cannot_name_another(final: Tables) -> None:
    answer = ask(final, "bob", voter=["ann"])
    assert answer["status"] == 400
    assert "opening" not in answer


@pytest.mark.parametrize(
    ("change", "state"),
    [
        pytest.param(lambda tables: tables.finals.clear(), "stored", id="before-the-final"),
        pytest.param(
            lambda tables: (tables.finals.clear(), tables.draining.add("poll-1")),
            "stored",
            id="while-counting",
        ),
        pytest.param(lambda tables: tables.cancelled.add("poll-1"), "cancelled", id="cancelled-poll"),
        pytest.param(
            lambda tables: tables.versions.update({("poll-1", "ann"): version_of("4961")}),
            "superseded",
            id="replaced-vote",
        ),
        pytest.param(lambda tables: tables.keys.clear(), "stored", id="no-pack"),
    ],
)
def test_no_opening_is_given(final: Tables, change: Callable[[Tables], object], state: str) -> None:
    change(final)
    answer = ask(final)
    assert (answer["state"], answer["opening"]) == (state, None)


def test_no_opening_if_openings_are_off(final: Tables) -> None:
    final.keys = None
    looked: list[str] = []
    final.before = looked.append
    assert ask(final)["opening"] is None
    assert "key" not in looked


@pytest.mark.parametrize("opening", [["yes"], ["true", "true"], [""], ["1"]])
def test_an_unknown_parameter_is_malformed(final: Tables, opening: list[str]) -> None:
    assert ask(final, opening=opening)["status"] == 400


def test_an_unreadable_key_is_read_again_later(final: Tables) -> None:
    def fail(what: str) -> None:
        if what == "key":
            raise StoreUnavailable("a poll's key can't be read: ThrottlingException")

    final.before = fail
    assert ask(final)["status"] == 503


@pytest.mark.parametrize(
    ("mode", "key", "given"),
    [("cognito", "key", True), ("iam", "key", True), ("none", "key", False), ("cognito", "", False)],
)
@pytest.mark.usefixtures("fake_credentials")
def test_openings_need_a_key_and_authenticated_voters(
    monkeypatch: pytest.MonkeyPatch, mode: str, key: str, *, given: bool
) -> None:
    environment = VARIABLES | {"VOTESTREAM_VOTER_AUTH": mode, "VOTESTREAM_OPENINGS_KEY": key}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    results_api_handler.runtime.cache_clear()
    try:
        assert (runtime().find_key is not None) is given
    finally:
        results_api_handler.runtime.cache_clear()


class Stores:
    """DynamoDB and KMS with one key; ``error`` is what KMS answers."""

    def __init__(self, error: str | None = None) -> None:
        self.error = error

    def get_item(self, **asked: Any) -> dict[str, Any]:
        assert asked["ConsistentRead"]
        row = {"ciphertext": {"B": b"encrypted"}}
        return {"Item": row} if asked["Key"]["poll_id"]["S"] == "poll-1" else {}

    def decrypt(self, **asked: Any) -> dict[str, Any]:
        assert asked["EncryptionContext"] == {"poll_id": "poll-1"}
        if self.error:
            raise ClientError({"Error": {"Code": self.error, "Message": "poll-1"}}, "Decrypt")
        return {"Plaintext": KEY}


def key_store(error: str | None = None) -> PollKeyStore:
    stores = Stores(error)
    return PollKeyStore(PollKeys(stores, stores, "tallies", "key"))  # type: ignore[arg-type]


def test_a_polls_key_is_read_and_never_created() -> None:
    assert key_store().find("poll-1") == KEY
    assert key_store().find("poll-2") is None


def test_a_destroyed_key_gives_no_opening() -> None:
    assert key_store("KMSInvalidStateException").find("poll-1") is None


@pytest.mark.parametrize(
    ("error", "raised"), [("ThrottlingException", StoreUnavailable), ("AccessDeniedException", StoreRefused)]
)
def test_kms_errors_are_reported_by_code(error: str, raised: type[Exception]) -> None:
    with pytest.raises(raised, match=f"^a poll's key can't be read: {error}$"):
        key_store(error).find("poll-1")
