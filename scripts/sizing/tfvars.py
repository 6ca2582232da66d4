"""The plan as a file that Terraform reads, and such files read back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hcl2
from lark.exceptions import LarkError
from pydantic import BaseModel, ValidationError

from sizing.deployment import Aggregator, Api, Deployment, Settings, Stream, Table, Writer
from sizing.errors import BadFile
from sizing.files import first_problem
from sizing.plan import Plan

# The root module's variables that a deployment consists of, and the model of each.
OBJECTS: Mapping[str, type[Settings]] = {
    "api": Api,
    "stream": Stream,
    "polls_table": Table,
    "votes_table": Table,
    "tallies_table": Table,
    "vote_writer": Writer,
    "vote_aggregator": Aggregator,
}
PLAIN = ("lambda_architecture", "poll_cache_seconds")

_LONGEST_RECORD_AGE = 604_800  # s: Lambda's


def write(plan: Plan, command: str) -> str:
    """Return the variables that a plan decides, with what made them."""
    deployment, event = plan.deployment, plan.event
    objects = {
        "api": {
            "throttling_burst_limit": deployment.api.throttling_burst_limit,
            "throttling_rate_limit": deployment.api.throttling_rate_limit,
        },
        "stream": _chosen(deployment.stream, ("mode", "retention_hours", "shard_count")),
        "tallies_table": _table(deployment.tallies_table),
        "vote_aggregator": _chosen(
            deployment.vote_aggregator,
            ("batch_size", "batching_window_seconds", "enhanced_fan_out", "memory_mb", "timeout_seconds"),
        ),
        "vote_writer": {
            **_chosen(
                deployment.vote_writer,
                (
                    "batch_size",
                    "batching_window_seconds",
                    "enhanced_fan_out",
                    "memory_mb",
                    "parallelization_factor",
                    "timeout_seconds",
                    "write_concurrency",
                    "write_share",
                ),
            ),
            # Half of what the stream remembers, as the module's default is: the other half is for redrives.
            "maximum_record_age_seconds": min(deployment.stream.retention_hours * 1800, _LONGEST_RECORD_AGE),
        },
        "votes_table": _table(deployment.votes_table),
    }
    header = (
        f"# {event.name}: {event.votes:,.0f} votes, at most {event.peak_votes_per_second:,.0f} a second, in "
        f"{event.duration_seconds:,.0f} s; final result within {plan.goals.final_deadline_seconds:,.0f} s,",
        f"# live results within {plan.goals.live_lag_seconds:g} s. Written by",
        f"#   {command}",
        "# Give it after the environment's own file, which would win otherwise:",
        "#   terraform plan -var-file=environments/<env>.tfvars -var-file=<this file>",
        "# Each object replaces the environment's whole object: what it had besides goes back to its default.",
    )
    blocks = [_block(name, attributes) for name, attributes in objects.items()]
    return "\n".join(header) + "\n\n" + "\n".join(blocks)


def read(path: Path) -> Deployment:
    """Return the deployment that a tfvars file describes; attributes that do not matter here are left out.

    Raises:
        BadFile: it can't be read, is no HCL, or describes no possible deployment.
    """
    try:
        values = hcl2.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadFile(f"tfvars: {path} can't be read: {error.strerror}") from None
    except (LarkError, ValueError) as error:
        raise BadFile(f"tfvars: {path} is no HCL: {str(error).splitlines()[0]}") from None
    fields: dict[str, Any] = {name: _plain(values[name]) for name in PLAIN if name in values}
    for name, model in OBJECTS.items():
        if name in values:
            attributes = {key: _plain(value) for key, value in values[name].items()}
            fields[name] = {key: attributes[key] for key in model.model_fields.keys() & attributes.keys()}
    try:
        return Deployment.model_validate(fields)
    except ValidationError as error:
        raise BadFile(f"tfvars: {path}: {first_problem(error)}") from None


def _plain(value: Any) -> Any:
    """Return a value without the quotes that the parser leaves around text."""
    return value[1:-1] if isinstance(value, str) and value[:1] == value[-1:] == '"' else value


def _chosen(settings: BaseModel, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}


def _table(table: Table) -> dict[str, Any]:
    return _chosen(table, ("billing_mode", "max_read_units", "max_write_units", "read_units", "write_units"))


def _block(name: str, attributes: Mapping[str, Any]) -> str:
    width = max(map(len, attributes))
    lines = [f"  {key:{width}} = {_literal(attributes[key])}" for key in sorted(attributes)]
    return f"{name} = {{\n" + "\n".join(lines) + "\n}\n"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:g}" if value < 1e5 else f"{value:.0f}"
    return f'"{value}"'
