import pytest

from votectl.settings.deployment import Aggregator, Writer
from votectl.sizing.consumer import expected_aggregator, expected_writer, measured
from votectl.sizing.event import event
from votectl.sizing.explain import given
from votectl.sizing.facts import Facts

FLAT = event(peak=1, duration=1, polls=3)


def test_calls_under_way_at_once_take_the_time_of_one(facts: Facts) -> None:
    writer = Writer(memory_mb=1769, write_concurrency=4)
    time = expected_writer(writer, FLAT, facts)
    assert time.of(101) - time.of(100) == pytest.approx(0.008 + time.per_vote.value)
    assert time.of(100) - time.of(99) == pytest.approx(time.per_vote.value)


def test_a_repeated_vote_takes_a_second_statement(facts: Facts) -> None:
    changed = event(peak=1, duration=1, changed_minds=0.5)
    once, again = (expected_writer(Writer(), told, facts) for told in (FLAT, changed))
    assert again.per_vote.value / once.per_vote.value == pytest.approx((5.2 + 1.5 * 44.8) / (5.2 + 44.8))


def test_memory_is_processor_until_one_core_is_reached(facts: Facts) -> None:
    small, core, more = (
        expected_writer(Writer(memory_mb=memory), FLAT, facts).per_vote.value for memory in (177, 1769, 3538)
    )
    assert small == pytest.approx(10 * core, rel=0.01)
    assert more == core


def test_the_aggregator_calls_once_per_poll_of_its_batch(facts: Facts) -> None:
    time = expected_aggregator(Aggregator(), FLAT, facts)
    one_call = time.per_round.value
    assert time.of(1) == pytest.approx(0.002 + one_call + time.per_vote.value)
    assert time.of(1_000) == pytest.approx(0.002 + 3 * one_call + 1_000 * time.per_vote.value)


def test_measured_times_are_a_line() -> None:
    time = measured("writer", 0.05, 0.001, "a measurement")
    assert time.of(10) == pytest.approx(0.06)
    assert "a measurement" in time.base.how


def test_an_explained_time_is_the_time(facts: Facts) -> None:
    for time in (expected_writer(Writer(), FLAT, facts), measured("writer", 0.05, 0.001, "a measurement")):
        assert time.figure("time", given("votes", 250, "votes")).value == pytest.approx(time.of(250))
