"""A stream: shards that own ranges of hash keys, records numbered per shard, split and merge."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from world.clock import Clock

HASH_KEYS = 2**128
REGION = "us-east-1"
STREAM_ARN = f"arn:aws:kinesis:{REGION}:000000000000:stream/votestream-test-votes"

# A shard's sequence numbers all lie above those of the shards that it came from: Kinesis builds them from
# the time of the shard's creation first (seconds, in 9 hexadecimal digits behind a leading 2), then from a
# counter. That is also why all of them have 56 decimal digits. Within a shard they grow, with gaps.
NUMBERS_PER_GENERATION = 10**20

# What Kinesis numbers look like today: 56 digits.
USUAL_FIRST_NUMBER = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898


class StreamRecord(NamedTuple):
    """One stored record; ``data`` as base64 text, the way an event carries it."""

    shard_id: str
    sequence: str
    partition_key: str
    data: str
    arrived_at: int

    def as_event_entry(self) -> dict[str, Any]:
        """Return the record as an entry of a Lambda event's ``Records``."""
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": self.partition_key,
                "sequenceNumber": self.sequence,
                "data": self.data,
                "approximateArrivalTimestamp": self.arrived_at / 1000,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self.shard_id}:{self.sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::000000000000:role/votestream-test",
            "awsRegion": REGION,
            "eventSourceARN": STREAM_ARN,
        }


def event_of(records: list[StreamRecord]) -> dict[str, Any]:
    """Return the event with which Lambda delivers these records."""
    return {"Records": [record.as_event_entry() for record in records]}


def base64_of(data: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(data).decode()


@cache
def hash_key_of(partition_key: str) -> int:
    """Return where Kinesis puts a partition key: its MD5 as a number."""
    return int(hashlib.md5(partition_key.encode(errors="replace"), usedforsecurity=False).hexdigest(), 16)


@dataclass(eq=False)
class Shard:
    """One shard: hash keys ``first`` (inclusive) to ``end`` (exclusive), and the shards that it came from."""

    shard_id: str
    first: int
    end: int
    parents: tuple["Shard", ...]
    last_number: int
    records: list[StreamRecord] = field(default_factory=list)
    closed: bool = False


class Stream:
    """The stream.

    Args:
        clock: stamps arrivals.
        shard_count: shards to begin with, of equal ranges.
        first_number: what the first records are numbered near. Emulators give shorter numbers, which may
            get longer by a digit in a stream's life; nothing may rest on their all having one length.
    """

    def __init__(self, clock: Clock, shard_count: int, first_number: int = USUAL_FIRST_NUMBER) -> None:
        self._clock = clock
        self._first_number = first_number
        self._generation = 0
        self.shards: list[Shard] = []
        step = HASH_KEYS // shard_count
        for position in range(shard_count):
            end = HASH_KEYS if position == shard_count - 1 else (position + 1) * step
            self._add_shard(position * step, end, ())

    @property
    def now_ms(self) -> int:
        """Return the time of the clock that stamps arrivals."""
        return self._clock.now_ms

    def _add_shard(self, first: int, end: int, parents: tuple[Shard, ...]) -> None:
        shard_id = f"shardId-{len(self.shards):012d}"
        number = self._first_number + self._generation * NUMBERS_PER_GENERATION
        self.shards.append(Shard(shard_id, first, end, parents, number))

    @property
    def open_shards(self) -> list[Shard]:
        """The shards that take records, ordered by hash key."""
        return sorted((shard for shard in self.shards if not shard.closed), key=lambda shard: shard.first)

    def put(
        self,
        partition_key: str,
        data: str,
        gap: int = 1,
        stamp_error_ms: int = 0,
        explicit_hash_key: int | None = None,
    ) -> StreamRecord:
        """Store a record (``data`` as base64 text); ``gap`` numbers are used up by it."""
        position = hash_key_of(partition_key) if explicit_hash_key is None else explicit_hash_key
        (shard,) = (shard for shard in self.open_shards if shard.first <= position < shard.end)
        shard.last_number += gap
        arrived_at = self._clock.now_ms + stamp_error_ms
        record = StreamRecord(shard.shard_id, str(shard.last_number), partition_key, data, arrived_at)
        shard.records.append(record)
        return record

    def split(self, shard: Shard) -> None:
        """Close a shard and open two for the halves of its range."""
        self._close(shard)
        middle = (shard.first + shard.end) // 2
        self._add_shard(shard.first, middle, (shard,))
        self._add_shard(middle, shard.end, (shard,))

    def merge(self, left: Shard, right: Shard) -> None:
        """Close two neighbouring shards and open one for both ranges."""
        assert left.end == right.first, "only neighbours can be merged"
        self._close(left, right)
        self._add_shard(left.first, right.end, (left, right))

    def _close(self, *shards: Shard) -> None:
        for shard in shards:
            shard.closed = True
        self._generation += 1

    def __iter__(self) -> Iterator[StreamRecord]:
        """Yield every record ever stored, shard by shard in order."""
        for shard in self.shards:
            yield from shard.records
