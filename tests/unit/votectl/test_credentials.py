"""The credentials of the tools' requests, by deployment."""

from collections.abc import Iterator

import boto3
import httpx
import pytest
from botocore.stub import Stubber

from samples import a_deployment, a_poll
from votectl.credentials import Credentials, WithKey, for_voters_of
from votectl.demo import by_hand
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.signing import Signing
from voting.settings import VoterAuth

pytestmark = pytest.mark.usefixtures("fake_credentials")

KEY = "a-key-of-a-client-20-characters-long"
POLL = a_poll("lunch", ("pizza", "soup"), closes_at=10, bucket_count=1)


def deployment_of(voter_auth: VoterAuth, **api_key_ids: str) -> Deployment:
    place = {"environment": "dev", "region": "eu-west-1", "api_url": "https://api.example/v1"}
    return a_deployment(voter_auth=voter_auth, api_key_ids=api_key_ids, **place)


@pytest.fixture
def api_gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """A fake API Gateway that returns keys."""
    client = boto3.client("apigateway")
    monkeypatch.setattr(boto3, "client", {"apigateway": client}.__getitem__)
    with Stubber(client) as stubber:
        yield stubber


@pytest.fixture
def key_id(api_gateway: Stubber) -> str:
    """The id of a client's key that can be read."""
    asked = {"apiKey": "id-of-app", "includeValue": True}
    api_gateway.add_response("get_api_key", {"id": "id-of-app", "value": KEY}, asked)
    return "id-of-app"


def carried(auth: httpx.Auth | None) -> httpx.Headers:
    """Return the request as it arrives."""
    with httpx.Client(auth=auth, transport=httpx.MockTransport(lambda _: httpx.Response(202))) as client:
        return client.post("https://api.example/v1", json={}).request.headers


def test_requests_without_voter_identity_have_no_credentials() -> None:
    assert for_voters_of(deployment_of(VoterAuth.NONE)) == Credentials()
    assert Credentials().find() is None


def test_with_iam_requests_are_signed() -> None:
    assert isinstance(for_voters_of(deployment_of(VoterAuth.IAM)).find(), Signing)


def test_with_client_keys_requests_carry_the_key(key_id: str) -> None:
    headers = carried(for_voters_of(deployment_of(VoterAuth.NONE, app=key_id)).find())
    assert headers["X-Api-Key"] == KEY
    assert "Authorization" not in headers


def test_with_iam_and_client_keys_requests_carry_both(key_id: str) -> None:
    headers = carried(for_voters_of(deployment_of(VoterAuth.IAM, app=key_id)).find())
    assert headers["X-Api-Key"] == KEY
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_the_key_is_the_named_clients_or_the_first_one() -> None:
    deployment = deployment_of(VoterAuth.NONE, page="id-of-page", app="id-of-app")
    assert for_voters_of(deployment, "page").api_key_id == "id-of-page"
    assert for_voters_of(deployment).api_key_id == "id-of-app"


def test_an_unknown_client_is_refused_with_the_known_ones() -> None:
    deployment = deployment_of(VoterAuth.NONE, page="1", app="2")
    with pytest.raises(OperatorError, match=r"no client 'apq' \(api\.clients\): choose one of app, page"):
        for_voters_of(deployment, "apq")
    with pytest.raises(OperatorError, match="votes need no key there"):
        for_voters_of(deployment_of(VoterAuth.NONE), "app")


def test_invented_voters_are_refused_where_voters_sign_in() -> None:
    with pytest.raises(OperatorError, match="voters sign in themselves"):
        for_voters_of(deployment_of(VoterAuth.COGNITO))


def test_the_error_about_an_unreadable_key_names_the_missing_permission(api_gateway: Stubber) -> None:
    api_gateway.add_client_error("get_api_key", "AccessDeniedException")
    with pytest.raises(OperatorError, match="apigateway:GET on /apikeys/another"):
        Credentials(api_key_id="another").find()


def test_a_key_appears_only_on_the_request(key_id: str) -> None:
    credentials = for_voters_of(deployment_of(VoterAuth.IAM, app=key_id))
    shown = [
        repr(credentials),
        credentials.model_dump_json(),
        repr(credentials.find()),
        repr(WithKey(KEY, None)),
    ]
    shown += by_hand(deployment_of(VoterAuth.IAM, app=key_id), credentials, POLL)
    assert not [text for text in shown if KEY in text]


def test_commands_for_voting_by_hand_have_the_needed_headers(key_id: str) -> None:
    deployment = deployment_of(VoterAuth.IAM, app=key_id)
    find_key, vote, watch = by_hand(deployment, for_voters_of(deployment), POLL)
    assert find_key.startswith("API_KEY=$(aws apigateway get-api-key")
    assert key_id in find_key
    assert '-H "X-Api-Key: $API_KEY"' in vote
    assert "--aws-sigv4 aws:amz:eu-west-1:execute-api" in vote
    assert watch == ".venv/bin/votectl results lunch --watch"

    deployment = deployment_of(VoterAuth.NONE)
    vote, _ = by_hand(deployment, for_voters_of(deployment), POLL)
    assert vote == (
        "curl -i -H 'Content-Type: application/json' "
        """-d '{"option": "pizza", "voter": "me"}' https://api.example/v1/polls/lunch/votes"""
    )
