"""Where a deployment takes votes."""

import pytest

from unit.votectl.doctor.conftest import DEPLOYMENT
from votectl.deployment import Deployment
from voting.settings import VoteDoor

HTTP, URL = "https://abc.execute-api.eu-west-1.amazonaws.com", "https://def.lambda-url.eu-west-1.on.aws"
BOTH: Deployment = DEPLOYMENT.model_copy(
    update={
        "vote_door": VoteDoor.URL,
        "votes_url": URL,
        "votes_urls": {VoteDoor.HTTP: HTTP, VoteDoor.URL: URL},
    }
)


def test_votes_go_to_the_named_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert DEPLOYMENT.votes_door == DEPLOYMENT.front_door
    assert (BOTH.votes_door, BOTH.signed_service) == (URL, "lambda")


def test_every_open_door_has_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert BOTH.doors == (VoteDoor.REST, VoteDoor.HTTP, VoteDoor.URL)
    assert [BOTH.door_url(door) for door in BOTH.doors] == [BOTH.front_door, HTTP, URL]
    assert DEPLOYMENT.doors == (VoteDoor.REST,)


def test_local_cloud_serves_each_door_below_its_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/")
    assert BOTH.door_url(VoteDoor.HTTP) == "http://127.0.0.1:4566/_votestream/http/abc"
    assert BOTH.door_url(VoteDoor.URL) == "http://127.0.0.1:4566/_votestream/url/def"
