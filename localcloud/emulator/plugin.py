"""The plugin for LocalEmu. `localcloud up` writes its entry points (see `localcloud.parts`)."""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported,untyped-decorator"

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any

from localemu.runtime import hooks
from localemu.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from twisted.internet import endpoints

# In the order in which a deployment needs them.
SERVICES = (
    "s3",
    "sts",
    "iam",
    "kinesis",
    "logs",
    "lambda",
    "apigateway",
    "ssm",
    "cloudwatch",
    "events",
    "stepfunctions",
    "scheduler",
)


@hooks.on_runtime_create()
def stay_on_this_machine() -> None:
    """Listen on this machine only, and do without a name server.

    LocalEmu's server reads the port of GATEWAY_LISTEN, but not the host. Its S3 clients look up a name of
    LocalEmu's domain, and use localhost when there is no answer.
    """
    from localemu.runtime.server import twisted as server
    from localemu.utils.aws import aws_stack

    server.endpoints = SimpleNamespace(
        TCP4ServerEndpoint=partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")
    )
    aws_stack.CACHE_S3_HOSTNAME_DNS_STATUS = False


@hooks.on_infra_start()
def install_fixes() -> None:
    """Install the fixed stream, and a reader that behaves like Lambda's, before the first request."""
    from localemu.services.events.target import StatesTargetSender
    from localemu.services.scheduler import job_scheduler

    from localcloud.emulator import (
        front_door,
        function_url,
        headers,
        hosted_pages,
        http_api,
        iam_request,
        kinesis,
        mapping_state,
        pages,
        permissions,
        poller,
        stage,
    )

    front_door.install()
    function_url.install()
    headers.install()
    http_api.install()
    hosted_pages.install()
    iam_request.install()
    kinesis.install()
    pages.install()
    permissions.install()
    poller.install()
    mapping_state.install()
    stage.install()
    StatesTargetSender.send_event = _start_execution
    job_scheduler._parse_iso = _read_moment(job_scheduler._parse_iso)
    _remember_what_was_parsed()


def _remember_what_was_parsed() -> None:
    """Parse each JSONPath, template and content type once.

    LocalEmu and its server do it for each request, which is a quarter of the work of a test run. The parsed objects
    hold no state.
    """
    from airspeed import operators as velocity
    from localemu.services.apigateway.next_gen.execute_api import template_mapping
    from localemu.services.stepfunctions.asl.utils import json_path
    from twisted.web import http

    remember = lru_cache(maxsize=1024)
    template_mapping.parse = remember(template_mapping.parse)
    json_path.parse = remember(json_path.parse)
    http._parseContentType = remember(http._parseContentType)
    body = remember(velocity.TemplateBody)

    def ensure_compiled(template: Any) -> None:
        template.root_element = body(template.filename, template.content)

    velocity.Template.ensure_compiled = ensure_compiled


def _start_execution(sender: Any, event: dict[str, Any], trace_header: object) -> None:
    """Start a state machine with a schedule's input.

    LocalEmu names the execution after the event's id, but a schedule's input has none: it failed with
    `KeyError: 'id'`, and no schedule ever started an execution.
    """
    del trace_header
    sender.service = "stepfunctions"
    sender.client.start_execution(stateMachineArn=sender.target["Arn"], input=json.dumps(event))


def _read_moment(parse_text: Callable[[Any], datetime | None]) -> Callable[[Any], datetime | None]:
    """Return a function that reads a schedule's start and end as clients send them: in seconds since 1970.

    LocalEmu expects text: it failed with `'int' object has no attribute 'rstrip'`, and such a schedule never fired.
    """

    def read(value: Any) -> datetime | None:
        return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else parse_text(value)

    return read


@hooks.on_infra_ready()
def stop_recording() -> None:
    """Switch LocalEmu's CloudTrail off: it starts a thread for every request, which a minute later sends an event.

    At 300 votes a second that is 20,000 threads, and as many requests again.
    """
    from localemu.services.cloudtrail import recording_hook

    recording_hook.unregister_recording_hook()
    recording_hook.register_recording_hook = lambda: None


@hooks.on_infra_ready()
def load_services() -> None:
    """Load what our deployment uses while Terraform still plans; LocalEmu would do it at the first request."""
    from localemu.services.plugins import SERVICE_PLUGINS

    def load() -> None:
        for service in SERVICES:
            SERVICE_PLUGINS.require(service)

    threading.Thread(target=load, name="load-services", daemon=True).start()


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """Selected by LAMBDA_RUNTIME_EXECUTOR=process."""

    name = "process"

    def load(self, *args: Any, **kwargs: Any) -> Any:
        """The class that runs functions as processes."""
        del args, kwargs
        from localcloud.emulator.executor import ProcessExecutor

        return ProcessExecutor
