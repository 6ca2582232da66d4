"""Entry point of results_pack: one step of publishing a pack per invocation."""

import os
import time
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from results_pack import steps
from results_pack.steps import PackRuntime, PackState
from results_pack.store import PackBucket, PackRowTable, PackVoteTable, signer_of
from voting.invocation import LambdaContext
from voting.settings import PackSettings
from voting_aws.clients import (
    CONNECT_TIMEOUT_SECONDS,
    MAX_ATTEMPTS,
    READ_TIMEOUT_SECONDS,
    SLOWEST_CALL_MS,
    dynamodb_client,
)
from voting_aws.pack_keys import PollKeys, SigningKey
from voting_aws.polls import PollTable

# Groups per invocation, so that a slow one does not delay the end.
GROUPS_PER_INVOCATION = 2


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one step: ``{"step": name, "state": the result of the step before, …}``."""
    return handle(event, lambda: context.get_remaining_time_in_millis() - SLOWEST_CALL_MS, runtime())


@cache
def runtime() -> PackRuntime:
    """Build the container's runtime from the environment at its first invocation."""
    settings = PackSettings.from_env(os.environ)
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
    )
    client, kms = dynamodb_client(), boto3.client("kms", config=config)
    polls = PollTable(client, settings.polls_table)
    keys = PollKeys(client, kms, settings.tallies_table, settings.pack_key)
    return PackRuntime(
        load_poll=lambda poll_id: dict(polls.load([poll_id]))[poll_id],
        votes=PackVoteTable(client, settings.votes_table),
        rows=PackRowTable(client, settings.tallies_table, keys),
        files=PackBucket(
            boto3.client("s3", config=config),
            settings.pack_bucket,
            settings.pack_lock_days,
            settings.pack_lock_mode,
        ),
        signer=lambda: signer_of(SigningKey(kms, settings.pack_signing_key)),
        groups=GROUPS_PER_INVOCATION * settings.count_concurrency,
        sleep_ms=lambda duration: time.sleep(duration / 1000),
    )


def handle(event: dict[str, Any], remaining_ms: steps.Clock, runtime: PackRuntime) -> dict[str, Any]:
    """Take the step that the event names; return the input of the next step."""
    if event["step"] == "plan":
        return steps.plan(event["poll_id"], event["execution"], runtime).model_dump(mode="json")
    state = PackState.model_validate(event["state"])
    match event["step"]:
        case "spill":
            return {"done": steps.spill(state, event["buckets"], runtime, remaining_ms)}
        case "check":
            steps.check(state, runtime)
            return {}
        case "write":
            steps.write(state, event["parts"], runtime)
            return {}
        case "seal":
            return steps.seal(state, runtime)
        case unknown:
            raise ValueError(f"there is no step {unknown!r}: the state machine and this function don't match")
