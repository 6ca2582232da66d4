"""How a shard is read and delivered: order, batches, retries, bisection, age, checkpoints, resharding."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from localcloud.emulator import lane
from localcloud.emulator.stream_mapping import BatchFailedError, MappingEvent, Policy, Position, RecordPage
from localcloud.emulator.stream_reader import ShardReader, lane_of, shards_to_start
from localcloud.processes import wait_until

POLICY = Policy(
    batch_size=10,
    batching_window_seconds=0,
    parallelization_factor=1,
    maximum_retry_attempts=-1,
    maximum_record_age_seconds=-1,
    bisect_batch_on_function_error=False,
)
NOW = 1_700_000_000.0
FROM_THE_START = Position("TRIM_HORIZON")


def record(number: int, key: str = "voter", arrival: float = NOW, size: int = 100) -> MappingEvent:
    return MappingEvent(str(number), key, arrival, {"number": number}, size)


class Shard:
    """A source with the records that a test puts in."""

    def __init__(self, events: Sequence[MappingEvent], *, closed: bool = True) -> None:
        self.events = list(events)
        self.closed = closed
        self.faults = 0

    def open(self, shard_id: str, position: Position) -> str:
        del shard_id
        if position.kind == "TRIM_HORIZON":
            return "0"
        index = next(i for i, event in enumerate(self.events) if event.sequence == position.value)
        return str(index if position.kind == "AT_SEQUENCE_NUMBER" else index + 1)

    def read(self, shard_id: str, iterator: str) -> RecordPage:
        del shard_id
        if self.faults:
            self.faults -= 1
            raise OSError("no answer")
        page = self.events[int(iterator) : int(iterator) + 7]
        after = int(iterator) + len(page)
        is_end = self.closed and after == len(self.events)
        return RecordPage(page, None if is_end else str(after), is_full=after < len(self.events))


class Consumer:
    """A target that fails where a test wants it to."""

    def __init__(self, behave: Callable[[Sequence[str]], None] = lambda _: None) -> None:
        self.behave = behave
        self.batches: list[list[str]] = []
        self.began: list[float] = []
        self.stored: list[str] = []
        self.given_up: list[tuple[list[str], str, int]] = []
        self.by_thread: dict[int, list[MappingEvent]] = defaultdict(list)
        self.lock = threading.Lock()

    def deliver(self, events: Sequence[MappingEvent]) -> None:
        sequences = [event.sequence for event in events]
        with self.lock:
            self.batches.append(sequences)
            self.began.append(time.monotonic())
        self.behave(sequences)
        with self.lock:
            self.stored += sequences
            self.by_thread[threading.get_ident()] += events

    def give_up(
        self,
        shard_id: str,
        events: Sequence[MappingEvent],
        condition: str,
        attempts: int,
        error: Mapping[str, object],
    ) -> None:
        del shard_id, error
        self.given_up.append(([event.sequence for event in events], condition, attempts))


@pytest.fixture
def read() -> Iterator[Callable[..., ShardReader]]:
    """Start to read a shard; what a test leaves running is stopped."""
    readers: list[ShardReader] = []

    def start(
        shard: Shard,
        consumer: Consumer,
        policy: Policy = POLICY,
        position: Position = FROM_THE_START,
    ) -> ShardReader:
        reader = ShardReader(
            "shard-1",
            position,
            policy,
            shard,
            consumer,
            poll_interval_seconds=0.001,
            now=lambda: NOW,
            first_backoff_seconds=0.001,
        )
        readers.append(reader)
        reader.start()
        return reader

    yield start
    for reader in readers:
        reader.stop()
        reader.join(5)


def finish(reader: ShardReader) -> None:
    assert wait_until(lambda: reader.finished, seconds=10, interval_seconds=0.001)


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


def fail_on(poison: str, times: int = 10**9) -> Callable[[Sequence[str]], None]:
    left = [times]

    def behave(sequences: Sequence[str]) -> None:
        if poison in sequences and left[0]:
            left[0] -= 1
            raise BatchFailedError({"message": "poison"})

    return behave


def test_every_record_is_delivered_once_in_order_and_in_batches(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer()
    reader = read(Shard([record(n) for n in range(1, 101)]), consumer)
    finish(reader)
    assert consumer.stored == numbers(1, 100)
    assert all(len(batch) <= 10 for batch in consumer.batches)


def test_lanes_run_side_by_side_and_keep_each_key_in_order(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer()
    events = [record(n, key=f"voter-{n % 20}") for n in range(1, 401)]
    finish(read(Shard(events), consumer, replace(POLICY, parallelization_factor=4)))
    assert sorted(consumer.stored, key=int) == numbers(1, 400)
    assert len(consumer.by_thread) == 4
    for delivered in consumer.by_thread.values():
        assert len({lane_of(event.partition_key, 4) for event in delivered}) == 1
        assert [int(event.sequence) for event in delivered] == sorted(
            int(event.sequence) for event in delivered
        )


def test_a_failed_batch_is_tried_again_before_anything_later(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer(fail_on("3", times=5))
    finish(read(Shard([record(n) for n in range(1, 31)]), consumer))
    assert consumer.stored == numbers(1, 30)
    assert consumer.given_up == []


def test_the_next_attempt_starts_at_the_reported_record(read: Callable[..., ShardReader]) -> None:
    def report(sequences: Sequence[str]) -> None:
        if sequences[0] != "4" and "4" in sequences:
            raise BatchFailedError({}, first_failed="4")

    consumer = Consumer(report)
    finish(read(Shard([record(n) for n in range(1, 8)]), consumer))
    assert consumer.batches == [numbers(1, 7), numbers(4, 7)]


def test_an_unknown_reported_record_fails_the_whole_batch(read: Callable[..., ShardReader]) -> None:
    failures = iter([BatchFailedError({}, first_failed="999")])

    def report(_: Sequence[str]) -> None:
        if error := next(failures, None):
            raise error

    consumer = Consumer(report)
    finish(read(Shard([record(n) for n in range(1, 6)]), consumer))
    assert consumer.batches == [numbers(1, 5), numbers(1, 5)]


def test_a_batch_without_retries_left_is_given_up_and_the_next_ones_are_delivered(
    read: Callable[..., ShardReader],
) -> None:
    consumer = Consumer(fail_on("3"))
    policy = replace(POLICY, batch_size=5, maximum_retry_attempts=2)
    finish(read(Shard([record(n) for n in range(1, 11)]), consumer, policy))
    assert consumer.given_up == [(numbers(1, 5), "RetryAttemptsExhausted", 3)]
    assert consumer.stored == numbers(6, 10)


def test_bisection_gives_up_the_poison_only(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer(fail_on("5"))
    policy = replace(POLICY, batch_size=100, maximum_retry_attempts=1, bisect_batch_on_function_error=True)
    finish(read(Shard([record(n) for n in range(1, 8)]), consumer, policy))
    assert consumer.given_up == [(["5"], "RetryAttemptsExhausted", 2)]
    assert consumer.stored == [*numbers(1, 4), *numbers(6, 7)]


def test_a_bisection_cuts_at_the_reported_record_and_is_no_attempt(read: Callable[..., ShardReader]) -> None:
    def one_at_a_time(sequences: Sequence[str]) -> None:
        if len(sequences) > 1:
            raise BatchFailedError({}, first_failed=sequences[1])

    consumer = Consumer(one_at_a_time)
    policy = replace(POLICY, maximum_retry_attempts=0, bisect_batch_on_function_error=True)
    finish(read(Shard([record(n) for n in range(1, 8)]), consumer, policy))
    assert consumer.given_up == []
    assert [batch[0] for batch in consumer.batches] == numbers(1, 7)


def test_an_unreachable_function_costs_no_attempt(read: Callable[..., ShardReader]) -> None:
    throttles = iter(range(5))

    def throttle(_: Sequence[str]) -> None:
        if next(throttles, None) is not None:
            raise OSError("Rate Exceeded")

    consumer = Consumer(throttle)
    policy = replace(POLICY, maximum_retry_attempts=0)
    reader = read(Shard([record(1)]), consumer, policy)
    finish(reader)
    assert consumer.stored == ["1"]
    assert consumer.given_up == []


def test_records_past_their_age_are_given_up_without_an_attempt(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer()
    events = [record(1, arrival=NOW - 61), record(2, arrival=NOW - 59), record(3)]
    finish(read(Shard(events), consumer, replace(POLICY, maximum_record_age_seconds=60)))
    assert consumer.given_up == [(["1"], "RecordAgeExceeded", 0)]
    assert consumer.stored == ["2", "3"]


def test_a_destination_that_fails_keeps_the_records_where_they_are(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer(fail_on("1"))
    destination, failures = consumer.give_up, iter(range(3))

    def give_up(*arguments: object, **named: object) -> None:
        if next(failures, None) is not None:
            raise OSError("no bucket")
        destination(*arguments, **named)  # type: ignore[arg-type]

    consumer.give_up = give_up  # type: ignore[method-assign]
    finish(
        read(Shard([record(1), record(2)]), consumer, replace(POLICY, batch_size=1, maximum_retry_attempts=0))
    )
    assert consumer.given_up == [(["1"], "RetryAttemptsExhausted", 1)]
    assert consumer.stored == ["2"]


def test_a_batch_fits_into_the_payload_of_an_invocation(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer()
    size = lane.PAYLOAD_LIMIT_BYTES // 3
    finish(read(Shard([record(n, size=size) for n in range(1, 8)]), consumer))
    assert [len(batch) for batch in consumer.batches] == [3, 3, 1]


def test_a_window_collects_the_records_that_arrive_in_it(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer()
    shard = Shard([record(1)], closed=False)
    read(shard, consumer, replace(POLICY, batching_window_seconds=0.3))
    shard.events += [record(2)]
    assert wait_until(lambda: consumer.batches != [], seconds=5)
    assert consumer.batches == [["1", "2"]]


def test_a_window_starts_at_its_first_records_arrival(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer()
    read(
        Shard([record(1, arrival=NOW - 300)], closed=False),
        consumer,
        replace(POLICY, batching_window_seconds=300),
    )
    assert wait_until(lambda: consumer.stored == ["1"], seconds=5)


def test_a_window_starts_at_the_end_of_the_previous_delivery(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer()
    shard = Shard([record(n, arrival=NOW - 1) for n in range(1, 12)], closed=False)
    read(shard, consumer, replace(POLICY, batching_window_seconds=1))
    assert wait_until(lambda: consumer.stored == numbers(1, 11), seconds=5)
    # The eleventh has waited for a second, but behind a batch that has just ended.
    first, second = consumer.began
    assert second - first >= 0.9


def test_a_full_batch_does_not_wait_for_its_window(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer()
    shard = Shard([record(n) for n in range(1, 11)], closed=False)
    read(shard, consumer, replace(POLICY, batching_window_seconds=300))
    assert wait_until(lambda: consumer.stored == numbers(1, 10), seconds=5)


def test_the_end_of_a_shard_does_not_wait_for_the_window(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer()
    finish(read(Shard([record(1)]), consumer, replace(POLICY, batching_window_seconds=300)))
    assert consumer.stored == ["1"]


def test_a_failed_read_neither_loses_nor_repeats_records(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer()
    shard = Shard([record(n) for n in range(1, 31)])
    shard.faults = 3
    finish(read(shard, consumer))
    assert consumer.stored == numbers(1, 30)


def test_a_successor_starts_at_the_oldest_record_that_is_not_done(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer(fail_on("12"))
    shard = Shard([record(n) for n in range(1, 31)])
    reader = read(shard, consumer, replace(POLICY, batch_size=5))
    assert wait_until(lambda: "10" in consumer.stored, seconds=5)
    reader.stop()
    reader.join(5)
    assert not reader.finished
    assert reader.position == Position("AT_SEQUENCE_NUMBER", "11")

    successor = Consumer()
    finish(read(shard, successor, position=reader.position))
    assert successor.stored == numbers(11, 30)


def test_a_successor_of_an_idle_reader_starts_after_its_last_record(read: Callable[..., ShardReader]) -> None:
    consumer = Consumer()
    reader = read(Shard([record(1)], closed=False), consumer)
    assert (
        reader.position in {Position("TRIM_HORIZON"), Position("AT_SEQUENCE_NUMBER", "1")} or consumer.stored
    )
    assert wait_until(lambda: consumer.stored == ["1"], seconds=5)
    assert wait_until(lambda: reader.position == Position("AFTER_SEQUENCE_NUMBER", "1"), seconds=5)


@pytest.mark.parametrize(
    ("started", "finished", "expected"),
    [
        pytest.param([], [], ["0", "1"], id="parents-first"),
        pytest.param(["0", "1"], [], [], id="children-wait"),
        pytest.param(["1"], ["0"], ["2"], id="a-split-needs-its-parent"),
        pytest.param([], ["0", "1"], ["2", "3"], id="a-merge-needs-both-parents"),
    ],
)
def test_children_are_read_after_their_parents(
    started: list[str], finished: list[str], expected: list[str]
) -> None:
    parents = {"0": ["gone"], "1": [], "2": ["0"], "3": ["0", "1"]}
    assert shards_to_start(parents, started, finished) == expected
