"""The capabilities of the endpoint under test. Tests ask the endpoint, so a new emulator needs no entry here."""

from collections.abc import Callable

import boto3
import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError

import localcloud
from votectl import deployment as deployments


def _local_cloud(environment: str) -> bool:
    """Whether it is the local cloud of this checkout, whose processes tests can pause and kill."""
    return environment == deployments.LOCAL and localcloud.external_endpoint() is None


def _answers(environment: str, ask: Callable[[], object]) -> bool:
    """Whether the endpoint answers a harmless question. LocalStack's free edition answers 501 for whole services."""
    deployments.aim(environment)
    try:
        ask()
    except (BotoCoreError, ClientError):
        return False
    return True


def _cognito(environment: str) -> bool:
    return _answers(environment, lambda: boto3.client("cognito-idp").list_user_pools(MaxResults=1))


def _http_api(environment: str) -> bool:
    return _answers(environment, lambda: boto3.client("apigatewayv2").get_apis(MaxResults="1"))


def _not_localstack(_environment: str) -> bool:
    """Whether the endpoint does things that LocalStack only stores. LocalStack's health page names it."""
    endpoint = localcloud.external_endpoint()
    if endpoint is None:
        return True
    try:
        answer = httpx.get(f"{endpoint.rstrip('/')}/_localstack/health", timeout=5)
        return "edition" not in answer.json()
    except (httpx.HTTPError, ValueError):
        return True


CAPABILITIES: dict[str, Callable[[str], bool]] = {
    "local_cloud": _local_cloud,
    "cognito": _cognito,  # user pools
    "http_api": _http_api,
    "scheduler": _not_localstack,  # schedules start tallies
    "throttling": _not_localstack,  # the limits of APIs are applied
}
# Fixtures that need one.
FIXTURES = dict.fromkeys(("cognito", "signed_in", "voter", "another_voter", "voters"), "cognito")


def has(name: str, environment: str) -> bool:
    """Say whether the endpoint under test has a capability. The local cloud has all, so no test of it is left out."""
    return _local_cloud(environment) or CAPABILITIES[name](environment)


def needed_by(item: pytest.Item) -> set[str]:
    """Return the capabilities that a test names by its marks, by its fixtures, or by its kind of door."""
    needed = {name for name in CAPABILITIES if item.get_closest_marker(name)}
    needed |= {FIXTURES[name] for name in getattr(item, "fixturenames", ()) if name in FIXTURES}
    parameters = getattr(item, "callspec", None)
    return needed | ({"http_api"} if parameters and "http" in parameters.params.values() else set())


def left_out(items: list[pytest.Item], environment: str) -> dict[str, str]:
    """Return the tests that need what the endpoint lacks: the test's id to the capability."""
    asked = {name for item in items for name in needed_by(item)}
    lacking = {name for name in asked if not has(name, environment)}
    return {
        item.nodeid: ", ".join(sorted(needed_by(item) & lacking))
        for item in items
        if needed_by(item) & lacking
    }
