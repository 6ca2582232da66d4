"""Cognito's own sign-in pages, with the parts that LocalEmu lacks: nonce, PKCE, the issuer's name, and signing out.

Its ID tokens lack the nonce of the request, so a page that compares them refuses every sign-in. It exchanges a code
whatever the verifier is, so a page that sends a wrong one would work here, and not on AWS. Its discovery document names
another issuer than the tokens do (http_api.py).
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported"

import base64
import hashlib
import json
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from localemu.http import Response
from localemu.services.cognito_idp import oauth2, oidc
from localemu.services.edge import ROUTER

from localcloud.emulator.http_api import issuer_of


class _Asked(NamedTuple):
    nonce: str
    challenge: str


_by_state: dict[str, _Asked] = {}
_by_code: dict[str, _Asked] = {}
_nonce: ContextVar[str] = ContextVar("nonce", default="")


def authorize(handle: Callable[..., Any], request: Any, **more: Any) -> Any:
    """Show the form, or redirect with a code, and store the code's nonce and challenge."""
    if request.method == "GET":
        asked = _Asked(request.args.get("nonce", ""), request.args.get("code_challenge", ""))
        _by_state[request.args.get("state", "")] = asked
        return handle(request, **more)
    response = handle(request, **more)
    for code in parse_qs(urlsplit(response.headers.get("Location", "")).query).get("code", []):
        _by_code[code] = _by_state.pop(request.form.get("state", ""), _Asked("", ""))
    return response


def token(handle: Callable[..., Any], request: Any, **more: Any) -> Any:
    """Exchange a code for tokens, if the verifier matches the challenge."""
    asked = _by_code.pop(request.form.get("code", ""), _Asked("", ""))
    digest = hashlib.sha256(request.form.get("code_verifier", "").encode()).digest()
    if asked.challenge and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked.challenge:
        return Response(json.dumps({"error": "invalid_grant"}), status=400, mimetype="application/json")
    _add_nonce_to_tokens()
    reset = _nonce.set(asked.nonce)
    try:
        return handle(request, **more)
    finally:
        _nonce.reset(reset)


def logout(request: Any, **_more: Any) -> Any:
    """Redirect to the page, if it is one of the client's.

    https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html
    """
    found = oauth2._find_client(request.args.get("client_id", ""))
    address = request.args.get("logout_uri", "")
    if found is None or address not in (oauth2._client_field(found[-1], "LogoutURLs") or ()):
        return Response(json.dumps({"error": "invalid_request"}), status=400, mimetype="application/json")
    return Response(status=302, headers={"Location": address})


def discovery(handle: Callable[..., Any], request: Any, pool_id: str, **more: Any) -> Any:
    """Name the issuer as the pool's tokens do."""
    response = handle(request, pool_id=pool_id, **more)
    if response.status_code == 200:
        response.set_data(json.dumps(response.json | {"issuer": issuer_of(pool_id)}))
    return response


def _add_nonce_to_tokens() -> None:
    """Wrap the function that creates ID tokens. This needs a pool: LocalEmu loads Cognito at its first use."""
    from localemu.services.cognito_idp import provider

    make = provider.generate_id_token
    if isinstance(make, partial):
        return
    provider.generate_id_token = partial(_with_nonce, make)


def _with_nonce(make: Callable[..., str], **claims: Any) -> str:
    nonce = _nonce.get()
    more = {"nonce": nonce} if nonce else {}
    return make(**claims | {"extra_claims": (claims.get("extra_claims") or {}) | more})


def install() -> None:
    """Replace LocalEmu's own function by this one."""
    oauth2._handle_authorize = partial(authorize, oauth2._handle_authorize)
    oauth2._handle_token = partial(token, oauth2._handle_token)
    oidc._handle_openid_configuration = partial(discovery, oidc._handle_openid_configuration)
    ROUTER.add(path="/logout", endpoint=logout, methods=["GET"])
