"""Who votes, where voters sign in: the claims that API Gateway has verified, or a token that is verified here.

Behind the HTTP API the claims in the event can be trusted: nobody but that API may invoke the function (its
permission names the API as the source). A public function URL gives no such promise, because any AWS account may
invoke the function directly with an event of its own making. There the claims in the event are ignored.
"""

import http.client
import logging
from collections.abc import Callable, Mapping
from typing import Any

from ingress.kinesis import CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS
from ingress.refusals import UNAUTHORIZED, DoorRefused
from ingress.requests import VoterOf
from ingress.settings import IngressSettings
from ingress.tokens import InvalidToken, PublicKey, UnknownKey, cognito_voter, keys_in, verified_claims
from voting.errors import StoreUnavailable

KEYS_KEPT_SECONDS = 3600.0
# Tokens with made-up key ids must not make us ask the issuer for each of them.
KEYS_ASKED_AGAIN_SECONDS = 30.0
MAX_KEYS_BYTES = 65536

_log = logging.getLogger("ingress")


def voter_source(settings: IngressSettings, now: Callable[[], float], endpoint: str = "") -> VoterOf | None:
    """Return what finds the voter of a request, or None where the body names the voter.

    Args:
        settings: of this function.
        now: the clock, in seconds since the epoch.
        endpoint: where Cognito is, if not at its issuer's address (the AWS SDKs' own variable).
    """
    if settings.voter_auth != "cognito":
        return None
    if settings.vote_door == "http":
        return lambda event: _voter(lambda: _gateway_claims(event), settings)
    issuer = f"{endpoint}/{settings.issuer.rpartition('/')[2]}" if endpoint else settings.issuer
    url = f"{issuer}/.well-known/jwks.json"
    keys = IssuerKeys(lambda: fetched(url), now)
    return lambda event: _voter(lambda: keys.claims(_bearer(event), settings.issuer), settings)


def _voter(claims: Callable[[], Mapping[str, Any]], settings: IngressSettings) -> str:
    try:
        return cognito_voter(claims(), settings.client_ids, settings.token_scopes)
    except InvalidToken:
        raise DoorRefused(UNAUTHORIZED) from None


def _gateway_claims(event: Mapping[str, Any]) -> Mapping[str, Any]:
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    claims = (authorizer.get("jwt") or {}).get("claims")
    if type(claims) is not dict:
        raise InvalidToken("no authorizer has seen it")
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
        """Take how to get the JWKS, and the clock."""
        self._fetch = fetch
        self._now = now
        self._keys: dict[str, PublicKey] = {}
        self._fetched_at = self._asked_at = float("-inf")

    def claims(self, token: str, issuer: str) -> dict[str, Any]:
        """Return the claims of a token that may be trusted; an unknown key is looked for at the issuer, now and then.

        Raises:
            InvalidToken: the token is not to be trusted.
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
                _log.warning("the issuer's keys can't be read: %s", type(error).__name__)
        if not self._keys:
            raise StoreUnavailable("the issuer's keys can't be read")


def fetched(url: str) -> bytes:
    """Return what is at an http or https URL.

    Raises:
        OSError, http.client.HTTPException: it can't be had.
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
