"""How often an event's voters are counted once each, beside the live counts."""

from math import inf

from votectl.settings.deployment import DeploymentSettings, UniqueCount
from votectl.sizing.consumer import whole
from votectl.sizing.explain import Figure, assumed, ceil, computed, given
from votectl.sizing.planner import Planner
from votectl.sizing.scenario import count_units, unique_units

REFRESHES = (30, 60, 120, 300, 600, 900, 1_800, 3_600)  # s
_LITTLE = 0.10  # USD that a unique count may always cost


def choose(planner: Planner, deployment: DeploymentSettings, bill: Figure) -> tuple[DeploymentSettings, str]:
    """Return the deployment with the shortest refresh that costs little, and what to say about it.

    ``bill``: the cost of the event without unique counts. A table's reads for them are a quota's, or half of a new
    on-demand table's.
    """
    event, facts, table = planner.event, planner.facts, deployment.votes_table
    why = "they are an addition to the live counts"
    share = assumed("share of the bill for unique counts", 0.02, "", why)
    allowed, hours = max(_LITTLE, bill.value * share.value), whole(planner.hours(event.duration_seconds))
    half = facts.value("dynamodb.on_demand.initial_read_units") / 2
    most = assumed("read units/s for unique counts", half, "units/s", "half of a new on-demand table's")
    if table.provisioned is not None:
        most = facts["dynamodb.table_units"]
    cost, rate = inf, 0.0
    for seconds in REFRESHES:
        rate = count_units(event.votes, event, facts).value / seconds
        if table.provisioned is not None:
            cost = rate * planner.spare_units.value * hours * facts.value("dynamodb.read_unit_hour")
        else:
            units = unique_units(event.votes, event, seconds, facts).value
            cost = units / 1e6 * facts.value("dynamodb.read_request_units")
        if cost <= allowed and rate <= most.value:
            break
    else:
        why = f"one an hour costs ${cost:,.2f} ({rate:,.0f} read units/s), more than 2 % of the bill"
        return deployment, f"off: {why}"
    how = f"the shortest of {REFRESHES} whose reads the table takes, for at most this share of the bill"
    planner.decide(computed("unique_count: refresh_seconds", seconds, "s", how, share, bill, most))
    if table.read_units is not None:
        own = given("read units without unique counts", table.read_units, "units/s", "votes_table")
        last = given("read units/s of the last unique count", rate, "units/s", "all rows in one refresh")
        needed = own + ceil(last * planner.spare_units)
        units_of_both = planner.choose("votes_table: read_units", "units/s", needed)
        table = table.model_copy(update={"read_units": whole(units_of_both.value)})
    changed = {"unique_count": UniqueCount(refresh_seconds=seconds), "votes_table": table}
    return deployment.model_copy(update=changed), f"every {seconds} s"
