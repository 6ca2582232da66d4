"""The end-to-end tests' comparison of grants with calls finds each kind of gap."""

from collections.abc import Iterable
from typing import Any

import pytest

from e2e.privileges import Call, Grant, grants_of, not_granted, not_used

POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "Put", "Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": "arn:stream"},
        {
            "Sid": "Log",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": ["arn:log-group:g:*"],
        },
        {
            "Sid": "ReadVersions",
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem"],
            "Resource": ["arn:votes"],
            "Condition": {
                "ForAllValues:StringEquals": {"dynamodb:Attributes": ["voter", "version"]},
                "StringEqualsIfExists": {"dynamodb:Select": ["SPECIFIC_ATTRIBUTES"]},
            },
        },
    ],
}
VERSION_ONLY = {"dynamodb:Attributes": ["version", "voter"], "dynamodb:Select": ["SPECIFIC_ATTRIBUTES"]}
CALLS = [
    Call("api", "kinesis:PutRecord", "arn:stream"),
    Call("api", "logs:CreateLogStream", "arn:log-group:g:log-stream:2026/[$LATEST]1"),
    Call("api", "logs:PutLogEvents", "arn:log-group:g:log-stream:2026/[$LATEST]1"),
    Call("api", "dynamodb:GetItem", "arn:votes", VERSION_ONLY),
]


def granted() -> list[Grant]:
    return list(grants_of("api", POLICY))


def without(action: str) -> Iterable[Grant]:
    return [grant for grant in granted() if grant.action != action]


def test_calls_that_equal_the_grants_pass() -> None:
    assert not_granted(granted(), CALLS) == []
    assert not_used(granted(), CALLS) == []


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.action)
def test_a_missing_permission_is_named(call: Call) -> None:
    (line,) = not_granted(without(call.action), CALLS)
    assert line.startswith(f"api: {call.action} on {call.resource}")


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.action)
def test_an_unused_permission_is_named(call: Call) -> None:
    (line,) = not_used(granted(), [other for other in CALLS if other != call])
    assert call.action in line


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(Call("writer", "kinesis:PutRecord", "arn:stream"), id="another-role"),
        pytest.param(Call("api", "kinesis:PutRecords", "arn:stream"), id="another-action"),
        pytest.param(Call("api", "kinesis:PutRecord", "arn:stream/other"), id="another-resource"),
        pytest.param(
            Call("api", "dynamodb:GetItem", "arn:votes", {**VERSION_ONLY, "dynamodb:Attributes": ["option"]}),
            id="another-attribute",
        ),
        pytest.param(
            Call(
                "api",
                "dynamodb:GetItem",
                "arn:votes",
                {"dynamodb:Attributes": ["voter"], "dynamodb:Select": ["ALL_ATTRIBUTES"]},
            ),
            id="whole-items",
        ),
    ],
)
def test_similar_actions_are_not_granted(call: Call) -> None:
    assert len(not_granted(granted(), [call])) == 1


def test_an_unknown_condition_does_not_match() -> None:
    grant = Grant("api", "Sid", "s3:PutObject", "arn:b/*", {"StringLike": {"s3:prefix": ["x"]}})
    with pytest.raises(NotImplementedError, match="StringLike"):
        grant.allows(Call("api", "s3:PutObject", "arn:b/k"))
