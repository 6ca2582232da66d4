"""Compares the deployed roles' permissions with the calls that were made with them."""

import fnmatch
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

type Conditions = Mapping[str, Mapping[str, list[str]]]


@dataclass(frozen=True)
class Call:
    """A call with a role's permissions, as IAM sees it."""

    role: str
    action: str
    resource: str
    conditions: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Grant:
    """One action on one resource that a statement of a role's policy allows."""

    role: str
    sid: str
    action: str
    resource: str
    conditions: Conditions = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.role} ({self.sid}): {self.action} on {self.resource}"

    def allows(self, call: Call) -> bool:
        """Whether this grant allows the call."""
        return (
            self.role == call.role
            and self.action == call.action
            and fnmatch.fnmatchcase(call.resource, self.resource)
            and all(_holds(*condition, call.conditions) for condition in self.conditions.items())
        )


def _holds(operator: str, wanted: Mapping[str, list[str]], known: Mapping[str, list[str]]) -> bool:
    """IAM's rules for the operators that our policies use; they differ in keys that the request lacks."""
    for key, values in wanted.items():
        found = known.get(key)
        match operator:
            case "ForAllValues:StringEquals":
                holds = found is None or set(found) <= set(values)
            case "StringEqualsIfExists":
                holds = found is None or bool(set(found) & set(values))
            case "StringEquals":
                holds = found is not None and bool(set(found) & set(values))
            case _:
                raise NotImplementedError(f"add what {operator} means to {__file__}")
        if not holds:
            return False
    return True


def grants_of(role: str, policy: Mapping[str, Any]) -> Iterator[Grant]:
    """Return the grants of a policy, one per action and resource."""
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow", "a role's policy that denies is not understood here"
        actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
        conditions = {
            operator: {key: _listed(values) for key, values in keys.items()}
            for operator, keys in statement.get("Condition", {}).items()
        }
        for action, resource in itertools.product(actions, resources):
            yield Grant(role, statement["Sid"], action, resource, conditions)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def deployed_grants(prefix: str) -> list[Grant]:
    """Return the grants of all roles with this prefix; they have every policy that Terraform planned."""
    iam = boto3.client("iam")
    found: list[Grant] = []
    for page in iam.get_paginator("list_roles").paginate():
        for role in (role["RoleName"] for role in page["Roles"] if role["RoleName"].startswith(prefix)):
            assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                found += grants_of(role, policy)
    return found


def recorded_calls(log: Path) -> list[Call]:
    """Return the calls that the local cloud has recorded."""
    return [Call(**json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]


def not_granted(grants: Iterable[Grant], calls: Iterable[Call]) -> list[str]:
    """Return the calls that no grant allows, one line each."""
    grants = list(grants)
    return sorted(
        {
            f"{call.role}: {call.action} on {call.resource} {json.dumps(call.conditions)}"
            for call in calls
            if not any(grant.allows(call) for grant in grants)
        }
    )


def not_used(grants: Iterable[Grant], calls: Iterable[Call]) -> list[str]:
    """Return the grants that no call used, one line each."""
    calls = list(calls)
    return sorted({str(grant) for grant in grants if not any(grant.allows(call) for call in calls)})
