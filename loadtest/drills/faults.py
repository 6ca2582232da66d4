"""Faults of the local cloud. Each context manager ends the fault that it starts."""

import json
import os
import signal
import threading
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
    """Kill the processes of a function, in the middle of a batch too; return how many."""
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
    """Stop the DynamoDB engine: calls hang and time out, and some of them take effect later."""
    pid = localcloud.part_pids()["ministack"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def again_and_again(action: Callable[[], object], every_seconds: float = 0.3) -> Iterator[None]:
    """Repeat an action in a thread until the block ends."""
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
    """Let a function's mapping put each failed batch into the failure bucket without a retry."""
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
    """Deny the function's role to write into its failure bucket: batches given up meanwhile are lost."""
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


@contextmanager
def consumers_away(deployment: Deployment, wait_for: WaitFor) -> Iterator[None]:
    """Stop consuming the stream: disable both event source mappings and kill every function process."""
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
