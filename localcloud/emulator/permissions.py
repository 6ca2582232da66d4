"""Holds what is done with a role against what the role may do, as IAM does, and notes it.

LocalEmu evaluates policies (IAM_ENFORCEMENT=1), but trusts every call that one of its own services makes. API Gateway
that puts a vote, the mapping that reads the stream, Step Functions that takes a step: all of them act with a role that
Terraform made for them, and are refused here what that role was not given. What IAM is asked about a request is in
`iam_request`.
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported,untyped-decorator"

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from localemu.aws.api import CommonServiceException
from localemu.aws.connect import connect_to
from localemu.services.iam_enforcement import enforcer
from localemu.services.iam_enforcement.condition_evaluator import matches_conditions
from localemu.services.iam_enforcement.evaluator import PolicyEvaluator
from localemu.services.lambda_.invocation.logs import QUEUE_SHUTDOWN, LogHandler
from localemu.services.lambda_.invocation.models import lambda_stores
from localemu.services.sts import provider as sts
from localemu.utils.aws.client_types import ServicePrincipal

from localcloud.emulator.calls import CallLog, RecordedCall
from localcloud.emulator.settings import PluginSettings

LOG = logging.getLogger(__name__)

# How the keys of a role's session begin.
SESSION_KEYS = ("ASIA", "LSIA")


class NotingEvaluator(PolicyEvaluator):
    """Writes down what a role does before it says whether the role may."""

    def __init__(self, log: CallLog) -> None:
        super().__init__()
        self._log = log

    def evaluate(
        self, caller: Any, action: str, resource: str, conditions: Any, resource_policy: Any = None
    ) -> Any:
        """Decide, as LocalEmu does."""
        if caller.role_name:
            self._log.note(RecordedCall(action, resource, {}), caller.role_name)
        return super().evaluate(caller, action, resource, conditions, resource_policy)


def acts_for_itself(is_internal: Callable[..., bool], context: Any, access_key: str | None) -> bool:
    """Whether a service of LocalEmu makes this call on its own account, so that no role's policy is asked.

    Not when it acts with a role. And API Gateway may invoke a function only if the function's own policy says so.
    """
    if access_key and access_key.startswith(SESSION_KEYS):
        return False
    internal = is_internal(context, access_key)
    params = context.internal_request_params or {}
    if internal and context.operation.name == "Invoke" and params.get("service_principal") == "apigateway":
        name = str(context.service_request["FunctionName"]).split(":function:")[-1].split(":")[0]
        check_function_policy(context.account_id, context.region, name, params["source_arn"])
    return internal


def check_function_policy(account_id: str, region: str, name: str, source_arn: str) -> None:
    """Refuse an invocation by API Gateway that no permission of the function (aws_lambda_permission) allows."""
    function = lambda_stores[account_id][region].functions.get(name)
    policies = function.permissions.values() if function else ()
    known = {"AWS:SourceArn": source_arn, "aws:SourceArn": source_arn}
    if not any(
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
        and statement["Action"] == "lambda:InvokeFunction"
        and matches_conditions(statement, known)
        for entry in policies
        for statement in entry.policy.Statement
    ):
        message = f"{source_arn} may not invoke {name}: no permission of the function's says so"
        raise CommonServiceException("AccessDeniedException", message, 403)


def keep_session(
    store: Callable[..., None], account_id: str, access_key: str, session: dict[str, Any]
) -> None:
    """Keep a role's session for as long as the local cloud runs.

    LocalEmu's services take a session once and never renew it: after an hour every vote would be refused with
    "The security token included in the request is expired".
    """
    store(account_id, access_key, {**session, "expiration": None})


def write_logs(handler: LogHandler, *_: object, **__: object) -> None:
    """Write a function's lines into its log group, with the function's role.

    LocalEmu tries to make the group when it only lacks the stream, and gives up when the role may not: no line of
    any function would be there.
    """
    factory = connect_to.with_assumed_role(
        region_name=handler.region, role_arn=handler.role_arn, service_principal=ServicePrincipal.lambda_
    )
    client = factory.logs
    while (item := handler.log_queue.get()) is not QUEUE_SHUTDOWN:
        place = {"logGroupName": item.log_group, "logStreamName": item.log_stream}
        now = int(time.time() * 1000)
        events = [
            {"timestamp": now, "message": line}
            for line in item.logs.splitlines(keepends=True)
            if line.strip()
        ]
        try:
            try:
                client.put_log_events(**place, logEvents=events)
            except client.exceptions.ResourceNotFoundException:
                client.create_log_stream(**place)
                client.put_log_events(**place, logEvents=events)
        except Exception as error:  # noqa: BLE001 - a function that can't log must run all the same, as on AWS
            LOG.warning("%s can't be written: %s", item.log_group, error)


def install() -> None:
    """Put all of the above in the place of LocalEmu's own."""
    enforcer.IAMEnforcementHandler._is_internal_call = staticmethod(
        partial(acts_for_itself, enforcer.IAMEnforcementHandler._is_internal_call)
    )
    log = CallLog(PluginSettings.from_environment().call_log)
    enforcer.iam_enforcement_handler.evaluator = NotingEvaluator(log)
    sts._store_session = partial(keep_session, sts._store_session)
    LogHandler.run_log_loop = write_logs
