"""HTTP APIs, as far as API Gateway documents them: routes, CORS, throttling, signatures, tokens, changes of a stage.

LocalEmu's own handler answers no preflight, counts no burst, and has no UpdateStage. It accepts any header that looks
like a signature, presents a signature's data as a token's claims, and checks neither issuer nor audience. So requests
below PREFIX go to this handler. LocalEmu's own keeps its paths.
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported"

import json
import re
import ssl
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

import jwt
from localemu.aws.api import CommonServiceException
from localemu.aws.handlers import cors as cors_handlers
from localemu.services.apigateway.next_gen.execute_api.gateway_response import BaseGatewayException
from localemu.services.apigatewayv2 import provider
from localemu.services.cognito_idp import tokens
from localemu.services.cognito_idp.oidc import get_pool_keys
from moto.apigatewayv2.models import apigatewayv2_backends

from localcloud.emulator import payload
from localcloud.emulator.front_door import check_signature
from localcloud.emulator.permissions import check_function_policy

KIND = "http"
MAX_BODY_BYTES = 10_000_000

# "arn:aws:apigateway:…:lambda:path/2015-03-31/functions/<the function's ARN, with an alias>/invocations"
_FUNCTION = re.compile(r"function:(?P<name>[^:/]+)(?::(?P<qualifier>[^/]+))?/invocations$")
_PLACEHOLDER = re.compile(r"\{[^}]+\}")


class HttpApiRefused(Exception):
    """When API Gateway itself answers."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Throttle:
    """A token bucket for each stage: its size is the burst, and it fills at the rate."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = defaultdict(lambda: (float("inf"), 0.0))

    def lets_in(self, stage: str, rate: float, burst: float, now: float) -> bool:
        """Take one token, if there is one."""
        with self._lock:
            left, filled_at = self._buckets[stage]
            left = min(burst, left + (now - filled_at) * rate)
            self._buckets[stage] = (left - 1 if left >= 1 else left, now)
            return left >= 1


_throttle = Throttle()


def handle(lambda_service: Any, request: Any, door_id: str, path: str = "") -> Any:
    """Answer one request to an HTTP API."""
    del path
    found = [
        (account, region, backend.apis[door_id])
        for account, regions in apigatewayv2_backends.items()
        for region, backend in regions.items()
        if door_id in backend.apis
    ]
    if not found:
        return payload.refusal(404, "Not Found")
    ((account, region, api),) = found
    cors = cors_of(api.cors_configuration)
    if cors is not None and request.method == "OPTIONS":
        return cors.preflight(request, 204)
    try:
        answer = _answer(lambda_service, request, account, region, api)
    except HttpApiRefused as refused:
        answer = payload.refusal(refused.status, refused.message)
    if cors is not None:
        cors.add_to(answer, request)
    return answer


def cors_of(settings: Mapping[str, Any] | None) -> payload.Cors | None:
    """Return an API's CORS settings."""
    if not settings:
        return None
    return payload.Cors(
        settings.get("allowOrigins") or (),
        settings.get("allowMethods") or (),
        settings.get("allowHeaders") or (),
        settings.get("exposeHeaders") or (),
        settings.get("maxAge"),
    )


def _answer(lambda_service: Any, request: Any, account: str, region: str, api: Any) -> Any:
    path = payload.path_of(request, KIND, api.api_id)
    if len(request.get_data()) > MAX_BODY_BYTES:
        raise HttpApiRefused(413, "Request Entity Too Large")
    route = next(
        (route for route in api.routes.values() if matches(route.route_key, request.method, path)), None
    )
    stage = api.stages.get("$default")
    if route is None or stage is None:
        raise HttpApiRefused(404, "Not Found")
    limits = stage.default_route_settings or {}
    rate, burst = limits.get("throttlingRateLimit"), limits.get("throttlingBurstLimit")
    if rate and burst and not _throttle.lets_in(api.api_id, float(rate), float(burst), time.monotonic()):
        raise HttpApiRefused(429, "Too Many Requests")
    arn = f"arn:aws:execute-api:{region}:{account}:{api.api_id}/$default/{request.method}{path}"
    authorizer: dict[str, Any] | None = None
    if route.authorization_type == "AWS_IAM":
        authorizer = {"iam": _signed_by(request, account, region, arn)}
    elif route.authorization_type == "JWT":
        settings = api.authorizers[route.authorizer_id].jwt_config
        claims = verified_claims(request, settings, route.authorization_scopes or ())
        authorizer = {
            "jwt": {"claims": {name: _text(value) for name, value in claims.items()}, "scopes": None}
        }
    integration = api.integrations[route.target.removeprefix("integrations/")]
    function = _FUNCTION.search(integration.integration_uri)
    if function is None:
        raise HttpApiRefused(500, "Internal Server Error")
    domain = f"{api.api_id}.execute-api.{region}.amazonaws.com"
    event = payload.event_of(request, path, route.route_key, domain, account, authorizer)
    try:
        check_function_policy(account, region, function["name"], arn)
        result = payload.invoke(
            lambda_service, account, region, function["name"], function["qualifier"], event
        )
    except CommonServiceException:
        # The invocation is forbidden, the function does not exist, or no concurrency is left.
        raise HttpApiRefused(500, "Internal Server Error") from None
    if result.is_error:
        raise HttpApiRefused(500, "Internal Server Error")
    return payload.answer_of(result.payload)


def matches(route_key: str, method: str, path: str) -> bool:
    """Say whether a route matches a request."""
    route_method, _, template = route_key.partition(" ")
    return route_method in {"ANY", method} and _pattern(template).fullmatch(path) is not None


@lru_cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in _PLACEHOLDER.split(template)))


def _signed_by(request: Any, account: str, region: str, arn: str) -> dict[str, Any]:
    """Return the signer of a request, if the signer has the permission."""
    try:
        key = check_signature(request, account, region)
    except BaseGatewayException:
        raise HttpApiRefused(403, "Forbidden") from None
    if not payload.allows(account, region, key, {"execute-api:Invoke": arn}, {}):
        raise HttpApiRefused(403, "Forbidden")
    return payload.identity_of(account, region, key)


def verified_claims(request: Any, settings: Mapping[str, Any], scopes: Any) -> dict[str, Any]:
    """Return the claims of a request's token, as a JWT authorizer does.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html: the issuer's signature,
    `iss`, `aud` (or `client_id`, only if there is no `aud`), `exp`, `nbf`, `iat`, and one of the route's scopes.
    """
    token = request.headers.get("Authorization", "")
    token = token[7:] if token.lower().startswith("bearer ") else token
    issuer, audiences = settings["issuer"], settings["audience"]
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _key_of(token, issuer),
            algorithms=["RS256"],
            issuer=issuer,
            options={"verify_aud": False, "require": ["exp", "iss"]},
        )
    except (jwt.PyJWTError, OSError, ValueError, KeyError):
        raise HttpApiRefused(401, "Unauthorized") from None
    named = claims.get("aud", claims.get("client_id"))
    if not set(named if isinstance(named, list) else [named]) & set(audiences):
        raise HttpApiRefused(401, "Unauthorized")
    if scopes and not set(scopes).intersection(str(claims.get("scope", "")).split()):
        raise HttpApiRefused(403, "Forbidden")
    return claims


def _key_of(token: str, issuer: str) -> Any:
    """Return the public key that a token names: of a local user pool, or of an issuer with discovery."""
    pool_keys = get_pool_keys(issuer.rpartition("/")[2])
    if pool_keys:
        return pool_keys[0].public_key()
    discovery = json.loads(_page(f"{issuer.removesuffix('/')}/.well-known/openid-configuration"))
    if discovery["issuer"] != issuer:
        raise ValueError("the discovery document is another issuer's")
    keys = jwt.PyJWKSet.from_dict(json.loads(_page(discovery["jwks_uri"])))
    return keys[jwt.get_unverified_header(token)["kid"]].key


def _page(url: str) -> bytes:
    # AWS requires a public certificate, which a test's issuer on this machine cannot have.
    trust = ssl.create_default_context()
    if urlsplit(url).hostname in ("localhost", "127.0.0.1"):
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    if not url.startswith("https://"):
        raise ValueError("an issuer's pages must be behind https")
    with urllib.request.urlopen(url, timeout=3, context=trust) as answer:  # noqa: S310 - https only
        content: bytes = answer.read()
    return content


def _text(value: Any) -> str:
    """Return a claim as in an event: always a text."""
    if isinstance(value, list):
        return f"[{' '.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def update_stage(context: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change a stage's settings. Moto has no such call: "The update_stage operation has not been implemented"."""
    stage = apigatewayv2_backends[context.account_id][context.region].get_stage(
        request["ApiId"], request["StageName"]
    )
    if "DefaultRouteSettings" in request:
        changed = {
            name[0].lower() + name[1:]: value for name, value in request["DefaultRouteSettings"].items()
        }
        stage.default_route_settings = {**(stage.default_route_settings or {}), **changed}
    for name, attribute in (("AutoDeploy", "auto_deploy"), ("Description", "description")):
        if name in request:
            setattr(stage, attribute, request[name])
    return {
        "StageName": stage.name,
        "AutoDeploy": stage.auto_deploy,
        "Description": stage.description,
        "DefaultRouteSettings": {
            name[0].upper() + name[1:]: value for name, value in stage.default_route_settings.items()
        },
        "Tags": stage.tags,
    }


def issuer_of(pool_id: str) -> str:
    """Return the issuer that a user pool's tokens name. LocalEmu's name its own address, which no deployment knows."""
    return f"https://cognito-idp.{pool_id.partition('_')[0]}.amazonaws.com/{pool_id}"


def keeps_its_own_cors(is_execute_api_call: Callable[[Any], bool], context: Any) -> bool:
    """Say whether a request is for an API or a function URL, to whose answers LocalEmu adds no CORS headers."""
    return context.request.path.startswith(f"{payload.PREFIX}/") or is_execute_api_call(context)


def install() -> None:
    """Replace LocalEmu's own functions by those above; `function_url` adds the path, which needs Lambda."""
    provider._INTERCEPTED_OPS["UpdateStage"] = update_stage
    tokens._pool_issuer = issuer_of
    cors_handlers.is_execute_api_call = partial(keeps_its_own_cors, cors_handlers.is_execute_api_call)
