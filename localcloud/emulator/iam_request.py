"""The IAM request of a call: its action, its resource and its condition keys, if LocalEmu has others.

Only for requests that this project makes: those of its functions, of services in its name, and of deployers.
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported"

import base64
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any
from urllib.parse import unquote

from localemu.aws.spec import load_service
from localemu.services.iam_enforcement import arn_builder, enforcer, service_action_map
from localemu.services.iam_enforcement.condition_evaluator import matches_conditions
from localemu.services.kms.models import kms_stores
from localemu.services.lambda_.invocation.models import lambda_stores
from localemu.services.sts import provider as sts
from moto.apigateway.models import apigateway_backends
from moto.iam.models import iam_backends

type Params = Mapping[str, Any]

# The parameters that hold the ARN of a request's resource.
_ARN_PARAMETERS = ("ResourceARN", "ResourceArn", "resourceArn", "Resource", "resource", "executionArn")
_PLACEHOLDER = re.compile(r"\{(\w+)\+?\}")


def action_of(map_action: Callable[[str, str], list[str]], service: str, operation: str) -> list[str]:
    """The IAM actions of an operation."""
    match service, operation:
        case "stepfunctions", _:
            return map_action("states", operation)
        case "apigateway", _:
            # Its actions are the methods of HTTP: there is no apigateway:CreateRestApi.
            return [f"apigateway:{_http(service, operation)['method']}"]
        case "s3", "GetObjectLockConfiguration":
            return ["s3:GetBucketObjectLockConfiguration"]
        case _:
            return map_action(service, operation)


def resource_of(
    build: Callable[..., str],
    *,
    service: str,
    operation: str,
    request_params: Params | None,
    region: str,
    account_id: str,
) -> str:
    """The ARN of a request's resource."""
    params = request_params or {}
    for name in _ARN_PARAMETERS:
        if str(params.get(name, "")).startswith("arn:"):
            return str(params[name])
    regional = f":{region}:{account_id}:"
    match service, operation:
        case "apigateway", _:
            return f"arn:aws:apigateway:{region}::{_path(service, operation, params)}"
        case "logs", _:
            # LocalEmu leaves out the stream, which every policy for one ends in.
            group, stream = params.get("logGroupName", "*"), params.get("logStreamName", "")
            return f"arn:aws:logs{regional}log-group:{group}:log-stream:{stream}"
        case "scheduler", "CreateScheduleGroup" | "DeleteScheduleGroup" | "GetScheduleGroup":
            return f"arn:aws:scheduler{regional}schedule-group/{params['Name']}"
        case "scheduler", "CreateSchedule" | "DeleteSchedule" | "GetSchedule" | "UpdateSchedule":
            return (
                f"arn:aws:scheduler{regional}schedule/{params.get('GroupName', 'default')}/{params['Name']}"
            )
        case "lambda", "GetEventSourceMapping" | "UpdateEventSourceMapping" | "DeleteEventSourceMapping":
            return f"arn:aws:lambda{regional}event-source-mapping:{params['UUID']}"
        case "ssm", _ if "ResourceId" in params:
            return f"arn:aws:ssm{regional}parameter/{params['ResourceId'].lstrip('/')}"
        case "cloudwatch", "DeleteAlarms":
            return f"arn:aws:cloudwatch{regional}alarm:{params['AlarmNames'][0]}"
        case "cloudwatch", "DeleteDashboards":
            return f"arn:aws:cloudwatch::{account_id}:dashboard/{params['DashboardNames'][0]}"
        case "iam", "CreatePolicy":
            return f"arn:aws:iam::{account_id}:policy{params.get('Path', '/')}{params['PolicyName']}"
        case _:
            service = "states" if service == "stepfunctions" else service
            return build(
                service=service,
                operation=operation,
                request_params=params,
                region=region,
                account_id=account_id,
            )


@lru_cache
def _http(service: str, operation: str) -> Mapping[str, Any]:
    http: Mapping[str, Any] = load_service(service).operation_model(operation).http
    return http


def _path(service: str, operation: str, params: Params) -> str:
    """The path of a request, with which API Gateway's ARNs end."""
    shape = load_service(service).operation_model(operation).input_shape
    values = {
        member.serialization.get("name", name): params.get(name)
        for name, member in (shape.members if shape else {}).items()
    }
    path = _http(service, operation)["requestUri"].partition("?")[0]
    return unquote(_PLACEHOLDER.sub(lambda match: str(values.get(match[1], "*")), path))


def conditions_of(build: Callable[..., dict[str, Any]], context: Any, caller: Any) -> dict[str, Any]:
    """The condition keys of a request."""
    # Requests on this machine have no TLS, but all requests to AWS have.
    known = build(context, caller) | {"aws:SecureTransport": "true"}
    params: Params = context.service_request or {}
    match context.service.service_name, context.operation.name:
        case "apigateway", _:
            known |= {f"aws:ResourceTag/{key}": value for key, value in _tags_of_api(context, params).items()}
        case "dynamodb", "GetItem" | "PutItem" | "UpdateItem":
            item = params.get("Key") or params.get("Item") or {}
            known["dynamodb:LeadingKeys"] = list(item.get("poll_id", {}).values())
        case "lambda", "CreateEventSourceMapping" | "UpdateEventSourceMapping" | "DeleteEventSourceMapping":
            known["lambda:FunctionArn"] = _function_of_mapping(context, params)
        case "iam", _ if "RoleName" in params:
            asked_for = params.get("PermissionsBoundary") or _boundary_of(context, params["RoleName"])
            if asked_for:
                known["iam:PermissionsBoundary"] = asked_for
    return known


def _tags_of_api(context: Any, params: Params) -> Mapping[str, str]:
    """The tags of the request's API, key or usage plan; an API's parts have the API's."""
    backend = apigateway_backends[context.account_id][context.region]
    for name, kept in (("restApiId", "apis"), ("apiKey", "keys"), ("usagePlanId", "usage_plans")):
        if name in params:
            return getattr(getattr(backend, kept).get(params[name]), "tags", None) or {}
    return {}


def _function_of_mapping(context: Any, params: Params) -> str:
    if name := str(params.get("FunctionName") or ""):
        return (
            name
            if name.startswith("arn:")
            else f"arn:aws:lambda:{context.region}:{context.account_id}:function:{name}"
        )
    mappings = lambda_stores[context.account_id][context.region].event_source_mappings
    return str(mappings.get(params["UUID"], {}).get("FunctionArn", ""))


def _boundary_of(context: Any, role_name: str) -> str | None:
    """The permissions boundary of an existing role."""
    for role in iam_backends[context.account_id]["aws"].roles.values():
        if role.name == role_name:
            arn: str | None = role.permissions_boundary_arn
            return arn
    return None


def policy_of(
    policy: Callable[..., dict[str, Any] | None], service: str, resource: str, account_id: str, region: str
) -> dict[str, Any] | None:
    """The policy of a resource. LocalEmu looks for keys' policies in moto, but stores them itself.

    Of a key's policy only the denials: its statement for the account's root lets IAM decide, and LocalEmu would read
    that as a permission for everyone.
    """
    if service != "kms":
        return policy(service, resource, account_id, region)
    store, name = kms_stores[account_id][region], resource.rpartition(":")[2]
    alias = store.aliases.get(name)
    key = store.keys.get(alias.metadata["TargetKeyId"] if alias else name.rpartition("/")[2])
    if key is None:
        return None
    kept = json.loads(key.policy)
    denied = [statement for statement in kept["Statement"] if statement["Effect"] == "Deny"]
    return {**kept, "Statement": denied}


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token; here it is not signed."""
    try:
        _, payload, _ = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def trusts(role: Any, claims: Mapping[str, Any]) -> bool:
    """Whether a role's trust policy accepts a token. LocalEmu checks its issuer, but no condition."""
    for statement in json.loads(role.assume_role_policy_document)["Statement"]:
        provider = str(statement["Principal"].get("Federated", "")).partition("oidc-provider/")[2]
        known = {f"{provider}:{claim}": value for claim, value in claims.items()}
        if (
            provider
            and claims.get("iss") == f"https://{provider}"
            and statement["Effect"] == "Allow"
            and statement["Action"] == "sts:AssumeRoleWithWebIdentity"
            and matches_conditions(statement, known)
        ):
            return True
    return False


def install() -> None:
    """Replace LocalEmu's own functions by those above."""
    service_action_map.map_action = partial(action_of, service_action_map.map_action)
    enforcer.build_resource_arn = partial(resource_of, arn_builder.build_resource_arn)
    enforcer._build_conditions = partial(conditions_of, enforcer._build_conditions)
    enforcer._get_resource_policy = partial(policy_of, enforcer._get_resource_policy)
    sts._extract_jwt_issuer = claims_of
    sts._trust_policy_allows_web_identity = trusts
