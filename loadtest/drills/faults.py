"""Faults that only the local cloud can be made to have. Whatever starts one also ends it."""

import json
import os
import signal
import threading
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


@contextmanager
def frozen_dynamodb() -> Iterator[None]:
    """Stop the DynamoDB engine: calls hang, time out, and some are carried out all the same."""
    pid = localcloud.part_pids()["ministack"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def freeze_dynamodb(seconds: float) -> None:
    """Stop the DynamoDB engine for a while."""
    with frozen_dynamodb():
        time.sleep(seconds)


@contextmanager
def again_and_again(action: Callable[[], object], every_seconds: float = 0.3) -> Iterator[None]:
    """Do something all the time, beside whatever else happens."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(every_seconds):
            action()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def gives_up_at_once(function: str) -> Iterator[None]:
    """Let the mapping of a function put each batch that fails into the failure bucket, without a second try."""
    client = boto3.client("lambda")
    (mapping,) = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    uuid = mapping["UUID"]
    client.update_event_source_mapping(UUID=uuid, MaximumRetryAttempts=0, BisectBatchOnFunctionError=False)
    try:
        yield
    finally:
        client.update_event_source_mapping(
            UUID=uuid,
            MaximumRetryAttempts=mapping["MaximumRetryAttempts"],
            BisectBatchOnFunctionError=mapping["BisectBatchOnFunctionError"],
        )


@contextmanager
def failure_bucket_refuses(bucket: str, function: str) -> Iterator[None]:
    """Let the function's role write nothing into its failure bucket: what is given up meanwhile is lost."""
    iam, name = boto3.client("iam"), "refuse-failures"
    role = (
        boto3.client("lambda").get_function(FunctionName=function)["Configuration"]["Role"].rpartition("/")[2]
    )
    denied = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = {"Version": "2012-10-17", "Statement": [denied]}
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName=name)


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


@contextmanager
def consumers_give_up(deployment: Deployment, wait_for: WaitFor) -> Iterator[None]:
    """Let both consumers fail at whatever they get, and their mappings give it up at once."""
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
