import pytest

from unique_counter.passes import LEASE_MS, PERIOD_MS, Lease
from unit.unique_counter.conftest import BUCKETS, CLOSES_AT, OPENS_AT, Scene
from voting.errors import StoreUnavailable
from voting.final import cancelled_row
from voting.metrics import Metric
from voting.tallies import FINAL, LEASE, UNIQUE_PREFIX, live_entry, unique_entry
from world.containers import TALLIES
from world.faults import Call, Fault, FunctionStopped, script
from world.unique import REFRESH_MS

VOTES = {f"voter-{number}": "a" if number % 3 else "b" for number in range(20)}


def test_an_invocation_counts_each_voter_once(scene: Scene) -> None:
    scene.store(VOTES)
    began_at = scene.now
    counter = scene.run()
    assert scene.counts is not None
    assert scene.counts.options == {"a": 13, "b": 7}
    assert scene.counts.voters == 20
    assert began_at <= scene.counts.counted_at
    assert counter.telemetry.warnings == []


def test_nothing_is_shown_before_each_bucket_was_counted(scene: Scene) -> None:
    scene.store(VOTES)
    scene.run(lasts_ms=40)  # time for eight calls: the first bucket's, and not all the others'
    assert scene.counts is None
    assert any(entry.startswith(UNIQUE_PREFIX) for _, entry in scene.database.tables[TALLIES].rows)


def test_a_bucket_without_votes_is_counted_too(scene: Scene) -> None:
    scene.run()
    assert scene.counts is not None
    assert scene.counts.voters == 0


def test_a_bucket_is_counted_again_within_the_minute_or_by_the_next_invocation(scene: Scene) -> None:
    began_at = scene.now
    counter = scene.run()
    assert counter.telemetry.total(Metric.BUCKETS_COUNTED) == 2 * BUCKETS
    assert scene.now < began_at + PERIOD_MS
    scene.store(VOTES)
    scene.now = began_at + PERIOD_MS
    scene.run()
    assert scene.counts is not None
    assert scene.counts.voters == 20


def test_an_invocation_does_not_wait_for_a_long_refresh(scene: Scene) -> None:
    scene.run(scene.counter(refresh_ms=600_000))
    scene.run(scene.counter(refresh_ms=600_000))
    assert scene.slept == []


def test_two_invocations_share_the_buckets(scene: Scene) -> None:
    """The second begins while the first counts, and neither counts a bucket of the other."""
    scene.store(VOTES)
    helper = scene.counter(start=2)
    calls: list[Call] = []

    def help_once(call: Call) -> None:
        calls.append(call)
        if len(calls) == 5:  # the first one has its first lease
            scene.run(helper, lasts_ms=20_000)

    scene.before_call = help_once
    first = scene.run(lasts_ms=20_000)
    counted = [c.telemetry.total(Metric.BUCKETS_COUNTED) for c in (first, helper)]
    assert counted == [1, BUCKETS - 1]
    assert scene.counts is not None
    assert scene.counts.voters == 20


def test_a_dead_pass_blocks_its_bucket_until_its_lease_expires(scene: Scene) -> None:
    scene.store(VOTES)
    began_at = scene.now
    dying = scene.counter(gate=script(*[Fault.NONE] * 4, Fault.FUNCTION_ENDS_BEFORE))
    with pytest.raises(FunctionStopped):
        scene.run(dying)
    (leased,) = [row for row in scene.database.tables[TALLIES].rows.values() if LEASE in row]
    scene.run(lasts_ms=20_000)
    without_that_bucket = scene.counts
    assert without_that_bucket is None
    scene.now = began_at + LEASE_MS + 1_000
    scene.run(lasts_ms=20_000)
    assert scene.counts is not None
    assert LEASE not in scene.database.tables[TALLIES].rows["poll", leased["entry"]["S"]]


def test_a_pass_whose_lease_was_taken_writes_nothing(scene: Scene) -> None:
    """It hangs in its first page for longer than its lease; meanwhile all buckets are counted with more votes."""
    scene.store(VOTES)
    slow = scene.counter()
    seen: list[Call] = []

    def hang(call: Call) -> None:
        seen.append(call)
        if call.operation == "Query" and len(seen) == 5:
            scene.now += LEASE_MS + 1_000
            scene.store({f"late-{number}": "b" for number in range(20)})
            scene.run(scene.counter(), lasts_ms=20_000)
            assert scene.counts is not None
            assert scene.counts.voters == 40

    scene.before_call = hang
    scene.run(slow, lasts_ms=20_000 + LEASE_MS)
    assert scene.counts is not None
    assert scene.counts.voters == 40
    assert slow.telemetry.total(Metric.BUCKETS_UNFINISHED) + slow.telemetry.total(Metric.BUCKETS_LOST) == 1


def test_a_lease_whose_answer_was_lost_is_taken_again(scene: Scene) -> None:
    rows = scene.counter().runtime.rows

    def begin(lease: str, now: int) -> bool:
        return rows.begin("poll", 0, Lease(lease, now, now + 1_000, now))

    assert begin("mine", 1_000)
    assert begin("mine", 1_000)
    assert not begin("other", 1_000)
    assert not begin("other", 2_000), "it expires after its last moment"
    assert begin("other", 2_001)


def test_a_slow_clock_does_not_set_the_time_back(scene: Scene) -> None:
    scene.run()
    before = scene.counts
    scene.now -= REFRESH_MS // 2  # another container's clock
    scene.run(lasts_ms=500)
    assert scene.counts == before


def test_a_failing_table_is_read_again_after_a_wait(scene: Scene) -> None:
    scene.store(VOTES)
    counter = scene.counter(gate=script(*[Fault.NONE] * 3, *[Fault.CALL_THROTTLED] * BUCKETS))
    scene.run(counter, lasts_ms=20_000)
    assert scene.counts is not None
    assert scene.counts.voters == 20
    assert counter.telemetry.total(Metric.BUCKETS_UNFINISHED) == BUCKETS
    assert scene.slept


def test_a_throttled_page_is_read_again(scene: Scene) -> None:
    scene.store(VOTES)
    counter = scene.counter(gate=script(*[Fault.NONE] * 4, Fault.CALL_THROTTLED))
    scene.run(counter, lasts_ms=20_000)
    assert scene.counts is not None
    assert scene.counts.voters == 20
    assert counter.telemetry.total(Metric.BUCKETS_UNFINISHED) == 0


def test_reads_keep_their_pace(scene: Scene) -> None:
    scene.store(VOTES)
    began_at = scene.now
    counter = scene.run(scene.counter(reads_per_second=2, refresh_ms=600_000))
    assert counter.telemetry.total(Metric.BUCKETS_COUNTED) == BUCKETS
    # Seven pages or more of one unit each, and the first is free.
    assert scene.now - began_at >= 6 * 500


def test_a_missing_or_unopened_poll_is_not_counted(scene: Scene) -> None:
    scene.now = OPENS_AT - 1_000
    assert scene.run().stopped == []
    scene.database.tables["polls"].rows.clear()
    scene.now = OPENS_AT + 1
    assert scene.run().stopped == []
    assert scene.database.tables[TALLIES].rows == {}


@pytest.mark.parametrize("cancelled_in", ["polls", "tallies"])
def test_a_cancelled_poll_is_no_longer_counted(scene: Scene, cancelled_in: str) -> None:
    if cancelled_in == "polls":
        scene.poll(cancelled_at=scene.now)
    else:
        scene.database.tables[TALLIES].rows["poll", FINAL] = dict(cancelled_row("poll", scene.now))
    counter = scene.run()
    assert counter.stopped == ["poll"]
    assert not any(entry.startswith(UNIQUE_PREFIX) for _, entry in scene.database.tables[TALLIES].rows)


def test_a_final_poll_ends_its_schedule_and_keeps_its_rows(scene: Scene) -> None:
    scene.store(VOTES)
    scene.run()
    before = scene.counts
    scene.now = CLOSES_AT + 60_000
    scene.database.tables[TALLIES].rows["poll", FINAL] = {"poll_id": {"S": "poll"}, "entry": {"S": FINAL}}
    assert scene.run().stopped == ["poll"]
    assert scene.counts == before


def test_counting_continues_after_the_end_until_the_final(scene: Scene) -> None:
    scene.now = CLOSES_AT + 60_000
    scene.store(VOTES)
    assert scene.run().stopped == []
    assert scene.counts is not None
    assert scene.counts.voters == 20


def test_a_poll_that_cannot_be_read_fails_the_invocation(scene: Scene) -> None:
    with pytest.raises(StoreUnavailable):
        scene.run(scene.counter(gate=script(Fault.CALL_FAILS)))


def test_the_age_is_the_oldest_buckets(scene: Scene) -> None:
    counter = scene.run(scene.counter(refresh_ms=600_000))
    ages = [counts[Metric.UNIQUE_COUNT_AGE] for counts in counter.telemetry.counts]
    assert ages[0] == pytest.approx(10_000, abs=100), "since the poll opened"
    assert ages[-1] < 200
    scene.now += 400_000
    assert scene.run(scene.counter(refresh_ms=600_000)).telemetry.counts[0][
        Metric.UNIQUE_COUNT_AGE
    ] == pytest.approx(400_000, abs=200)


def test_votes_are_compared_with_voters_for_each_poll(scene: Scene) -> None:
    scene.store(VOTES)
    scene.database.tables[TALLIES].rows["poll", live_entry("shard-1")] = {
        "poll_id": {"S": "poll"},
        "entry": {"S": live_entry("shard-1")},
        "received": {"N": "51"},
        "total": {"N": "50"},
        "option#a": {"N": "50"},
        "last_arrival": {"N": "1"},
    }
    counter = scene.run(scene.counter(refresh_ms=600_000))
    assert counter.telemetry.poll_counts == [("poll", {Metric.VOTES_PER_HUNDRED_VOTERS: 250})]


def test_a_refresh_is_due_at_the_age_of_the_oldest_count(scene: Scene) -> None:
    scene.run(lasts_ms=1_000)
    first = scene.counts
    scene.now = OPENS_AT + 10_000 + REFRESH_MS - 100
    scene.run(lasts_ms=1_000)
    assert first is not None
    assert scene.counts is not None
    assert scene.counts.counted_at >= first.counted_at + REFRESH_MS - 100
    assert unique_entry(0) == "live_unique#0000"
