"""Payload format 2.0, which HTTP APIs and function URLs share: a request as an event, and a result as an answer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported"

import base64
import datetime
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from localemu.aws.api.lambda_ import InvocationType
from localemu.http import Response
from localemu.services.iam_enforcement.enforcer import iam_enforcement_handler
from localemu.services.iam_enforcement.evaluator import Decision
from localemu.services.iam_enforcement.identity import resolve_caller
from rolo.request import get_raw_path

# Every door has a path below the local cloud's one endpoint: PREFIX, kind, id of the API or URL, path of the request.
PREFIX = "/_votestream"

_TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")


class Cors(NamedTuple):
    """The pages of other origins that may read answers; both doors have the same settings."""

    origins: Sequence[str]
    methods: Sequence[str]
    headers: Sequence[str]
    exposed: Sequence[str]
    max_age: int | None

    def allowed_origin(self, request: Any) -> str | None:
        """Return the origin to allow. There is no pattern for ports."""
        origin: str = request.headers.get("Origin", "")
        scheme = origin.partition("://")[0]
        allowed = {origin, "*", f"{scheme}://*"}.intersection(self.origins) if origin else None
        return origin if allowed else None

    def preflight(self, request: Any, status: int) -> Any:
        """Answer a browser's preflight request; no function sees it."""
        response = Response(status=status)
        self.add_to(response, request)
        if "Access-Control-Allow-Origin" in response.headers:
            response.headers["Access-Control-Allow-Methods"] = ",".join(self.methods)
            response.headers["Access-Control-Allow-Headers"] = ",".join(self.headers)
            if self.max_age is not None:
                response.headers["Access-Control-Max-Age"] = str(self.max_age)
        return response

    def add_to(self, response: Any, request: Any) -> None:
        """Add the CORS headers to an answer, if the origin is allowed. They replace those of a function."""
        for name in [name for name, _ in response.headers if name.lower().startswith("access-control-")]:
            del response.headers[name]
        origin = self.allowed_origin(request)
        if origin is not None:
            response.headers["Access-Control-Allow-Origin"] = origin
            if self.exposed:
                response.headers["Access-Control-Expose-Headers"] = ",".join(self.exposed)


def path_of(request: Any, kind: str, door_id: str) -> str:
    """Return the path that a client has sent to a door, percent-encoded as it came."""
    raw: str = get_raw_path(request)
    return raw.removeprefix(f"{PREFIX}/{kind}/{door_id}") or "/"


def event_of(
    request: Any,
    path: str,
    route_key: str,
    domain: str,
    account: str,
    authorizer: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the event for a request.

    Args:
        request: the request.
        path: of the request, without the part that names the door.
        route_key: of the route; "$default" at a function URL.
        domain: the door's own host name.
        account: the door's account; "anonymous" for an unsigned request.
        authorizer: the verified facts about the sender; None leaves them out.
    """
    now = datetime.datetime.now(datetime.UTC)
    body: bytes = request.get_data()
    is_text = request.headers.get("Content-Type", "").lower().startswith(_TEXT_TYPES)
    content, encoded = _body(body, is_text=is_text)
    query = request.query_string.decode("latin-1")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {name.lower(): ",".join(request.headers.getlist(name)) for name, _ in request.headers},
        "requestContext": {
            "accountId": account,
            "apiId": domain.partition(".")[0],
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.remote_addr or "127.0.0.1",
                "userAgent": request.headers.get("User-Agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": route_key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": encoded,
    }
    if query:
        event["queryStringParameters"] = {name: ",".join(request.args.getlist(name)) for name in request.args}
    if body:
        event["body"] = content
    if authorizer is not None:
        event["requestContext"]["authorizer"] = dict(authorizer)
    return event


def _body(body: bytes, *, is_text: bool) -> tuple[str, bool]:
    if is_text:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def answer_of(payload: bytes) -> Any:
    """Return the answer in a function's result.

    A result without a status becomes 200 with the result as its body, which is why a function must always name one.
    """
    result = json.loads(payload)
    if not isinstance(result, dict) or "statusCode" not in result:
        body = result if isinstance(result, str) else json.dumps(result)
        return Response(body, 200, content_type="application/json")
    body = result.get("body", "")
    content = base64.b64decode(body) if result.get("isBase64Encoded") else body
    response = Response(content, int(result["statusCode"]), content_type="application/json")
    for name, value in (result.get("headers") or {}).items():
        response.headers[name] = str(value)
    return response


def allows(account: str, region: str, key: str, actions: Mapping[str, str], known: Mapping[str, str]) -> bool:
    """Say whether the owner of an access key may take actions, each on a resource, by the policies of that owner."""
    caller = resolve_caller(key, account, region)
    return caller is not None and all(
        iam_enforcement_handler.evaluator.evaluate(caller, action, resource, dict(known)) is Decision.ALLOW
        for action, resource in actions.items()
    )


def identity_of(account: str, region: str, key: str) -> dict[str, Any]:
    """Return the facts about a request's signer that AWS passes to a function."""
    caller = resolve_caller(key, account, region)
    return {
        "accessKey": key,
        "accountId": account,
        "callerId": key,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": key,
    }


def invoke(
    lambda_service: Any, account: str, region: str, name: str, qualifier: str | None, event: Mapping[str, Any]
) -> Any:
    """Invoke a function with an event, and wait for its result."""
    return lambda_service.invoke(
        function_name=name,
        qualifier=qualifier,
        region=region,
        account_id=account,
        invocation_type=InvocationType.RequestResponse,
        client_context="{}",
        request_id=str(uuid.uuid4()),
        payload=json.dumps(event).encode(),
    )


def refusal(status: int, message: str, field: str = "message") -> Any:
    """Return an answer of AWS's own, which no function has seen."""
    return Response(json.dumps({field: message}), status, content_type="application/json")
