import pytest

from votectl.sizing.capacity import Bucket, GrowingCapacity, Growth, WriteMeter

ON_DEMAND = Growth(initial=4_000, factor=2, seconds=1_800, ceiling=40_000)


def test_a_bucket_gives_what_it_kept_and_then_its_rate() -> None:
    bucket = Bucket(rate=100, size=1_000)
    assert bucket.offer(1) == 1_100
    bucket.take(1_100, 1)
    assert bucket.offer(1) == 100
    bucket.take(0, 60)
    assert bucket.offer(0) == 1_000


def test_capacity_doubles_half_an_hour_after_its_peak() -> None:
    capacity = GrowingCapacity(ON_DEMAND)
    capacity.consumed(0, 4_000)
    assert capacity.at(1_799) == 4_000
    assert capacity.at(1_800) == 8_000
    capacity.consumed(1_800, 8_000)
    assert capacity.at(3_600) == 16_000


def test_capacity_does_not_shrink_nor_pass_its_ceiling() -> None:
    capacity = GrowingCapacity(ON_DEMAND)
    capacity.consumed(0, 30_000)
    capacity.consumed(1, 10)
    assert capacity.at(10_000) == 40_000


def test_a_provisioned_table_lends_five_minutes_and_then_is_flat() -> None:
    meter = WriteMeter(Bucket(rate=100, size=300 * 100), partition_units=1e9)
    granted = [meter.grant(200, now, 1) for now in range(400)]
    assert granted[:300] == [200] * 300
    assert granted[310:] == [100] * 90
    assert meter.throttled == pytest.approx(sum(200 - units for units in granted))


def test_partition_keys_bound_a_table_of_any_size() -> None:
    meter = WriteMeter(Bucket(rate=10_000, size=3e6), partition_units=1_000)
    granted = [meter.grant(5_000, now, 1) for now in range(10)]
    assert granted[0] == 2_000  # a second's worth was kept
    assert granted[1:] == [1_000] * 9


def test_an_idle_table_fills_up_again() -> None:
    meter = WriteMeter(GrowingCapacity(ON_DEMAND), partition_units=1e9)
    assert meter.grant(9_000, 0, 1) == 4_000
    assert meter.grant(0, 1, 1) == 0
    assert meter.grant(9_000, 2, 1) == 8_000
