"""Fixes LocalEmu's Kinesis, which is moto's. All defects of the emulator's stream are fixed here.

The defects (moto-ext 5.1.54, `moto/kinesis/models.py`), compared with AWS:

- `Shard.put_record` takes the next number without a lock: of two concurrent puts with the same number one is
  acknowledged and lost (seen: 1 in 600). It also copies all keys for each put, so that a stream slows down as
  it grows, and `Shard.get_records` walks over every record from the start.
- Numbers are 1, 2, 3 in each shard. AWS's have 56 digits, order records only within a shard and its
  descendants, and grow from a parent shard to its children. "The last vote wins" depends on that.
- `split_shard` and `merge_shards` move a shard's records into its children with new numbers, and puts still find the
  closed parent. On AWS records stay in their shard, and a reader reads a parent to its end first.
- A closed shard that is read to its end still returns an iterator, so that no reader continues with the children.
- The last shard ends at 2**128, one past the last hash key, and the last hash key of each shard belongs to none.
- CreateStream drops the stream's tags, which Terraform sends with it, so that no plan was ever empty.
- PutRecords is throttled (KINESIS_ERROR_PROBABILITY) as a whole: none of 500 votes, or all. AWS throttles each record.
- An iterator made with StreamARN names the stream "None" and works with StreamARN only.
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported,untyped-decorator"

import json
import random
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from localemu import config
from localemu.services.kinesis.provider import KinesisProvider
from moto.kinesis import models
from moto.kinesis.exceptions import InvalidArgumentError
from moto.kinesis.responses import KinesisResponse
from moto.kinesis.utils import (
    compose_new_shard_iterator,
    compose_shard_iterator,
    decompose_shard_iterator,
)

GREATEST_HASH_KEY = 2**128 - 1
THROTTLED = {
    "ErrorCode": "ProvisionedThroughputExceededException",
    "ErrorMessage": "Rate exceeded for shard X in stream Y under account Z.",
}
GET_RECORDS_LIMIT = 10_000

# For splits and merges: two at the same time would close a shard twice.
_resharding = threading.Lock()


def sequence_number(created: int, index: int, seconds: int, shard: int) -> int:
    """A number of AWS's shape: 56 digits, ordered by the shard's creation first, then by the order of arrival.

    Args:
        created: epoch second of the shard's creation, later for a child than for its parents.
        index: the number of earlier records of the shard, plus one; 0 is the shard's own starting number.
        seconds: epoch second of the arrival.
        shard: the shard's number.
    """
    return int(f"2{created:09x}0{index:016x}00{seconds:09x}{shard:08x}2", 16)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record; `created_at` is its approximate arrival, epoch seconds with milliseconds."""

    partition_key: str
    data: str
    explicit_hash_key: str
    sequence_number: int
    created_at: float

    def to_json(self) -> dict[str, object]:
        """The record as GetRecords answers it."""
        return {
            "Data": self.data,
            "PartitionKey": self.partition_key,
            "SequenceNumber": str(self.sequence_number),
            "ApproximateArrivalTimestamp": self.created_at,
        }


class PatchedShard(models.Shard):
    """A shard with a lock, AWS's numbers, and the cost of a put or a read independent of its length."""

    def __init__(
        self,
        shard_id: int,
        starting_hash: int,
        ending_hash: int,
        parent: str | None = None,
        adjacent_parent: str | None = None,
        parents_created: int = 0,
    ) -> None:
        super().__init__(
            shard_id, starting_hash, min(ending_hash, GREATEST_HASH_KEY), parent, adjacent_parent
        )
        self.created = max(int(time.time()), parents_created + 1)
        self._lock = threading.Lock()
        self._stored: list[StoredRecord] = []
        self._numbers: list[int] = []
        self._arrivals: list[float] = []

    def append(self, partition_key: str, data: str, explicit_hash_key: str) -> str | None:
        """Store a record and answer its number, or None when the shard has been closed."""
        with self._lock:
            if not self.is_open:
                return None
            arrival = round(time.time(), 3)
            if self._arrivals:
                arrival = max(arrival, self._arrivals[-1])
            number = sequence_number(self.created, len(self._stored) + 1, int(arrival), self._shard_id)
            self._stored.append(StoredRecord(partition_key, data, explicit_hash_key, number, arrival))
            self._numbers.append(number)
            self._arrivals.append(arrival)
            return str(number)

    def close(self) -> None:
        """Accept no more records; stored ones stay readable."""
        with self._lock:
            self.is_open = False

    def get_records(self, last_sequence_id: str, limit: int | None) -> tuple[list[StoredRecord], int, int]:
        """The records after a number, the last of their numbers, and how far they are behind, in ms."""
        with self._lock:
            start = bisect_right(self._numbers, int(last_sequence_id))
            records = self._stored[start : start + min(limit or GET_RECORDS_LIMIT, GET_RECORDS_LIMIT)]
            if not records:
                return [], int(last_sequence_id), 0
            behind = self._arrivals[-1] - records[-1].created_at
            return records, records[-1].sequence_number, int(behind * 1000)

    def is_read_to_its_end(self, last_sequence_id: int) -> bool:
        """Whether nothing comes after a number any more."""
        with self._lock:
            return not self.is_open and (not self._numbers or last_sequence_id >= self._numbers[-1])

    def has_news(self, last_sequence_id: int) -> bool:
        """Whether a read after that number would return something: a record, or the end of the shard."""
        with self._lock:
            return not self.is_open or (bool(self._numbers) and last_sequence_id < self._numbers[-1])

    def get_min_sequence_number(self) -> int:
        """The shard's own starting number, which is before its first record's."""
        return sequence_number(self.created, 0, self.created, self._shard_id)

    def get_max_sequence_number(self) -> int:
        """The number of its last record."""
        with self._lock:
            return self._numbers[-1] if self._numbers else self.get_min_sequence_number()

    def get_sequence_number_at(self, at_timestamp: float) -> int:
        """The number after which all records arrived at that time or later."""
        with self._lock:
            index = bisect_left(self._arrivals, at_timestamp)
            return self._numbers[index - 1] if index else 0


class EmulatedStream(Protocol):
    """The part of moto's stream that the functions below use."""

    shards: dict[str, PatchedShard]
    shard_count: int


def get_shard_for_key(
    stream: EmulatedStream, partition_key: object, explicit_hash_key: object
) -> PatchedShard:
    """The open shard of a key."""
    if not isinstance(partition_key, str) or len(partition_key) > 256:
        raise InvalidArgumentError("partition_key")
    if not explicit_hash_key:
        hash_key = int(models.md5_hash(partition_key.encode("utf-8")).hexdigest(), 16)
    elif isinstance(explicit_hash_key, str) and int(explicit_hash_key) <= GREATEST_HASH_KEY:
        hash_key = int(explicit_hash_key)
    else:
        raise InvalidArgumentError("explicit_hash_key")
    # A parent closes after its children exist, and precedes them in the list: one of them always matches.
    return next(
        shard
        for shard in list(stream.shards.values())
        if shard.is_open and shard.starting_hash <= hash_key <= shard.ending_hash
    )


def put_record(
    stream: EmulatedStream, partition_key: str, explicit_hash_key: str, data: str
) -> tuple[str, str]:
    """Store a record; answers its number and the id of its shard."""
    while True:
        shard = get_shard_for_key(stream, partition_key, explicit_hash_key)
        number = shard.append(partition_key, data, explicit_hash_key)
        if number is not None:
            return number, shard.shard_id


def split_shard(stream: EmulatedStream, shard_to_split: str, new_starting_hash_key: str) -> None:
    """Close a shard and open two in its place."""
    with _resharding:
        shard, middle = _open_shard(stream, shard_to_split), int(new_starting_hash_key)
        if not shard.starting_hash < middle <= shard.ending_hash:
            raise InvalidArgumentError(f"NewStartingHashKey {middle} is not within {shard_to_split}")
        _replace(stream, [shard], [(shard.starting_hash, middle - 1), (middle, shard.ending_hash)])


def merge_shards(stream: EmulatedStream, shard_to_merge: str, adjacent_shard_to_merge: str) -> None:
    """Close two neighbouring shards and open one in their place."""
    with _resharding:
        shards = [_open_shard(stream, shard_to_merge), _open_shard(stream, adjacent_shard_to_merge)]
        low, high = sorted(shards, key=lambda shard: shard.starting_hash)
        if low.ending_hash + 1 != high.starting_hash:
            raise InvalidArgumentError(f"{shard_to_merge} and {adjacent_shard_to_merge} are not adjacent")
        _replace(stream, shards, [(low.starting_hash, high.ending_hash)])


def _open_shard(stream: EmulatedStream, shard_id: str) -> PatchedShard:
    shard = stream.shards[shard_id]
    if not shard.is_open:
        raise InvalidArgumentError(f"{shard_id} has already been merged or split")
    return shard


def _replace(stream: EmulatedStream, parents: list[PatchedShard], ranges: list[tuple[int, int]]) -> None:
    for starting_hash, ending_hash in ranges:
        child = PatchedShard(
            len(stream.shards),
            starting_hash,
            ending_hash,
            parent=parents[0].shard_id,
            adjacent_parent=parents[1].shard_id if len(parents) > 1 else None,
            parents_created=max(parent.created for parent in parents),
        )
        stream.shards[child.shard_id] = child
    for parent in parents:
        parent.close()
    stream.shard_count = sum(shard.is_open for shard in stream.shards.values())


def get_shard_iterator(
    backend: Any,
    stream_arn: str | None,
    stream_name: str | None,
    shard_id: str,
    shard_iterator_type: str,
    starting_sequence_number: int,
    at_timestamp: float,
) -> str:
    """An iterator that always names its stream."""
    stream = backend.describe_stream(stream_arn=stream_arn, stream_name=stream_name)
    if shard_id not in stream.shards:
        raise models.ResourceNotFoundError(
            message=f"Shard {shard_id} in stream {stream.stream_name} under account {backend.account_id} does not exist"
        )
    iterator: str = compose_new_shard_iterator(
        stream.stream_name,
        stream.shards[shard_id],
        shard_iterator_type,
        starting_sequence_number,
        at_timestamp,
    )
    return iterator


def get_records(
    backend: Any, stream_arn: str | None, shard_iterator: str, limit: int | None
) -> tuple[str | None, list[StoredRecord], int]:
    """The records after an iterator, and the next one: None when the shard is closed and read to its end."""
    stream_name, shard_id, last_sequence_id = decompose_shard_iterator(shard_iterator)
    stream = backend.describe_stream(stream_arn=stream_arn, stream_name=stream_name)
    shard: PatchedShard = stream.shards[shard_id]
    records, last, behind = shard.get_records(last_sequence_id, limit)
    if shard.is_read_to_its_end(last):
        return None, records, behind
    return compose_shard_iterator(stream_name, shard, last), records, behind


def has_news(account_id: str, region: str, shard_iterator: str) -> bool:
    """Whether GetRecords would return something, at a thousandth of its cost."""
    stream_name, shard_id, last_sequence_id = decompose_shard_iterator(shard_iterator)
    stream = models.kinesis_backends[account_id][region].streams.get(stream_name)
    shard: PatchedShard | None = stream and stream.shards.get(shard_id)
    return shard is None or shard.has_news(int(last_sequence_id))


def create_stream(response: Any) -> str:
    """Create a stream with the tags that came with the request."""
    answer = _create_stream(response)
    tags = response._get_param("Tags")
    if tags:
        name = response._get_param("StreamName")
        response.kinesis_backend.add_tags_to_stream(stream_arn=None, stream_name=name, tags=tags)
    return answer


_create_stream: Callable[[Any], str] = KinesisResponse.create_stream


def put_records(response: Any) -> str:
    """Put several records; with KINESIS_ERROR_PROBABILITY each is throttled separately, as on AWS.

    LocalEmu throttles all of a call or none, and moto answers 500 to a request without records.
    """
    records = response._get_param("Records")
    if not records:
        raise InvalidArgumentError("Records must have from 1 to 500 members.")
    chance = random.SystemRandom()
    throttled = [chance.random() < config.KINESIS_ERROR_PROBABILITY for _ in records]
    taken = [record for record, refused in zip(records, throttled, strict=True) if not refused]
    answer = response.kinesis_backend.put_records(
        response._get_param("StreamARN"), response._get_param("StreamName"), taken
    )
    stored = iter(answer["Records"])
    entries = [THROTTLED if refused else next(stored) for refused in throttled]
    return json.dumps({"FailedRecordCount": sum(throttled), "Records": entries})


def leave_to_moto(*_: object, **__: object) -> None:
    """Pass an operation on to moto; LocalEmu's providers do it in this way."""
    raise NotImplementedError


def install() -> None:
    """Replace moto's own functions by those above."""
    KinesisResponse.create_stream = create_stream
    KinesisResponse.put_records = put_records
    KinesisProvider.put_records = leave_to_moto
    models.Shard = PatchedShard
    models.Stream.get_shard_for_key = get_shard_for_key
    models.Stream.put_record = put_record
    models.Stream.split_shard = split_shard
    models.Stream.merge_shards = merge_shards
    models.KinesisBackend.get_shard_iterator = get_shard_iterator
    models.KinesisBackend.get_records = get_records
