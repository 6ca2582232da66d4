"""All checks, in the order in which one would look: nothing below works where something above does not."""

from votectl.deployment import find
from votectl.doctor import capacity, consumers, here, service
from votectl.doctor.findings import Check, Finding, run, wrong
from votectl.doctor.site import Asking, Nowhere, Site, site_of
from votectl.errors import OperatorError

# What can be looked at without a deployment.
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
    ("quotas", capacity.quotas),
)


def examine(environment: str) -> list[Finding]:
    """Make every check that can be made."""
    first = run(FIRST, Nowhere())
    try:
        site = site_of(find(environment))
    except OperatorError as error:
        return [*first, wrong("deployment", str(error))]
    return [*first, *run(CHECKS, site)]
