"""The voter's identity at each door, and what a forged event gains."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ingress import voters
from ingress.refusals import DoorRefused
from ingress.requests import VoterOf
from ingress.settings import IngressSettings
from ingress.tokens import InvalidToken
from ingress.voters import Call, IssuerKeys, voter_source
from unit.ingress.conftest import jwks, request, signed
from voting.errors import StoreUnavailable

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
NOW = 1_800_000_000.0
CLAIMS: dict[str, Any] = {"iss": ISSUER, "exp": NOW + 60, "sub": "sub-1", "aud": "app", "token_use": "id"}
SETTINGS = IngressSettings(
    audiences=("app",),
    batch_enabled=False,
    code_key="",
    issuer=ISSUER,
    polls_table="",
    stream="votes",
    token_scopes=(),
    vote_door="url",
    voter_auth="cognito",
    voter_claim="",
)
POLL = "lunch"


def no_table() -> Call:
    pytest.fail("DynamoDB was asked")


class Issuer:
    """An issuer that can change its keys and be unavailable."""

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
def url_voter(monkeypatch: pytest.MonkeyPatch, clock: Callable[[], float]) -> VoterOf:
    monkeypatch.setattr(voters, "fetched", lambda url: jwks("first") if url.startswith(ISSUER) else b"")
    source = voter_source(SETTINGS, clock, no_table)
    assert source is not None
    return source


def with_token(token: str, **more: Any) -> dict[str, Any]:
    return request(headers={"authorization": token}, **more)


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", ""])
def test_url_door_takes_the_voter_from_a_verified_token(prefix: str, url_voter: VoterOf) -> None:
    assert url_voter(with_token(prefix + signed(CLAIMS)), POLL) == "sub-1"


@pytest.mark.parametrize(
    "authorizer",
    [
        {"jwt": {"claims": {**CLAIMS, "sub": "victim"}, "scopes": None}},
        {"iam": {"userArn": "arn:aws:iam::1:root"}},
        {"claims": CLAIMS},
    ],
)
def test_url_door_ignores_claims_in_a_forged_event(authorizer: dict[str, Any], url_voter: VoterOf) -> None:
    for headers in (
        {},
        {"authorization": ""},
        {"authorization": "Bearer x.y.z"},
        {"authorization": "Basic QQ"},
    ):
        with pytest.raises(DoorRefused) as raised:
            url_voter(request(headers=headers, authorizer=authorizer), POLL)
        assert raised.value.refusal.status == 401
    event = with_token(f"Bearer {signed(CLAIMS)}", authorizer=authorizer)
    assert url_voter(event, POLL) == "sub-1"


def test_http_door_takes_the_voter_from_the_gateways_claims(clock: Callable[[], float]) -> None:
    source = voter_source(SETTINGS._replace(vote_door="http"), clock, no_table)
    assert source is not None
    assert source(request(authorizer={"jwt": {"claims": CLAIMS}}), POLL) == "sub-1"


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
def test_http_door_gives_401_without_valid_claims(authorizer: Any, clock: Callable[[], float]) -> None:
    source = voter_source(SETTINGS._replace(vote_door="http"), clock, no_table)
    assert source is not None
    with pytest.raises(DoorRefused) as raised:
        source(request(authorizer=authorizer), POLL)
    assert raised.value.refusal.status == 401


@pytest.mark.parametrize("mode", ["none", "iam"])
def test_without_sign_in_the_body_names_the_voter(mode: str, clock: Callable[[], float]) -> None:
    assert voter_source(SETTINGS._replace(voter_auth=mode), clock, no_table) is None


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


def test_made_up_key_ids_rarely_cause_a_request_to_the_issuer() -> None:
    issuer = Issuer("first")
    keys = IssuerKeys(issuer.fetch, lambda: issuer.now)
    for _ in range(10):
        with pytest.raises(InvalidToken):
            keys.claims(signed(CLAIMS, "third"), ISSUER)
    assert issuer.asked == 1


def test_known_keys_are_used_while_the_issuer_is_unavailable() -> None:
    issuer = Issuer("first")
    keys = IssuerKeys(issuer.fetch, lambda: issuer.now)
    token = signed({**CLAIMS, "exp": NOW + 9999})
    keys.claims(token, ISSUER)
    issuer.away = True
    issuer.now += 3601
    assert keys.claims(token, ISSUER)["sub"] == "sub-1"


def test_vote_gets_503_if_the_issuer_was_never_reached() -> None:
    issuer = Issuer("first")
    issuer.away = True
    keys = IssuerKeys(issuer.fetch, lambda: issuer.now)
    with pytest.raises(StoreUnavailable):
        keys.claims(signed(CLAIMS), ISSUER)


# Voters who sign in at the operators' own issuer.

OWN_ISSUER = "https://login.example.org/tenant"
OWN_CLAIMS: dict[str, Any] = {"iss": OWN_ISSUER, "exp": NOW + 60, "sub": "auth0|7", "aud": "pages"}
OIDC = SETTINGS._replace(audiences=("pages", "app"), issuer=OWN_ISSUER, voter_auth="oidc", voter_claim="sub")


class Site:
    """A web site with an issuer's documents."""

    def __init__(self) -> None:
        self.pages = {
            f"{OWN_ISSUER}/.well-known/openid-configuration": json.dumps(
                {"issuer": OWN_ISSUER, "jwks_uri": "https://keys.example.org/jwks"}
            ).encode(),
            "https://keys.example.org/jwks": jwks("first"),
        }
        self.asked: list[str] = []

    def fetched(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.pages:
            raise TimeoutError
        return self.pages[url]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    served = Site()
    monkeypatch.setattr(voters, "fetched", served.fetched)
    return served


def status_of(source: VoterOf | None, event: dict[str, Any]) -> int:
    """Return the status of a refusal, or 202."""
    assert source is not None
    try:
        source(event, POLL)
    except DoorRefused as refused:
        return refused.refusal.status
    return 202


def test_own_issuers_keys_are_discovered_once(site: Site, clock: Callable[[], float]) -> None:
    source = voter_source(OIDC, clock, no_table)
    assert source is not None
    assert {source(with_token(signed(OWN_CLAIMS)), POLL) for _ in range(3)} == {"auth0|7"}
    assert site.asked == list(site.pages)


def test_issuer_with_a_slash_at_its_end_is_discovered(site: Site, clock: Callable[[], float]) -> None:
    issuer = OWN_ISSUER + "/"
    (discovery, *_) = site.pages
    site.pages[discovery] = json.dumps(
        {"issuer": issuer, "jwks_uri": "https://keys.example.org/jwks"}
    ).encode()
    source = voter_source(OIDC._replace(issuer=issuer), clock, no_table)
    assert status_of(source, with_token(signed({**OWN_CLAIMS, "iss": issuer}))) == 202
    assert status_of(source, with_token(signed(OWN_CLAIMS))) == 401


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://login.example.org/other", "jwks_uri": "https://keys.example.org/jwks"},
        {"issuer": OWN_ISSUER, "jwks_uri": "http://keys.example.org/jwks"},
        {"issuer": OWN_ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"issuer": OWN_ISSUER, "jwks_uri": "https://user@keys.example.org/jwks"},
        {"issuer": OWN_ISSUER, "jwks_uri": 1},
        {"issuer": OWN_ISSUER},
        [],
    ],
    ids=str,
)
def test_discovery_that_is_not_the_issuers_is_not_followed(
    document: object, site: Site, clock: Callable[[], float], caplog: pytest.LogCaptureFixture
) -> None:
    (discovery, *_) = site.pages
    site.pages[discovery] = json.dumps(document).encode()
    source = voter_source(OIDC, clock, no_table)
    assert source is not None
    with pytest.raises(StoreUnavailable):
        source(with_token(signed(OWN_CLAIMS)), POLL)
    assert site.asked == [discovery]
    assert "the issuer's keys can't be read" in caplog.text


def test_own_issuers_rotated_key_is_discovered(site: Site) -> None:
    moment = NOW
    source = voter_source(OIDC, lambda: moment, no_table)
    assert status_of(source, with_token(signed(OWN_CLAIMS))) == 202
    (discovery, _) = site.pages
    site.pages[discovery] = json.dumps(
        {"issuer": OWN_ISSUER, "jwks_uri": "https://new.example.org/jwks"}
    ).encode()
    site.pages["https://new.example.org/jwks"] = jwks("second")
    moment += 31
    assert status_of(source, with_token(signed(OWN_CLAIMS, "second"))) == 202
    assert status_of(source, with_token(signed(OWN_CLAIMS, "first"))) == 401


@pytest.mark.parametrize(
    ("token", "status"),
    [
        pytest.param(signed(OWN_CLAIMS), 202, id="good"),
        pytest.param(signed({**OWN_CLAIMS, "aud": ["other", "app"]}), 202, id="one-of-several-audiences"),
        pytest.param(signed({**OWN_CLAIMS, "aud": "other"}), 401, id="another-audience"),
        pytest.param(signed({**OWN_CLAIMS, "aud": ["other"]}), 401, id="other-audiences"),
        pytest.param(signed({**OWN_CLAIMS, "aud": []}), 401, id="no-audiences"),
        pytest.param(signed({**OWN_CLAIMS, "aud": None, "client_id": "app"}), 401, id="null-audience"),
        pytest.param(
            signed({**OWN_CLAIMS, "aud": "other", "client_id": "app"}), 401, id="client-with-audience"
        ),
        pytest.param(signed({**OWN_CLAIMS, "aud": "[other app]"}), 401, id="audience-that-looks-like-a-list"),
        pytest.param(signed({**OWN_CLAIMS, "iss": ISSUER}), 401, id="another-issuer"),
        pytest.param(signed({**OWN_CLAIMS, "exp": NOW}), 401, id="expired"),
        pytest.param(signed({**OWN_CLAIMS, "nbf": NOW + 1}), 401, id="not-yet"),
        pytest.param(signed({**OWN_CLAIMS, "sub": None}), 401, id="no-voter"),
        pytest.param(signed({**OWN_CLAIMS, "sub": 7}), 401, id="number-for-voter"),
        pytest.param(signed({**OWN_CLAIMS, "sub": "Ann Lee"}), 403, id="voter-that-cannot-vote"),
        pytest.param(signed({**OWN_CLAIMS, "sub": 'a","b":"c'}), 403, id="voter-with-quotes"),
        pytest.param(signed(OWN_CLAIMS, "first", {"alg": "none", "kid": "first"}), 401, id="unsigned"),
        pytest.param(signed(OWN_CLAIMS, "first", {"alg": "HS256", "kid": "first"}), 401, id="hs256"),
        pytest.param(signed(OWN_CLAIMS, "second", {"alg": "RS256", "kid": "first"}), 401, id="another-key"),
    ],
)
@pytest.mark.usefixtures("site")
def test_url_door_checks_tokens_of_the_own_issuer(
    token: str, status: int, clock: Callable[[], float]
) -> None:
    assert status_of(voter_source(OIDC, clock, no_table), with_token(token)) == status


@pytest.mark.usefixtures("site")
def test_token_without_an_audience_is_accepted_for_its_client(clock: Callable[[], float]) -> None:
    """API Gateway does the same."""
    claims = {name: value for name, value in OWN_CLAIMS.items() if name != "aud"}
    source = voter_source(OIDC, clock, no_table)
    assert status_of(source, with_token(signed({**claims, "client_id": "app"}))) == 202
    assert status_of(source, with_token(signed({**claims, "client_id": "other"}))) == 401
    assert status_of(source, with_token(signed(claims))) == 401


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 202),
        ({"aud": "[other app]"}, 202),
        ({"aud": "[other another]"}, 401),
        ({"aud": "other"}, 401),
        ({"member": "m-1"}, 202),
        ({"member": "[m-1 m-2]"}, 403),
    ],
    ids=str,
)
def test_http_door_checks_the_gateways_claims_again(
    changes: dict[str, str], status: int, clock: Callable[[], float]
) -> None:
    settings = OIDC._replace(vote_door="http", voter_claim="member" if "member" in changes else "sub")
    texts = {name: str(value) for name, value in {**OWN_CLAIMS, **changes}.items()}
    source = voter_source(settings, clock, no_table)
    assert status_of(source, request(authorizer={"jwt": {"claims": texts}})) == status


@pytest.mark.usefixtures("site")
def test_forged_claims_of_the_own_issuer_gain_nothing(clock: Callable[[], float]) -> None:
    source = voter_source(OIDC, clock, no_table)
    assert status_of(source, request(authorizer={"jwt": {"claims": {**OWN_CLAIMS, "sub": "victim"}}})) == 401
