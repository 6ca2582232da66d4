"""All checks, in order: each depends on those before it."""

import os
from collections.abc import Callable, Iterator
from typing import Any

from votectl.deployment import find
from votectl.doctor import capacity, consumers, here, quotas, service
from votectl.doctor.findings import Check, Finding, ok, run, wrong
from votectl.doctor.quotas import Needed
from votectl.doctor.site import Asking, Nowhere, Site, cloud_client, site_of
from votectl.errors import OperatorError
from votectl.settings.tfvars import ENVIRONMENTS

# Checks that need no deployment.
FIRST: tuple[tuple[str, Check[Asking]], ...] = (
    ("credentials", here.credentials),
    ("tools", here.tools),
    ("clock", here.clock),
)
CHECKS: tuple[tuple[str, Check[Site]], ...] = (
    ("region", here.region),
    ("tfvars", here.tfvars),
    ("stream", capacity.stream),
    ("tables", capacity.tables),
    ("archives", here.artifacts),
    ("functions", consumers.functions),
    ("mappings", consumers.mappings),
    ("failure buckets", consumers.failures),
    ("API", service.api),
    ("state machine", service.tally),
    ("polls", service.polls),
    ("alarms", service.alarms),
    ("quotas", capacity.account),
)


def preflight(environment: str, client: Callable[[str], Any] = cloud_client) -> list[Finding]:
    """Compare the account with the needs of an environment's tfvars, before anything is created.

    Raises:
        BadFile: there are no such tfvars, or they describe no possible deployment.
    """
    needed = Needed.by(ENVIRONMENTS / f"{environment}.tfvars")
    if os.environ.get("AWS_ENDPOINT_URL"):
        return [ok("quotas", "an emulator has none that bind")]

    def quotas_of_account(asking: Asking) -> Iterator[Finding]:
        yield from quotas.findings(asking.client, needed)

    return run((*FIRST[:1], ("quotas", quotas_of_account)), Nowhere(client))


def examine(environment: str) -> list[Finding]:
    """Run every check that is possible."""
    first = run(FIRST, Nowhere())
    try:
        site = site_of(find(environment))
    except OperatorError as error:
        return [*first, wrong("deployment", str(error))]
    return [*first, *run(CHECKS, site)]
