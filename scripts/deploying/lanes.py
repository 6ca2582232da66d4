"""Refuses to change the writer's parallelization factor while a tally runs.

Closing markers reach every lane of a shard. Nothing documents which lane a record goes to while the factor changes, so
a tally that is under way could certify nothing. Terraform can't know whether one runs: no data source lists
executions. A tally that starts later waits by itself until the mapping has the factor that it was deployed for.
"""

from __future__ import annotations

from collections.abc import Callable

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from scripts.bootstrap.console import UserError
from votectl import deployment
from votectl.deployment import Deployment
from votectl.errors import OperatorError, command
from votectl.tallying import Tallies

# How many polls an error names.
NAMED = 5


def check(environment: str, wanted: Callable[[], int]) -> None:
    """Checks that an apply changes no lanes of a poll that is being tallied.

    Args:
        environment: the environment.
        wanted: returns ``vote_writer.parallelization_factor`` of its tfvars; asked for only if a tally runs.

    Raises:
        UserError: it does; or it can't be read what runs.
    """
    try:
        deployed = deployment.find(environment)
    except OperatorError:
        return  # nothing is deployed yet
    try:
        polls = sorted(Tallies(deployed).running())
        now = deployed_lanes(deployed) if polls else None
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"it can't be said whether a tally runs in {environment}: {error}") from None
    if now is None or (then := wanted()) == now:
        return
    named = ", ".join(polls[:NAMED]) + (f" and {len(polls) - NAMED} more" if len(polls) > NAMED else "")
    watch = command("tally", polls[0], options=f"--environment {environment}")
    raise UserError(
        f"vote_writer.parallelization_factor is {now} and would become {then} while these polls are tallied: {named}. "
        f"Wait until they are final ({watch}), then apply again"
    )


def deployed_lanes(deployed: Deployment) -> int | None:
    """Returns the factor of the writer's mapping, or None if there is no mapping."""
    mappings = boto3.client("lambda").list_event_source_mappings(FunctionName=deployed.vote_writer_function)[
        "EventSourceMappings"
    ]
    return mappings[0].get("ParallelizationFactor", 1) if mappings else None
