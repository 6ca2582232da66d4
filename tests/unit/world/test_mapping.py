"""The simulated mapping behaves as Lambda's guide says; a more lenient one would prove nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from world.clock import Clock
from world.containers import AggregatorContainer
from world.dynamodb import FakeDynamoDB
from world.invocations import Invocation, Outcome
from world.kinesis import Stream
from world.mapping import Batch, EventSourceMapping, Lane, settled_records

type Answer = Callable[[dict[str, Any]], Any]


def sequences(event: dict[str, Any]) -> list[int]:
    return [int(entry["kinesis"]["sequenceNumber"]) for entry in event["Records"]]


class World:
    """A stream with one shard, ten records numbered from 1, and a mapping to a function of the test's."""

    def __init__(self, factor: int = 1, retries: int | None = None, records: int = 10) -> None:
        self.delivered: list[list[int]] = []
        self.answer: Answer = lambda _event: {"batchItemFailures": []}
        self.stream = Stream(Clock(), shard_count=1, first_number=0)
        self.mapping = EventSourceMapping(self.stream, factor, retries, self._start)
        self.put(records)

    def put(self, records: int) -> None:
        for number in range(records):
            self.stream.put(f"voter-{number}", "")

    def _start(self, event: dict[str, Any]) -> Any:
        self.delivered.append(sequences(event))
        invocation = Invocation(lambda _duration: None)
        invocation.begin(lambda: self.answer(event))
        return invocation, AggregatorContainer(FakeDynamoDB({}), lambda: 0)

    def deliver(self, lane: Lane | None = None, size: int = 100, bisect_at: int = 0) -> None:
        delivery = self.mapping.deliver(lane or self.mapping.lanes()[0], size, bisect_at)
        assert delivery is not None
        self.mapping.settle(delivery)

    def fail(self, *numbers: int) -> None:
        self.answer = lambda _event: {"batchItemFailures": [{"itemIdentifier": str(n)} for n in numbers]}


def test_batches_follow_one_another() -> None:
    world = World()
    world.deliver(size=4)
    world.deliver(size=4)
    assert world.delivered == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_a_mapping_continues_at_the_lowest_reported_record() -> None:
    world = World()
    world.fail(7, 4, 9)
    world.deliver()
    world.deliver()
    assert world.delivered[1] == [4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(Outcome(error=ValueError()), id="error"),
        pytest.param(Outcome({"batchItemFailures": [{"itemIdentifier": ""}]}), id="no-identifier"),
        pytest.param(Outcome({"batchItemFailures": [{"itemIdentifier": "77"}]}), id="foreign-record"),
        pytest.param(
            Outcome({"batchItemFailures": [{"itemIdentifier": "5"}, {"itemIdentifier": "77"}]}),
            id="one-foreign",
        ),
    ],
)
def test_an_invalid_answer_fails_the_whole_batch(outcome: Outcome) -> None:
    world = World()
    assert settled_records(Batch(world.stream.shards[0].records), outcome) == 0


def test_a_failed_batch_may_be_retried_in_two_parts() -> None:
    world = World()
    world.fail(1)
    world.deliver(bisect_at=3)
    world.answer = lambda _event: {"batchItemFailures": []}
    world.deliver()
    world.deliver()
    assert world.delivered[1:] == [[1, 2, 3], [4, 5, 6, 7, 8, 9, 10]]


def test_a_batch_without_retries_left_goes_to_the_failure_destination() -> None:
    world = World(retries=1)
    world.fail(4)
    world.deliver(size=5)
    assert world.mapping.failures.objects == []
    world.deliver(size=5)
    (text,) = world.mapping.failures.objects
    assert '"startSequenceNumber": "4", "endSequenceNumber": "5"' in text
    world.deliver(size=5)
    assert world.delivered == [[1, 2, 3, 4, 5], [4, 5], [6, 7, 8, 9, 10]]


def test_without_a_limit_a_mapping_never_gives_up() -> None:
    world = World()
    world.fail(1)
    for _ in range(50):
        world.deliver()
    assert world.mapping.failures.objects == []


def test_a_zombies_answer_is_ignored() -> None:
    world = World()
    (lane,) = world.mapping.lanes()
    zombie = world.mapping.deliver(lane, 100)
    assert zombie is not None
    world.mapping.take_for_dead(zombie)
    world.mapping.settle(zombie)
    assert lane.done == 0
    assert [len(batch.records) for batch in lane.waiting] == [10]


def test_lanes_share_a_shard_by_partition_key() -> None:
    world = World(factor=3, records=40)
    lanes = [lane.records() for lane in world.mapping.lanes()]
    keys = [{record.partition_key for record in records} for records in lanes]
    assert all(keys)
    assert not keys[0] & keys[1] | keys[0] & keys[2] | keys[1] & keys[2]


def test_a_child_is_read_after_all_its_parents() -> None:
    world = World()
    (parent,) = world.stream.shards
    world.stream.split(parent)
    world.stream.merge(*world.stream.open_shards)
    world.put(3)
    assert [lane.shard.shard_id for lane in world.mapping.lanes()] == [parent.shard_id]
    world.deliver()
    assert [lane.shard.shard_id for lane in world.mapping.lanes()] == [
        shard.shard_id for shard in world.stream.shards
    ]
    world.deliver(world.mapping.lanes()[-1])
    first_of_child = world.delivered[-1][0]
    assert first_of_child > world.delivered[0][-1]


def test_sequence_numbers_order_a_partition_keys_records_across_reshards() -> None:
    stream = Stream(Clock(), shard_count=2)
    numbers = []
    for step in range(12):
        numbers.append(int(stream.put("voter-1", "").sequence))
        shards = stream.open_shards
        if step % 3 == 2 and len(shards) > 1:
            stream.merge(shards[0], shards[1])
        else:
            stream.split(shards[step % len(shards)])
    assert numbers == sorted(set(numbers))
    assert {len(str(number)) for number in numbers} == {56}
