"""The voter that credentials name: claims that API Gateway has verified, or a token that is verified here.

Behind the HTTP API the claims in the event can be trusted: nobody but that API may invoke the function (its
permission names the API as the source). A public function URL gives no such promise, because any AWS account may
invoke the function directly with an event of its own making. There the claims in the event are ignored. Codes are
verified here at both doors.
"""

import http.client
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from ingress.answers import Reply
from ingress.codes import CodeBatches, code_key, code_voter
from ingress.connection import CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS
from ingress.refusals import FORBIDDEN, UNAUTHORIZED, DoorRefused
from ingress.requests import VoterOf
from ingress.settings import IngressSettings
from ingress.tokens import (
    InvalidToken,
    PublicKey,
    UnknownKey,
    cognito_voter,
    keys_in,
    keys_url,
    oidc_voter,
    verified_claims,
)
from voting.errors import StoreUnavailable
from voting.fields import VOTER

KEYS_KEPT_SECONDS = 3600.0
# Tokens with made-up key ids must not cause a request to the issuer each.
KEYS_ASKED_AGAIN_SECONDS = 30.0
MAX_KEYS_BYTES = 65536

_log = logging.getLogger("ingress")
_voter = re.compile(VOTER)

# Makes a call of DynamoDB: the action and its body.
type Call = Callable[[str, bytes], Reply]


def voter_source(
    settings: IngressSettings,
    now: Callable[[], float],
    dynamodb: Callable[[], Call],
    cognito_endpoint: str = "",
) -> VoterOf | None:
    """Return a function that finds the voter of a request, or None if the body names the voter.

    Args:
        settings: of this function.
        now: the clock, in seconds since the epoch.
        dynamodb: connects to DynamoDB, which is needed with ``codes`` only.
        cognito_endpoint: where Cognito is, if not at its issuer's address (the AWS SDKs' own variable).
    """
    if settings.voter_auth == "codes":
        return _code_source(settings, now, dynamodb())
    if settings.voter_auth in ("none", "iam"):
        return None
    claims = _claims_source(settings, now, cognito_endpoint)

    def voter_of(event: Mapping[str, Any], _poll_id: str) -> str:
        try:
            if settings.voter_auth == "cognito":
                return cognito_voter(claims(event), settings.audiences, settings.token_scopes)
            voter = oidc_voter(claims(event), settings.audiences, settings.voter_claim)
        except InvalidToken:
            raise DoorRefused(UNAUTHORIZED) from None
        # Signing in again would not help: this issuer's claim has names that cannot vote.
        if not _voter.fullmatch(voter):
            raise DoorRefused(FORBIDDEN)
        return voter

    return voter_of


def _claims_source(
    settings: IngressSettings, now: Callable[[], float], cognito_endpoint: str
) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Return a function that finds the verified claims of a request."""
    if settings.vote_door == "http":
        return _gateway_claims
    issuer = settings.issuer
    if settings.voter_auth == "oidc":
        discovery = f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
        keys = IssuerKeys(lambda: fetched(keys_url(fetched(discovery), issuer)), now)
    else:
        place = f"{cognito_endpoint}/{issuer.rpartition('/')[2]}" if cognito_endpoint else issuer
        keys = IssuerKeys(lambda: fetched(f"{place}/.well-known/jwks.json"), now)
    return lambda event: keys.claims(_bearer(event), issuer)


def _code_source(settings: IngressSettings, now: Callable[[], float], call: Call) -> VoterOf:
    keys = dict([code_key(settings.code_key)])
    batches = CodeBatches(settings.polls_table, call, now)

    def voter_of(event: Mapping[str, Any], poll_id: str) -> str:
        try:
            claims = verified_claims(_bearer(event), keys, settings.issuer, now())
            voter, batch = code_voter(claims, poll_id)
        except InvalidToken:
            raise DoorRefused(UNAUTHORIZED) from None
        batches.require(poll_id, batch)
        return voter

    return voter_of


def _gateway_claims(event: Mapping[str, Any]) -> Mapping[str, Any]:
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    claims = (authorizer.get("jwt") or {}).get("claims")
    if type(claims) is not dict:
        raise InvalidToken("not checked by an authorizer")
    # API Gateway hands every claim over as a text, a list as "[a b]".
    audience = claims.get("aud")
    if type(audience) is str and audience.startswith("[") and audience.endswith("]"):
        return {**claims, "aud": audience[1:-1].split()}
    return claims


def _bearer(event: Mapping[str, Any]) -> str:
    """Return the token of a request; the word Bearer may be left out, as at the REST door."""
    header = (event.get("headers") or {}).get("authorization")
    if type(header) is not str:
        raise InvalidToken("no token")
    scheme, _, token = header.partition(" ")
    if not token:
        return scheme
    if scheme.lower() != "bearer":
        raise InvalidToken("no bearer token")
    return token.strip()


class IssuerKeys:
    """The issuer's keys, as one container knows them."""

    def __init__(self, fetch: Callable[[], bytes], now: Callable[[], float]) -> None:
        """Take a function that reads the JWKS, and the clock."""
        self._fetch = fetch
        self._now = now
        self._keys: dict[str, PublicKey] = {}
        self._fetched_at = self._asked_at = float("-inf")

    def claims(self, token: str, issuer: str) -> dict[str, Any]:
        """Return the claims of a valid token. An unknown key is looked up at the issuer, at most now and then.

        Raises:
            InvalidToken: the token is not valid.
            StoreUnavailable: the keys have never been read, and can't be read at the moment.
        """
        now = self._now()
        if now - self._fetched_at >= KEYS_KEPT_SECONDS:
            self._refresh(now)
        try:
            return verified_claims(token, self._keys, issuer, now)
        except UnknownKey:
            self._refresh(now)
            return verified_claims(token, self._keys, issuer, now)

    def _refresh(self, now: float) -> None:
        if now - self._asked_at >= KEYS_ASKED_AGAIN_SECONDS:
            self._asked_at = now
            try:
                self._keys, self._fetched_at = keys_in(self._fetch()), now
            except (OSError, http.client.HTTPException, InvalidToken) as error:
                _log.warning("the issuer's keys can't be read: %s", _cause(error))
        if not self._keys:
            raise StoreUnavailable("the issuer's keys can't be read")


def _cause(error: Exception) -> str:
    # Our own texts quote nothing. Those of libraries may.
    return str(error) if isinstance(error, InvalidToken) else type(error).__name__


def fetched(url: str) -> bytes:
    """Return the content of an http or https URL. Redirects are not followed.

    Raises:
        OSError, http.client.HTTPException: it can't be read.
    """
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    connect = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    connection = connect(host, timeout=CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"/{path}", headers={"accept": "application/json"})
        response = connection.getresponse()
        content = response.read(MAX_KEYS_BYTES + 1)
    finally:
        connection.close()
    if response.status != http.client.OK or len(content) > MAX_KEYS_BYTES:
        raise http.client.HTTPException(f"status {response.status}")
    return content
