"""Function URLs, as far as Lambda documents them: a path, CORS, signatures, the function's own policy, and 429.

LocalEmu serves a URL under its host name only, which needs a name server. It ignores the URL's authorization, sends no
CORS headers, and answers 500 if no concurrency is left.
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported"

from functools import partial
from typing import Any

from localemu.aws.api.lambda_ import TooManyRequestsException
from localemu.services.apigateway.next_gen.execute_api.gateway_response import BaseGatewayException
from localemu.services.iam_enforcement.condition_evaluator import matches_conditions
from localemu.services.lambda_.invocation.models import lambda_stores
from localemu.services.lambda_.urlrouter import FunctionUrlRouter

from localcloud.emulator import http_api, payload
from localcloud.emulator.front_door import check_signature

KIND = "url"
MAX_BODY_BYTES = 6_000_000

# The permissions of a public URL, since October 2025.
PUBLIC_ACTIONS = frozenset({"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"})

FORBIDDEN = "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"


def handle(lambda_service: Any, request: Any, door_id: str, path: str = "") -> Any:
    """Answer one request to a function URL."""
    del path
    found = [
        (account, region, function, url)
        for account, regions in lambda_stores.items()
        for region, store in regions.items()
        for function in store.functions.values()
        for url in function.function_url_configs.values()
        if url.url_id == door_id
    ]
    if not found:
        return payload.refusal(403, FORBIDDEN, "Message")
    ((account, region, function, url),) = found
    cors = _cors_of(url.cors)
    if cors is not None and request.method == "OPTIONS":
        return cors.preflight(request, 200)
    answer = _answer(lambda_service, request, account, region, function, url)
    if cors is not None:
        cors.add_to(answer, request)
    return answer


def _cors_of(settings: Any) -> payload.Cors | None:
    if not settings:
        return None
    return payload.Cors(
        settings.get("AllowOrigins") or (),
        settings.get("AllowMethods") or (),
        settings.get("AllowHeaders") or (),
        settings.get("ExposeHeaders") or (),
        settings.get("MaxAge"),
    )


def _answer(lambda_service: Any, request: Any, account: str, region: str, function: Any, url: Any) -> Any:
    authorizer, owner = None, "anonymous"
    if url.auth_type == "AWS_IAM":
        try:
            key = check_signature(request, account, region, "lambda")
        except BaseGatewayException:
            return payload.refusal(403, FORBIDDEN, "Message")
        actions = dict.fromkeys(PUBLIC_ACTIONS, url.function_arn)
        known = {"lambda:FunctionUrlAuthType": "AWS_IAM", "lambda:InvokedViaFunctionUrl": "true"}
        if not payload.allows(account, region, key, actions, known):
            return payload.refusal(403, FORBIDDEN, "Message")
        authorizer, owner = {"iam": payload.identity_of(account, region, key)}, account
    elif not is_public(function):
        return payload.refusal(403, FORBIDDEN, "Message")
    if len(request.get_data()) > MAX_BODY_BYTES:
        return payload.refusal(413, "Request Entity Too Large", "Message")
    name, qualifier = url.function_arn.split(":")[6:8]
    domain = f"{url.url_id}.lambda-url.{region}.on.aws"
    event = payload.event_of(
        request, payload.path_of(request, KIND, url.url_id), "$default", domain, owner, authorizer
    )
    try:
        result = payload.invoke(lambda_service, account, region, name, qualifier, event)
    except TooManyRequestsException:
        return payload.refusal(429, "Rate Exceeded.", "Message")
    if result.is_error:
        return payload.refusal(502, "Internal Server Error", "Message")
    return payload.answer_of(result.payload)


def is_public(function: Any) -> bool:
    """Say whether the function's policy makes its URL public. Otherwise a URL with NONE answers 403."""
    known = {"lambda:FunctionUrlAuthType": "NONE", "lambda:InvokedViaFunctionUrl": "true"}
    granted = {
        statement["Action"]
        for entry in function.permissions.values()
        for statement in entry.policy.Statement
        if statement["Effect"] == "Allow"
        and statement["Principal"] in ("*", {"AWS": "*"})
        and matches_conditions(statement, known)
    }
    return granted >= PUBLIC_ACTIONS


def install() -> None:
    """Serve both doors below the local cloud's one endpoint, besides LocalEmu's own routes."""
    register = FunctionUrlRouter.register_routes

    def register_routes(router: Any) -> None:
        if not router.registered:
            for kind, answer in ((KIND, handle), (http_api.KIND, http_api.handle)):
                for rule in ("/", "/<path:path>"):
                    router.router.add(
                        f"{payload.PREFIX}/{kind}/<door_id>{rule}",
                        endpoint=partial(answer, router.lambda_service),
                    )
        register(router)

    FunctionUrlRouter.register_routes = register_routes
