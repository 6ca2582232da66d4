"""What the endpoint under test can do. The endpoint is asked, so a new emulator needs no entry here."""

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


def _cognito(environment: str) -> bool:
    """Whether it has user pools. LocalStack's free edition answers 501."""
    deployments.aim(environment)
    try:
        boto3.client("cognito-idp").list_user_pools(MaxResults=1)
    except (BotoCoreError, ClientError):
        return False
    return True


def _scheduler(_environment: str) -> bool:
    """Whether schedules start anything. LocalStack stores them and never does; its health page names it."""
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
    "cognito": _cognito,
    "scheduler": _scheduler,
}


def needed_by(item: pytest.Item) -> set[str]:
    """Return the capabilities that a test names by its marks, or by using the doors."""
    needed = {name for name in CAPABILITIES if item.get_closest_marker(name)}
    return needed | ({"cognito"} if "doors" in getattr(item, "fixturenames", ()) else set())


def left_out(items: list[pytest.Item], environment: str) -> dict[str, str]:
    """Return the tests that need what the endpoint lacks: the test's id to the capability."""
    if _local_cloud(environment):
        return {}  # it can do everything, so a test that it fails is not left out
    asked = {name for item in items for name in needed_by(item)}
    lacking = {name for name in asked if not CAPABILITIES[name](environment)}
    return {
        item.nodeid: ", ".join(sorted(needed_by(item) & lacking))
        for item in items
        if needed_by(item) & lacking
    }
