"""Waiting for the platform, and looking into it from the outside."""

import time
from collections.abc import Callable

import boto3
import pytest

from votectl.deployment import Deployment


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until the condition holds; fail when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {seconds} s")
        time.sleep(0.2)


def read_stream(deployment: Deployment) -> dict[tuple[str, str], tuple[str, bytes]]:
    """Return everything in the stream: (shard, sequence) to (partition key, data)."""
    kinesis = boto3.client("kinesis")
    records: dict[tuple[str, str], tuple[str, bytes]] = {}
    for shard in kinesis.list_shards(StreamName=deployment.stream_name)["Shards"]:
        iterator: str | None = kinesis.get_shard_iterator(
            StreamName=deployment.stream_name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = kinesis.get_records(ShardIterator=iterator, Limit=10_000)
            for record in page["Records"]:
                place = (shard["ShardId"], record["SequenceNumber"])
                records[place] = (record["PartitionKey"], record["Data"])
            if not page["Records"] and page.get("MillisBehindLatest", 0) == 0:
                break
            iterator = page.get("NextShardIterator")  # a shard that was closed has an end
    return records
