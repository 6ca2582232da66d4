"""Who votes behind each door, and what an invented event gains."""

from collections.abc import Callable
from typing import Any

import pytest

from ingress import voters
from ingress.refusals import DoorRefused
from ingress.settings import IngressSettings
from ingress.tokens import InvalidToken
from ingress.voters import IssuerKeys, voter_source
from unit.ingress.conftest import jwks, request, signed
from voting.errors import StoreUnavailable

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
NOW = 1_800_000_000.0
CLAIMS: dict[str, Any] = {"iss": ISSUER, "exp": NOW + 60, "sub": "sub-1", "aud": "app", "token_use": "id"}
SETTINGS = IngressSettings(
    batch_enabled=False,
    client_ids=("app",),
    issuer=ISSUER,
    stream="votes",
    token_scopes=(),
    vote_door="url",
    voter_auth="cognito",
)


class Issuer:
    """An issuer whose keys can change and which can be away."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked = 0
        self.away = False
        self.now = NOW

    def fetch(self) -> bytes:
        self.asked += 1
        if self.away:
            raise TimeoutError
        return jwks(*self.names)


@pytest.fixture
def url_voter(monkeypatch: pytest.MonkeyPatch, clock: Callable[[], float]) -> Callable[[dict[str, Any]], str]:
    monkeypatch.setattr(voters, "fetched", lambda url: jwks("first") if url.startswith(ISSUER) else b"")
    source = voter_source(SETTINGS, clock)
    assert source is not None
    return source


def with_token(token: str, **more: Any) -> dict[str, Any]:
    return request(headers={"authorization": token}, **more)


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", ""])
def test_url_door_takes_the_voter_from_a_verified_token(
    prefix: str, url_voter: Callable[[dict[str, Any]], str]
) -> None:
    assert url_voter(with_token(prefix + signed(CLAIMS))) == "sub-1"


@pytest.mark.parametrize(
    "authorizer",
    [
        {"jwt": {"claims": {**CLAIMS, "sub": "victim"}, "scopes": None}},
        {"iam": {"userArn": "arn:aws:iam::1:root"}},
        {"claims": CLAIMS},
    ],
)
def test_url_door_ignores_claims_of_an_invented_event(
    authorizer: dict[str, Any], url_voter: Callable[[dict[str, Any]], str]
) -> None:
    for headers in (
        {},
        {"authorization": ""},
        {"authorization": "Bearer x.y.z"},
        {"authorization": "Basic QQ"},
    ):
        with pytest.raises(DoorRefused) as raised:
            url_voter(request(headers=headers, authorizer=authorizer))
        assert raised.value.refusal.status == 401
    event = with_token(f"Bearer {signed(CLAIMS)}", authorizer=authorizer)
    assert url_voter(event) == "sub-1"


def test_http_door_takes_the_voter_from_the_gateways_claims(clock: Callable[[], float]) -> None:
    source = voter_source(SETTINGS._replace(vote_door="http"), clock)
    assert source is not None
    assert source(request(authorizer={"jwt": {"claims": CLAIMS}})) == "sub-1"


@pytest.mark.parametrize(
    "authorizer",
    [
        None,
        {},
        {"jwt": None},
        {"jwt": {"claims": None}},
        {"jwt": {"claims": {**CLAIMS, "token_use": "access"}}},
    ],
)
def test_http_door_gives_401_without_fitting_claims(authorizer: Any, clock: Callable[[], float]) -> None:
    source = voter_source(SETTINGS._replace(vote_door="http"), clock)
    assert source is not None
    with pytest.raises(DoorRefused) as raised:
        source(request(authorizer=authorizer))
    assert raised.value.refusal.status == 401


@pytest.mark.parametrize("mode", ["none", "iam"])
def test_without_sign_in_the_body_names_the_voter(mode: str, clock: Callable[[], float]) -> None:
    assert voter_source(SETTINGS._replace(voter_auth=mode), clock) is None


def test_rotated_key_is_fetched_when_a_token_names_it() -> None:
    issuer = Issuer("first")
    keys = IssuerKeys(issuer.fetch, lambda: issuer.now)
    keys.claims(signed(CLAIMS), ISSUER)
    issuer.names = ("second",)
    issuer.now += 31
    assert keys.claims(signed(CLAIMS, "second"), ISSUER)["sub"] == "sub-1"
    with pytest.raises(InvalidToken):
        keys.claims(signed(CLAIMS, "first"), ISSUER)


def test_withdrawn_key_is_refused_after_an_hour() -> None:
    issuer = Issuer("first")
    keys = IssuerKeys(issuer.fetch, lambda: issuer.now)
    token = signed({**CLAIMS, "exp": NOW + 9999})
    keys.claims(token, ISSUER)
    issuer.names = ("second",)
    issuer.now += 3601
    with pytest.raises(InvalidToken):
        keys.claims(token, ISSUER)


def test_made_up_key_ids_do_not_reach_the_issuer_each_time() -> None:
    issuer = Issuer("first")
    keys = IssuerKeys(issuer.fetch, lambda: issuer.now)
    for _ in range(10):
        with pytest.raises(InvalidToken):
            keys.claims(signed(CLAIMS, "third"), ISSUER)
    assert issuer.asked == 1


def test_known_keys_serve_while_the_issuer_is_away() -> None:
    issuer = Issuer("first")
    keys = IssuerKeys(issuer.fetch, lambda: issuer.now)
    token = signed({**CLAIMS, "exp": NOW + 9999})
    keys.claims(token, ISSUER)
    issuer.away = True
    issuer.now += 3601
    assert keys.claims(token, ISSUER)["sub"] == "sub-1"


def test_issuer_that_was_never_reached_is_unavailable() -> None:
    issuer = Issuer("first")
    issuer.away = True
    keys = IssuerKeys(issuer.fetch, lambda: issuer.now)
    with pytest.raises(StoreUnavailable):
        keys.claims(signed(CLAIMS), ISSUER)
