"""Least privilege: no permission is missing, and none is unused. `conftest.py` runs these tests last.

LocalEmu refuses what a role may not do; MiniStack, which emulates DynamoDB, does not know roles. So all calls of each
role during all tests are compared with the policies that Terraform planned.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import httpx
import pytest

import localcloud
from e2e.observing import wait_for
from e2e.privileges import deployed_grants, not_granted, not_used, recorded_calls
from votectl.counts import CountReader
from votectl.deployment import Deployment
from voting.polls import Poll

pytestmark = [pytest.mark.local_cloud, pytest.mark.disruptive]


@pytest.fixture
def prefix(deployment: Deployment) -> str:
    """The prefix of all physical names of the deployment."""
    return deployment.stream_name.removesuffix("votes")


@contextmanager
def without(role: str, action: str) -> Iterator[None]:
    """Take one action away from a role's policies."""
    iam = boto3.client("iam")
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

    def put(document: object) -> None:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    statements = []
    for statement in policy["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if kept := [kept for kept in actions if kept != action]:
            statements.append({**statement, "Action": kept})
    # A policy needs a statement; this one allows an action that no test calls.
    nothing = {
        "Sid": "Nothing",
        "Effect": "Allow",
        "Action": "iam:GetRole",
        "Resource": "arn:aws:iam::0:role/none",
    }
    put({"Version": "2012-10-17", "Statement": statements or [nothing]})
    try:
        yield
    finally:
        put(policy)


def test_without_permission_to_put_records_a_vote_is_refused_and_not_stored(
    prefix: str,
    front_door: httpx.Client,
    reader: CountReader,
    open_poll: Callable[..., Poll],
) -> None:
    poll = open_poll("a", "b")
    path = f"/polls/{poll.poll_id}/votes"
    with without(f"{prefix}api", "kinesis:PutRecord"):
        refused = front_door.post(path, json={"option": "a", "voter": "v"})
    assert refused.status_code == 503
    assert refused.json()["error"] == "unavailable"

    assert front_door.post(path, json={"option": "b", "voter": "v"}).status_code == 202
    wait_for(lambda: reader.stored(poll) == Counter(b=1), 60)
    wait_for(lambda: reader.live(poll.poll_id).received == 1, 60)


def test_without_permission_to_read_the_stream_votes_are_counted_only_later(
    prefix: str,
    front_door: httpx.Client,
    reader: CountReader,
    open_poll: Callable[..., Poll],
) -> None:
    poll = open_poll("a", "b")
    with without(f"{prefix}vote-aggregator", "kinesis:GetRecords"):
        assert front_door.post(f"/polls/{poll.poll_id}/votes", json={"option": "a", "voter": "v"}).is_success
        # The other consumer has its own role, and shows that there was enough time.
        wait_for(lambda: reader.stored(poll) == Counter(a=1), 60)
        assert reader.live(poll.poll_id).received == 0
    wait_for(lambda: reader.live(poll.poll_id).received == 1, 60)


@contextmanager
def without_permissions_of(function: str) -> Iterator[None]:
    """Remove the function's own policy, which allows others to invoke it."""
    client = boto3.client("lambda")
    statements = json.loads(client.get_policy(FunctionName=function)["Policy"])["Statement"]
    for statement in statements:
        client.remove_permission(FunctionName=function, StatementId=statement["Sid"])
    try:
        yield
    finally:
        for statement in statements:
            client.add_permission(
                FunctionName=function,
                StatementId=statement["Sid"],
                Action=statement["Action"],
                Principal=statement["Principal"]["Service"],
                SourceArn=statement["Condition"]["ArnLike"]["AWS:SourceArn"],
            )


def test_without_permission_to_invoke_the_function_results_are_unavailable(
    prefix: str, front_door: httpx.Client, open_poll: Callable[..., Poll]
) -> None:
    path = f"/polls/{open_poll('a', 'b').poll_id}/results"
    with without_permissions_of(f"{prefix}results-api"):
        assert front_door.get(path).status_code >= 500
    assert front_door.get(path).status_code == 200


def test_every_call_is_granted_by_a_policy(prefix: str) -> None:
    grants = deployed_grants(prefix)
    calls = [call for call in recorded_calls(localcloud.call_log()) if call.role.startswith(prefix)]
    # test_changing_doors.py opens these doors and closes them again, and their roles go with them.
    closed = {f"{prefix}{door}-ingress" for door in ("http", "url")} - {grant.role for grant in grants}
    calls = [call for call in calls if call.role not in closed]
    assert {call.role for call in calls} <= {grant.role for grant in grants}
    assert not_granted(grants, calls) == []


def test_every_grant_was_used(prefix: str, request: pytest.FixtureRequest) -> None:
    """Only if all tests ran: conftest.py leaves it out of a partial run, which uses fewer permissions."""
    elsewhere: Path | None = request.config.getoption("--other-calls")
    logs = [localcloud.call_log(), *([elsewhere] if elsewhere else [])]
    calls = [call for log in logs for call in recorded_calls(log)]
    # The additional doors of test_voters.py use the platform's modules, and fewer permissions of their roles.
    grants = [grant for grant in deployed_grants(prefix) if not grant.role.startswith(f"{prefix}doors-")]
    assert not_used(grants, calls) == []
