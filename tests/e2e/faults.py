"""Faults that only the local cloud can be made to have. Whatever starts one also ends it."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import boto3
import httpx

import localcloud
from votectl.deployment import Deployment


@contextmanager
def kinesis_throttles(share: float) -> Iterator[None]:
    """Let the stream refuse this share of all puts with ProvisionedThroughputExceededException."""
    _configure("KINESIS_ERROR_PROBABILITY", share)
    try:
        yield
    finally:
        _configure("KINESIS_ERROR_PROBABILITY", 0.0)


def _configure(variable: str, value: float) -> None:
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    answer = httpx.post(f"{endpoint}/_localemu/config", json={"variable": variable, "value": str(value)})
    answer.raise_for_status()


def kill_function_processes(function: str) -> int:
    """Kill the processes of a function wherever they are in a batch; return how many."""
    killed = 0
    for name, pid in localcloud.function_pids().items():
        if name.startswith(function):
            # It may have ended by itself between the listing and the signal.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


def freeze_dynamodb(seconds: float) -> None:
    """Stop the DynamoDB engine for a while: calls hang, time out, and some are carried out all the same."""
    pid = localcloud.part_pids()["ministack"]
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


type WaitFor = Callable[[Callable[[], bool], float], None]


def restart_lambda(deployment: Deployment, wait_for: WaitFor) -> None:
    """Stop both event source mappings and every function process, then let the mappings go on."""
    with consumers_away(deployment, wait_for):
        pass


@contextmanager
def consumers_away(deployment: Deployment, wait_for: WaitFor) -> Iterator[None]:
    """Let nobody consume the stream: both event source mappings and every function process stop."""
    client = boto3.client("lambda")
    functions = (deployment.vote_writer_function, deployment.vote_aggregator_function)
    mappings = [
        mapping["UUID"]
        for function in functions
        for mapping in client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    ]

    def switch(enabled: bool) -> None:
        for uuid in mappings:
            client.update_event_source_mapping(UUID=uuid, Enabled=enabled)
        state = "Enabled" if enabled else "Disabled"
        wait_for(
            lambda: all(client.get_event_source_mapping(UUID=uuid)["State"] == state for uuid in mappings), 90
        )

    switch(False)
    try:
        for function in functions:
            kill_function_processes(function)
        yield
    finally:
        switch(True)


def chaos(deployment: Deployment, seconds: float, seed: int, wait_for: WaitFor) -> dict[str, int]:
    """Have one fault after the other for about ``seconds``; return how often each of them happened."""
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
