"""Refuses to change the writer's parallelization factor while a poll is between its end and its final result.

Closing markers reach every lane of a shard. Nothing documents which lane a record goes to while the factor changes, so
a tally that is under way could certify nothing. Terraform can't know of such polls: no data source lists the rows of
a table or the executions of a state machine. The tally itself notices a change, too, but only after the fact.
"""

from __future__ import annotations

from collections.abc import Callable

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from scripts.bootstrap.console import UserError
from votectl import deployment
from votectl.deployment import Deployment
from votectl.errors import OperatorError, command
from votectl.polls import PollDesk
from votectl.results import ResultReader
from voting.errors import VotestreamError

# What a plan changes if it changes the factor. The live counts' mapping never has another factor than 1.
SETTING = "parallelization_factor"

# How many polls an error names.
NAMED = 5

# An apply that changes the mapping takes so long at most: a poll that ends meanwhile counts as one that has ended.
APPLY_TAKES_MS = 300_000


def check(environment: str, wanted: Callable[[], int | None]) -> None:
    """Checks that an apply changes no lanes of a poll that has ended, or is about to, and is not final.

    Args:
        environment: the environment.
        wanted: returns the factor that the apply sets, None if it leaves it; asked for only if there is such a poll.

    Raises:
        UserError: it does; or it can't be read which polls there are.
    """
    try:
        deployed = deployment.find(environment)
    except OperatorError:
        return  # nothing is deployed yet
    try:
        polls = unfinished(deployed)
        now = deployed_lanes(deployed) if polls else None
    except (ClientError, BotoCoreError, VotestreamError, OperatorError) as error:
        raise UserError(
            f"it can't be said whether a poll of {environment} is being tallied: {error}"
        ) from None
    if now is None or (then := wanted()) is None or then == now:
        return
    named = ", ".join(polls[:NAMED]) + (f" and {len(polls) - NAMED} more" if len(polls) > NAMED else "")
    watch = command("tally", polls[0], options=f"--environment {environment}")
    raise UserError(
        f"vote_writer.parallelization_factor is {now} and would become {then} while these polls are between their end "
        f"and their final result: {named}. Wait until they are final ({watch}) or cancel them, then apply again"
    )


def unfinished(deployed: Deployment) -> list[str]:
    """Returns the ids of the polls that have ended, or will while an apply runs, and are not final."""
    desk = PollDesk(deployed.polls_table)
    now_ms = desk.now_ms()
    ended = [
        poll.poll_id
        for poll in desk.list()
        if poll.closes_at <= now_ms + APPLY_TAKES_MS and poll.cancelled_at is None
    ]
    # Nothing else is read of their tallies: the pipeline's role may see no counts.
    return sorted(set(ended) - ResultReader(deployed).settled(ended).keys())


def deployed_lanes(deployed: Deployment) -> int | None:
    """Returns the factor of the writer's mapping, or None if there is no mapping."""
    mappings = boto3.client("lambda").list_event_source_mappings(FunctionName=deployed.vote_writer_function)[
        "EventSourceMappings"
    ]
    return mappings[0].get("ParallelizationFactor", 1) if mappings else None
