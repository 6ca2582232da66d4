"""A plan as a tfvars file."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from votectl.settings.choices import Door
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
# These follow from the plan, so they are not kept either.
_FOLLOWING = ("autoscaling", "maximum_record_age_seconds")


def write(plan: CapacityPlan, command: str, kept: TfvarsFile | None = None) -> str:
    """Return the variables that a plan decides.

    Args:
        plan: the plan.
        command: the command line, for the header.
        kept: an environment's file; attributes of its objects that a plan does not decide are repeated.
    """
    deployment, event = plan.deployment, plan.event
    objects = {
        name: _chosen(getattr(deployment, name), decided)
        for name, decided in DECIDED.items()
        if getattr(deployment, name) is not None
    }
    if deployment.api.batch_enabled:  # an environment may enable it without need
        objects["api"]["batch_enabled"] = True
    objects["api"]["vote_door"] = plan.door.value
    if still_open := _kept_doors(plan, kept):
        objects["api"]["kept_vote_doors"] = still_open
    if plan.door is not Door.REST:
        ingress = plan.decisions["ingress: reserved_concurrency"]
        objects["ingress"] = {"reserved_concurrency": whole(ingress.value)}
        # The account's pool is shared, so the doors' function must not take the consumers' share.
        for name in ("vote_writer", "vote_aggregator"):
            if reserved := plan.decisions.get(f"{name}: reserved_concurrency"):
                objects[name]["reserved_concurrency"] = whole(reserved.value)
    if not event.viewers:  # nothing is known of the requests for results
        del objects["results_api"]
    # Half of the stream's retention, as the module's default: the other half is for redrives.
    record_age = plan.decisions["vote_writer: maximum_record_age_seconds"]
    objects["vote_writer"]["maximum_record_age_seconds"] = whole(record_age.value)
    besides = "goes back to its default" if kept is None else "is repeated here"
    header: tuple[str, ...] = (
        f"# {event.name}: {event.votes:,.0f} votes, at most {event.peak_votes_per_second:,.0f} a second, in "
        f"{event.duration_seconds:,.0f} s; final result within {plan.goals.final_deadline_seconds:,.0f} s,",
        f"# live results within {plan.goals.live_lag_seconds:g} s. Written by",
        f"#   {command}",
        "# Give it after the environment's own file, which would win otherwise:",
        "#   terraform plan -var-file=environments/<env>.tfvars -var-file=<this file>",
        f"# Each object replaces the environment's whole object: what it had besides {besides}.",
    )
    if still_open:
        doors = " and ".join(still_open)
        header += (
            f"# Clients know the address of the door {doors}, so it stays open.",
            "# Remove kept_vote_doors in a later apply.",
        )
    blocks = []
    for name, attributes in objects.items():
        for key in (kept.given.get(name) or {}) if kept else {}:
            repeated = kept.converted[name].get(key) if kept else None
            if repeated is not None and key not in {*DECIDED.get(name, ()), *_FOLLOWING, "kept_vote_doors"}:
                attributes.setdefault(key, repeated)
        width = max(map(len, attributes))
        lines = [f"  {key:{width}} = {literal(attributes[key])}" for key in sorted(attributes)]
        blocks.append(f"{name} = {{\n" + "\n".join(lines) + "\n}\n")
    if deployment.unique_count is None:
        blocks.append("unique_count = null\n")
    return "\n".join(header) + "\n\n" + "\n".join(blocks)


def _kept_doors(plan: CapacityPlan, kept: TfvarsFile | None) -> list[str]:
    """Return the environment's other doors: clients know their addresses, so they stay open."""
    api = (kept.converted.get("api") if kept else None) or {}
    doors = {api.get("vote_door"), *(api.get("kept_vote_doors") or ())}
    return sorted(door for door in doors - {None, plan.door.value, Door.REST.value})


def _chosen(settings: BaseModel, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}
