"""Every deployed policy has an effect: AWS accepts one that has none, and refuses the calls later."""

import json
from typing import Any

import pytest

from contract.everything import BOUNDARY, PLATFORM, resources_of
from contract.iam_reference import complaints


def policies(planned: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what roles may do, by the address of the policy."""
    kinds = ("aws_iam_policy.", "aws_iam_role_policy.")
    return {
        address: json.loads(after["policy"])
        for address, after in planned.items()
        if any(kind in address for kind in kinds)
    }


@pytest.mark.parametrize("run", [PLATFORM, BOUNDARY])
def test_every_granted_action_exists_and_applies_to_its_resource(run: str) -> None:
    found = policies(resources_of(run))
    assert found
    assert {address: lines for address, policy in found.items() if (lines := complaints(policy))} == {}


def statement(**changed: Any) -> dict[str, Any]:
    """Return a policy with one effective statement, with one change."""
    stream = "arn:aws:kinesis:eu-west-1:111122223333:stream/votes"
    good = {"Sid": "It", "Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": stream}
    return {"Version": "2012-10-17", "Statement": [good | changed]}


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        pytest.param({}, None, id="as-it-should-be"),
        pytest.param({"Action": ["kinesis:PutRecord*"]}, None, id="a-pattern"),
        pytest.param({"Action": "kinesis:PutVote"}, "there is no action", id="no-such-action"),
        pytest.param({"Action": "kinesis:UpdateShardCount"}, "is not asked about", id="knows-no-resource"),
        pytest.param({"Resource": "arn:aws:s3:::votes"}, "is not asked about", id="another-kind-of-resource"),
        pytest.param(
            {"Resource": ["*", "arn:aws:s3:::votes"]}, "none of its actions", id="a-resource-too-many"
        ),
        pytest.param(
            {"Condition": {"StringEquals": {"kms:ViaService": "kinesis"}}}, "has the key", id="no-such-key"
        ),
        pytest.param(
            {"Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}}, None, id="a-global-key"
        ),
    ],
)
def test_grants_without_effect_are_named(changed: dict[str, Any], complaint: str | None) -> None:
    lines = complaints(statement(**changed))
    assert (lines == []) if complaint is None else any(complaint in line for line in lines), lines
