"""Entry point of the function behind the HTTP API and the function URL."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from ingress.answers import DoorAnswer, Reply, answer_for_batch, answer_for_vote, refusal_answer, retry_after
from ingress.connection import AwsConnection, endpoint_from_env
from ingress.refusals import UNAVAILABLE, DoorRefused
from ingress.requests import Rules, read_call
from ingress.settings import IngressSettings
from ingress.signing import DYNAMODB, KINESIS, RoleCredentials, Service
from ingress.voters import voter_source
from voting.errors import StoreUnavailable

_log = logging.getLogger("ingress")


class IngressRuntime(NamedTuple):
    """What a container keeps between requests."""

    rules: Rules
    call: Callable[[str, bytes], Reply]


def lambda_handler(event: dict[str, Any], _context: object) -> DoorAnswer:
    """Answer one request of the door."""
    return handle(event, runtime())


@cache
def runtime() -> IngressRuntime:
    """Build the container's runtime from the environment at its first request."""
    return runtime_from(os.environ)


def runtime_from(environ: Mapping[str, str]) -> IngressRuntime:
    """Build a runtime from an environment."""
    settings = IngressSettings.from_env(environ)
    credentials = RoleCredentials(
        environ["AWS_ACCESS_KEY_ID"],
        environ["AWS_SECRET_ACCESS_KEY"],
        environ.get("AWS_SESSION_TOKEN", ""),
    )

    def connection(service: Service) -> AwsConnection:
        endpoint = endpoint_from_env(environ, service)
        return AwsConnection(service, endpoint, credentials, environ["AWS_REGION"], time.time)

    rules = Rules(
        stream=settings.stream,
        batch_enabled=settings.batch_enabled,
        signed_votes=settings.voter_auth == "iam",
        voter_of=voter_source(
            settings,
            time.time,
            lambda: connection(DYNAMODB).call,
            environ.get("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER") or environ.get("AWS_ENDPOINT_URL", ""),
        ),
    )
    return IngressRuntime(rules, connection(KINESIS).call)


def handle(event: Mapping[str, Any], runtime: IngressRuntime) -> DoorAnswer:
    """Answer one request. A bad request and an unavailable stream get an answer, too."""
    try:
        call = read_call(event, runtime.rules)
        reply = runtime.call(call.action, call.body)
    except DoorRefused as refused:
        return refusal_answer(refused.refusal, retry_after(event))
    except StoreUnavailable as error:
        _log.warning("a vote could not be confirmed: %s", error)
        return refusal_answer(UNAVAILABLE, retry_after(event))
    if call.action == "PutRecord":
        answer = answer_for_vote(reply, retry_after(event))
    else:
        answer = answer_for_batch(reply, call.votes, retry_after(event))
    if answer["statusCode"] == UNAVAILABLE.status:
        _log.warning("Kinesis did not store a vote: status %d", reply.status)
    return answer
