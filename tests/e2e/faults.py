"""Random faults, and faults that no drill has; the others are in loadtest/drills."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from loadtest.drills.faults import (
    WaitFor,
    consumers_away,
    frozen_dynamodb,
    kill_function_processes,
    kinesis_throttles,
)
from votectl.deployment import Deployment

__all__ = [
    "chaos",
    "consumers_away",
    "consumers_give_up",
    "freeze_dynamodb",
    "kill_function_processes",
    "kinesis_throttles",
    "restart_lambda",
]


def freeze_dynamodb(seconds: float) -> None:
    """Stop the DynamoDB engine for a while."""
    with frozen_dynamodb():
        time.sleep(seconds)


def restart_lambda(deployment: Deployment, wait_for: WaitFor) -> None:
    """Stop both event source mappings and every function process, then start the mappings again."""
    with consumers_away(deployment, wait_for):
        pass


@contextmanager
def consumers_give_up(deployment: Deployment, wait_for: WaitFor) -> Iterator[None]:
    """Let both consumers fail at every batch, and let their mappings give up without a retry."""
    client = boto3.client("lambda")
    broken = [
        (function, client.get_function_configuration(FunctionName=function)["Environment"]["Variables"])
        for function in (deployment.vote_writer_function, deployment.vote_aggregator_function)
    ]
    mappings = {
        mapping["UUID"]: mapping["MaximumRetryAttempts"]
        for function, _ in broken
        for mapping in client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    }

    def configure(variables: dict[str, dict[str, str]], attempts: dict[str, int]) -> None:
        for function, environment in variables.items():
            client.update_function_configuration(
                FunctionName=function, Environment={"Variables": environment}
            )
            client.get_waiter("function_updated_v2").wait(FunctionName=function)
        for uuid, number in attempts.items():
            client.update_event_source_mapping(UUID=uuid, MaximumRetryAttempts=number)
        wait_for(
            lambda: all(
                client.get_event_source_mapping(UUID=uuid)["State"] == "Enabled" for uuid in mappings
            ),
            90,
        )

    # A function refuses to start with an invalid value. It ignores variables that it does not know.
    configure(
        {function: {**variables, "VOTESTREAM_LOG_LEVEL": "BROKEN"} for function, variables in broken},
        dict.fromkeys(mappings, 0),
    )
    try:
        yield
    finally:
        configure(dict(broken), mappings)


def chaos(deployment: Deployment, seconds: float, seed: int, wait_for: WaitFor) -> dict[str, int]:
    """Cause one fault after the other for about ``seconds``; return how often each happened."""
    chance = random.Random(seed)
    happened = dict.fromkeys(("writer killed", "aggregator killed", "dynamodb frozen", "lambda restarted"), 0)
    deadline = time.monotonic() + seconds
    kinds = list(happened)
    while time.monotonic() < deadline or not all(happened.values()):
        # Each kind once, then at random.
        kind = next((kind for kind in kinds if not happened[kind]), chance.choice(kinds))
        match kind:
            case "writer killed":
                happened[kind] += kill_function_processes(deployment.vote_writer_function)
            case "aggregator killed":
                happened[kind] += kill_function_processes(deployment.vote_aggregator_function)
            case "dynamodb frozen":
                freeze_dynamodb(chance.uniform(1, 6))
                happened[kind] += 1
            case "lambda restarted":
                restart_lambda(deployment, wait_for)
                happened[kind] += 1
        time.sleep(chance.uniform(0.5, 2))
    return happened
