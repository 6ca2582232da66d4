"""Waiting for the platform, and observing it from the outside."""

import secrets
import time
from collections.abc import Callable

import boto3
import pytest

from loadtest.drills.crowd import Crowd
from votectl.deployment import Deployment

type Place = tuple[str, str]
"""Shard and sequence number."""
type StreamRecord = tuple[str, bytes]
"""Partition key and data."""


def new_id(prefix: str) -> str:
    """Return a name that no other test uses, in this run or in another."""
    return f"{prefix}-{secrets.token_hex(6)}"


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until the condition holds. Fail the test if it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {seconds} s")
        time.sleep(0.2)


def assert_counted_once(crowd: Crowd) -> None:
    """Wait until all counts and stored votes equal the crowd's votes, and stay equal."""
    wait_for(lambda: not crowd.disagreements(), 120)
    time.sleep(3)  # double counts come late
    assert crowd.disagreements() == []


class NewRecords:
    """The records that reach the stream from now on."""

    def __init__(self, deployment: Deployment) -> None:
        """Remember the end of every open shard."""
        self._kinesis = boto3.client("kinesis")
        shards = self._kinesis.list_shards(
            StreamName=deployment.stream_name, ShardFilter={"Type": "AT_LATEST"}
        )["Shards"]
        self._iterators: dict[str, str | None] = {
            shard["ShardId"]: self._kinesis.get_shard_iterator(
                StreamName=deployment.stream_name, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
            )["ShardIterator"]
            for shard in shards
            if "EndingSequenceNumber"
            not in shard["SequenceNumberRange"]  # after a reshard, closed ones remain
        }
        self._records: dict[Place, StreamRecord] = {}

    @property
    def shards(self) -> set[str]:
        """The shards that were open."""
        return set(self._iterators)

    def read(self) -> dict[Place, StreamRecord]:
        """Return all records, including those of other tests."""
        for shard, iterator in self._iterators.items():
            while iterator:
                page = self._kinesis.get_records(ShardIterator=iterator, Limit=10_000)
                for record in page["Records"]:
                    place = (shard, record["SequenceNumber"])
                    self._records[place] = (record["PartitionKey"], record["Data"])
                iterator = page.get("NextShardIterator")  # a shard that was closed has an end
                if not page["Records"] and page.get("MillisBehindLatest", 0) == 0:
                    break
            self._iterators[shard] = iterator
        return dict(self._records)

    def about(self, *marks: str) -> dict[Place, StreamRecord]:
        """Return the records whose key or data contains one of these words."""
        return {
            place: (key, data)
            for place, (key, data) in self.read().items()
            if any(mark in key or mark.encode() in data for mark in marks)
        }

    def at(self, receipt: dict[str, str]) -> StreamRecord:
        """Return the record that a receipt names; wait for it, because a stream shows a record late."""
        place = (receipt["shard"], receipt["sequence"])
        wait_for(lambda: place in self.read(), 10)
        return self._records[place]
