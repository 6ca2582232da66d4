"""The results API as a WSGI application, which turns requests into events like API Gateway."""

import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote

from results_api.handler import ResultsRuntime, handle
from results_api.requests import Route

type StartResponse = Callable[[str, list[tuple[str, str]]], object]

STAGE = "/v1"

# A resource's braces stand for one segment of the path.
_RESOURCES = {re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route)): route for route in Route}


def application(runtime: ResultsRuntime) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """Return an application that answers with this runtime."""

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        event = _event(environ)
        if event is None:
            # As the gateway response MISSING_AUTHENTICATION_TOKEN has it (infra/modules/api/answers.tf).
            start_response("404 Not Found", [("Content-Type", "application/json")])
            return [b'{"error":"not_found","message":"There is nothing under this method and path."}']
        answered = handle(event, runtime)
        status = HTTPStatus(answered["statusCode"])
        start_response(f"{status.value} {status.phrase}", list(answered["headers"].items()))
        return [answered["body"].encode()]

    return answer


def _event(environ: Mapping[str, Any]) -> dict[str, Any] | None:
    path = str(environ.get("REQUEST_URI") or environ["PATH_INFO"]).partition("?")[0].removeprefix(STAGE)
    for pattern, route in _RESOURCES.items():
        matched = pattern.fullmatch(path)
        if matched and environ["REQUEST_METHOD"] == "GET":
            headers = {
                name.removeprefix("HTTP_").replace("_", "-").title(): [value]
                for name, value in environ.items()
                if name.startswith("HTTP_")
            }
            query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
            return {
                "resource": str(route),
                "httpMethod": "GET",
                "path": path,
                "pathParameters": {name: unquote(value) for name, value in matched.groupdict().items()},
                "multiValueHeaders": headers or None,
                "multiValueQueryStringParameters": query or None,
                "body": None,
            }
    return None
