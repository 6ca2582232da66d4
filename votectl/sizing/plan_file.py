"""A plan as a tfvars file."""

from collections.abc import Mapping
from typing import Any

from votectl.settings.deployment import Door
from votectl.settings.tfvars import TfvarsFile, literal
from votectl.sizing.consumer import whole
from votectl.sizing.plan import CapacityPlan

# The attributes of each object that a plan decides.
_CAPACITY = ("billing_mode", "max_read_units", "max_write_units", "read_units", "write_units")
_CONSUMER = ("batch_size", "batching_window_seconds", "enhanced_fan_out", "memory_mb", "timeout_seconds")
DECIDED: Mapping[str, tuple[str, ...]] = {
    "api": ("throttling_burst_limit", "throttling_rate_limit"),
    "results_api": ("cdn_enabled", "throttling_burst_limit", "throttling_rate_limit"),
    "stream": ("mode", "retention_hours", "shard_count"),
    "tallies_table": _CAPACITY,
    "unique_count": ("refresh_seconds",),
    "vote_aggregator": _CONSUMER,
    "vote_writer": (*_CONSUMER, "parallelization_factor", "write_concurrency", "write_share"),
    "votes_table": _CAPACITY,
}
# These follow from the plan, or are decided below, so they are not kept either.
_FOLLOWING = ("autoscaling", "maximum_record_age_seconds", "kept_vote_doors")


def write(plan: CapacityPlan, command: str, kept: TfvarsFile | None = None) -> str:
    """Return a plan's tfvars. Attributes of ``kept``'s objects that a plan does not decide are repeated."""
    deployment, event = plan.scenario.deployment, plan.scenario.event
    objects: dict[str, dict[str, Any]] = {}
    for name, names in DECIDED.items():
        if (settings := getattr(deployment, name)) is not None:
            values = {key: getattr(settings, key) for key in names}
            objects[name] = {key: value for key, value in values.items() if value is not None}
    if deployment.api.batch_enabled:  # an environment may enable it without need
        objects["api"]["batch_enabled"] = True
    objects["api"]["vote_door"] = plan.door.value
    # Clients know the addresses of the environment's other doors, so these stay open.
    api = (kept.converted.get("api") if kept else None) or {}
    others = {api.get("vote_door"), *(api.get("kept_vote_doors") or ())}
    if still_open := sorted(others - {None, plan.door.value, Door.REST.value}):
        objects["api"]["kept_vote_doors"] = still_open
    following = {"vote_writer: maximum_record_age_seconds"}  # half of the stream's retention is for redrives
    if plan.door is not Door.REST:
        # The account's pool is shared, so the doors' function must not take the consumers' share.
        following |= {
            f"{name}: reserved_concurrency" for name in ("ingress", "vote_writer", "vote_aggregator")
        }
    for decision in sorted(following & plan.decisions.keys()):
        name, attribute = decision.split(": ")
        objects.setdefault(name, {})[attribute] = whole(plan.decisions[decision].value)
    if not event.viewers:  # nothing is known of the requests for results
        del objects["results_api"]
    besides = "goes back to its default" if kept is None else "is repeated here"
    header = [
        f"# {event.name}: {event.votes:,.0f} votes, at most {event.peak:,.0f} a second, in "
        f"{event.duration:,.0f} s; final result within {plan.goals.deadline:,.0f} s,",
        f"# live results within {plan.goals.live_lag:g} s. Written by",
        f"#   {command}",
        "# Give it after the environment's own file, which would win otherwise:",
        "#   terraform plan -var-file=environments/<env>.tfvars -var-file=<this file>",
        f"# Each object replaces the environment's whole object: what it had besides {besides}.",
    ]
    if still_open:
        doors = " and ".join(still_open)
        header.append(f"# Clients know the address of the door {doors}, so it stays open.")
        header.append("# Remove kept_vote_doors in a later apply.")
    blocks = []
    for name, attributes in objects.items():
        for key in (kept.given.get(name) or {}) if kept else {}:
            repeated = kept.converted[name].get(key) if kept else None
            if repeated is not None and key not in {*DECIDED.get(name, ()), *_FOLLOWING}:
                attributes.setdefault(key, repeated)
        width = max(map(len, attributes))
        lines = [f"  {key:{width}} = {literal(attributes[key])}" for key in sorted(attributes)]
        blocks.append(f"{name} = {{\n" + "\n".join(lines) + "\n}\n")
    if deployment.unique_count is None:
        blocks.append("unique_count = null\n")
    return "\n".join(header) + "\n\n" + "\n".join(blocks)
