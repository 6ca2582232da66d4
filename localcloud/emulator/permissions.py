"""Checks each role's calls against its permissions, as IAM does, and records them.

LocalEmu evaluates policies (IAM_ENFORCEMENT=1), but trusts every call of its own services. API Gateway puts votes, the
mapping reads the stream, and Step Functions takes steps, each with a role that Terraform has created. Here they may use
only the permissions of that role. `iam_request` builds the IAM request of a call.
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


class LoggingEvaluator(PolicyEvaluator):
    """Records a role's call before it decides whether to allow it."""

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
    """Whether a service of LocalEmu makes this call for itself, so that no role's policy applies.

    Not if it acts with a role. API Gateway may invoke a function only if the function's own policy allows it.
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

    If the log stream is missing, LocalEmu tries to create the group, and gives up if the role may not: the log would
    stay empty.
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
        except Exception as error:  # noqa: BLE001 - a function that can't log must still run, as on AWS
            LOG.warning("%s can't be written: %s", item.log_group, error)


def install() -> None:
    """Replace LocalEmu's own functions by those above."""
    enforcer.IAMEnforcementHandler._is_internal_call = staticmethod(
        partial(acts_for_itself, enforcer.IAMEnforcementHandler._is_internal_call)
    )
    log = CallLog(PluginSettings.from_environment().call_log)
    enforcer.iam_enforcement_handler.evaluator = LoggingEvaluator(log)
    sts._store_session = partial(keep_session, sts._store_session)
    LogHandler.run_log_loop = write_logs
