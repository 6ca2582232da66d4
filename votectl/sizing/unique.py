"""How often an event's voters are counted once each, beside the live counts."""

from math import inf

from votectl.settings.deployment import DeploymentSettings, UniqueCount
from votectl.sizing.consumer import whole
from votectl.sizing.explain import Figure, assumed, ceil, computed, given
from votectl.sizing.planner import Planner
from votectl.sizing.scenario import count_units, unique_units

REFRESHES = (30, 60, 120, 300, 600, 900, 1_800, 3_600)  # s
REFRESH = "unique_count: refresh_seconds"
_LITTLE = 0.10  # USD that a unique count may always cost
_READS = "votes_table: read_units"


def choose(planner: Planner, deployment: DeploymentSettings, bill: Figure) -> tuple[DeploymentSettings, str]:
    """Return the deployment with the shortest refresh that costs little, and what to say about it.

    Args:
        planner: the decisions so far; the refresh is added.
        deployment: the settings without unique counts.
        bill: the cost of the event without them.
    """
    share = assumed(
        "share of the bill for unique counts", 0.02, "", "they are an addition to the live counts"
    )
    allowed = max(_LITTLE, bill.value * share.value)
    cost, rate, most = inf, 0.0, _most_reads(planner, deployment)
    for seconds in REFRESHES:
        rate, cost = _reads(planner, seconds), _cost(planner, deployment, seconds)
        if cost <= allowed and rate <= most.value:
            break
    else:
        return (
            deployment,
            f"off: one an hour costs ${cost:,.2f} ({rate:,.0f} read units/s), more than 2 % of the bill",
        )
    how = f"the shortest of {REFRESHES} whose reads the table takes, for at most this share of the bill"
    planner.decide(computed(REFRESH, seconds, "s", how, share, bill, most))
    table = deployment.votes_table
    if table.read_units is not None:
        own = given("read units without unique counts", table.read_units, "units/s", "votes_table")
        last = given("read units/s of the last unique count", rate, "units/s", "all rows in one refresh")
        units = planner.choose(_READS, "units/s", own + ceil(last * planner.spare_units))
        table = table.model_copy(update={"read_units": whole(units.value)})
    changed = {"unique_count": UniqueCount(refresh_seconds=seconds), "votes_table": table}
    return deployment.model_copy(update=changed), f"every {seconds} s"


def _reads(planner: Planner, seconds: int) -> float:
    """Return the read units/s of a pass over all rows."""
    return count_units(planner.event.votes, planner.event, planner.facts).value / seconds


def _most_reads(planner: Planner, deployment: DeploymentSettings) -> Figure:
    """Return the read units/s that unique counts may take: half of a new on-demand table's, or a table's quota."""
    if deployment.votes_table.provisioned is not None:
        return planner.facts["dynamodb.table_units"]
    half = planner.facts["dynamodb.on_demand.initial_read_units"].value / 2
    return assumed("read units/s for unique counts", half, "units/s", "half of a new on-demand table's")


def _cost(planner: Planner, deployment: DeploymentSettings, seconds: int) -> float:
    event, facts, keeping = planner.event, planner.facts, planner.keeping
    if deployment.votes_table.provisioned is not None:
        hours = whole(keeping.before + event.duration_seconds / 3600 + keeping.after)
        units = _reads(planner, seconds) * planner.spare_units.value
        return units * hours * facts.value("dynamodb.read_unit_hour")
    units = unique_units(event.votes, event, seconds, facts).value
    return units / 1e6 * facts.value("dynamodb.read_request_units")
