"""The plan as a file that Terraform reads, and such files read back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hcl2
from lark.exceptions import LarkError
from pydantic import BaseModel, ValidationError

from votectl.settings.deployment import (
    Aggregator,
    Api,
    Deployment,
    Observability,
    ResultsApi,
    Settings,
    Stream,
    Table,
    Writer,
)
from votectl.sizing.batching import whole
from votectl.sizing.errors import BadFile
from votectl.sizing.files import first_problem
from votectl.sizing.plan import Plan

# The root module's variables that a deployment consists of, and the model of each.
OBJECTS: Mapping[str, type[Settings]] = {
    "api": Api,
    "stream": Stream,
    "polls_table": Table,
    "votes_table": Table,
    "tallies_table": Table,
    "vote_writer": Writer,
    "vote_aggregator": Aggregator,
    "results_api": ResultsApi,
    "observability": Observability,
}
PLAIN = ("lambda_architecture", "poll_cache_seconds")

# What a plan decides of each object that it writes.
_CAPACITY = ("billing_mode", "max_read_units", "max_write_units", "read_units", "write_units")
_CONSUMER = ("batch_size", "batching_window_seconds", "enhanced_fan_out", "memory_mb", "timeout_seconds")
DECIDED: Mapping[str, tuple[str, ...]] = {
    "api": ("throttling_burst_limit", "throttling_rate_limit"),
    "results_api": ("cdn_enabled", "throttling_burst_limit", "throttling_rate_limit"),
    "stream": ("mode", "retention_hours", "shard_count"),
    "tallies_table": _CAPACITY,
    "vote_aggregator": _CONSUMER,
    "vote_writer": (*_CONSUMER, "parallelization_factor", "write_concurrency", "write_share"),
    "votes_table": _CAPACITY,
}
# What follows from that, and so is not kept from another file either.
_FOLLOWING = ("autoscaling", "maximum_record_age_seconds")


def write(plan: Plan, command: str, kept: Mapping[str, Any] | None = None) -> str:
    """Return the variables that a plan decides, with what made them.

    Args:
        plan: what to write.
        command: what was typed.
        kept: an environment's variables (``parsed``); what its objects set and a plan does not decide stays.
    """
    deployment, event = plan.deployment, plan.event
    objects = {name: _chosen(getattr(deployment, name), decided) for name, decided in DECIDED.items()}
    if deployment.api.batch_enabled:  # where nobody needs it, an environment may have it all the same
        objects["api"]["batch_enabled"] = True
    if not event.viewers:  # nothing is known of who asks for results
        del objects["results_api"]
    # Half of what the stream remembers, as the module's default is: the other half is for redrives.
    record_age = plan.decisions["vote_writer: maximum_record_age_seconds"]
    objects["vote_writer"]["maximum_record_age_seconds"] = whole(record_age.value)
    besides = "goes back to its default" if kept is None else "is repeated here"
    header = (
        f"# {event.name}: {event.votes:,.0f} votes, at most {event.peak_votes_per_second:,.0f} a second, in "
        f"{event.duration_seconds:,.0f} s; final result within {plan.goals.final_deadline_seconds:,.0f} s,",
        f"# live results within {plan.goals.live_lag_seconds:g} s. Written by",
        f"#   {command}",
        "# Give it after the environment's own file, which would win otherwise:",
        "#   terraform plan -var-file=environments/<env>.tfvars -var-file=<this file>",
        f"# Each object replaces the environment's whole object: what it had besides {besides}.",
    )
    blocks = []
    for name, attributes in objects.items():
        written = {key: _literal(value) for key, value in attributes.items()}
        for key, value in (kept or {}).get(name, {}).items():
            if key not in {*DECIDED[name], *_FOLLOWING, *written}:
                written[key] = _as_parsed(value)
        blocks.append(_block(name, written))
    return "\n".join(header) + "\n\n" + "\n".join(blocks)


def read(path: Path) -> Deployment:
    """Return the deployment that a tfvars file describes; attributes that do not matter here are left out.

    Raises:
        BadFile: it can't be read, is no HCL, or describes no possible deployment.
    """
    values = parsed(path)
    fields: dict[str, Any] = {name: _plain(values[name]) for name in PLAIN if name in values}
    for name, model in OBJECTS.items():
        if name in values:
            attributes = {key: _plain(value) for key, value in values[name].items()}
            fields[name] = {key: attributes[key] for key in model.model_fields.keys() & attributes.keys()}
    try:
        return Deployment.model_validate(fields)
    except ValidationError as error:
        raise BadFile(f"tfvars: {path}: {first_problem(error)}") from None


def parsed(path: Path) -> dict[str, Any]:
    """Return a file's variables as the parser leaves them: text in its quotes.

    Raises:
        BadFile: it can't be read, or is no HCL.
    """
    try:
        return dict(hcl2.loads(path.read_text("utf-8")))
    except OSError as error:
        raise BadFile(f"tfvars: {path} can't be read: {error.strerror}") from None
    except (LarkError, ValueError) as error:
        raise BadFile(f"tfvars: {path} is no HCL: {str(error).splitlines()[0]}") from None


def _plain(value: Any) -> Any:
    """Return a value without the quotes that the parser leaves around text."""
    return value[1:-1] if isinstance(value, str) and value[:1] == value[-1:] == '"' else value


def _chosen(settings: BaseModel, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}


def _block(name: str, attributes: Mapping[str, str]) -> str:
    width = max(map(len, attributes))
    lines = [f"  {key:{width}} = {attributes[key]}" for key in sorted(attributes)]
    return f"{name} = {{\n" + "\n".join(lines) + "\n}\n"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:g}" if value < 1e5 else f"{value:.0f}"
    return f'"{value}"'


def _as_parsed(value: Any) -> str:
    """Return a parsed value as it stood in the file."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{', '.join(map(_as_parsed, value))}]"
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_as_parsed(item)}" for key, item in value.items())
        return f"{{ {inner} }}"
    return value if isinstance(value, str) else _literal(value)
