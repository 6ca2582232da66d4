from collections.abc import Callable

import numpy as np
import pytest

from votectl.settings.deployment import Aggregator, Writer, Writing
from votectl.sizing.consumer import (
    LiveRowModel,
    batch_limit,
    batches_in_poll,
    expected_aggregator,
    expected_writer,
    measured,
)
from votectl.sizing.event import event
from votectl.sizing.explain import given
from votectl.sizing.facts import Facts
from votectl.sizing.scenario import EventScenario, our_writing

FLAT = event(peak=1, duration=1, polls=3)
SAMPLES = Writing(first_vote_units=2, repeated_vote_units=2, row_per_option=True)


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
    time = measured("writer", (0.05, 0.001), "a measurement", 512)
    assert time.of(10) == pytest.approx(0.06)
    assert "a measurement" in time.base.how


def test_an_explained_time_is_the_time(facts: Facts) -> None:
    for time in (
        expected_writer(Writer(), FLAT, facts),
        measured("writer", (0.05, 0.001), "a measurement", 512),
    ):
        assert time.figure("time", given("votes", 250, "votes")).value == pytest.approx(time.of(250))


def test_six_megabytes_hold_8236_votes_of_the_size_that_was_measured(facts: Facts) -> None:
    measured = event(peak=1, duration=1, poll_id_bytes=64, option_bytes=55)  # 145 bytes of data
    assert measured.figures["data_bytes"].value == 145
    limit = batch_limit("any", Aggregator(batch_size=10_000), measured, facts)
    assert limit.inputs["record in the mapping's event"].value == 764
    assert limit.value == 8_234
    assert batch_limit("any", Writer(batch_size=25), measured, facts).value == 25


@pytest.mark.parametrize(
    ("votes", "limit", "batches"),
    [
        pytest.param(0.01, 10, 0.00995, id="hardly-any"),
        pytest.param(1.0, 1, 1.0, id="one-each"),
        pytest.param(5.0, 10, 1.007, id="one-batch"),
        pytest.param(1_000.0, 10, 100.45, id="many-batches"),
    ],
)
def test_a_poll_is_cut_into_batches(votes: float, limit: float, batches: float) -> None:
    assert float(batches_in_poll(np.array(votes), limit)) == pytest.approx(batches, rel=0.01)


def test_batches_of_a_poll_are_what_chance_makes() -> None:
    drawn = np.random.default_rng(1).poisson(23.0, 20_000)
    assert float(batches_in_poll(np.array(23.0), 10)) == pytest.approx(np.ceil(drawn / 10).mean(), rel=0.01)


def test_a_window_gathers_until_the_next_flush(scenario: Callable[..., EventScenario]) -> None:
    aggregator = scenario(deployment={"vote_aggregator": Aggregator(batching_window_seconds=5)}).aggregator
    size = float(aggregator.gathered(np.array(100.0)))
    assert size == pytest.approx(100 * (5 + aggregator.time.of(size)), rel=0.001)


def test_a_window_waits_for_a_first_vote(scenario: Callable[..., EventScenario]) -> None:
    pushed = Aggregator(batching_window_seconds=5, enhanced_fan_out=True)
    aggregator = scenario(deployment={"vote_aggregator": pushed}).aggregator
    assert float(aggregator.batches_per_second(np.array(0.001))) == pytest.approx(0.001, rel=0.01)


def test_a_batch_that_is_full_does_not_wait(scenario: Callable[..., EventScenario]) -> None:
    writer = scenario(deployment={"vote_writer": Writer(batch_size=100, batching_window_seconds=5)}).writer
    assert float(writer.batches_per_second(np.array(1_000.0))) == 10


def test_pushed_votes_gather_while_the_function_runs(scenario: Callable[..., EventScenario]) -> None:
    pushed = Writer(batch_size=500, batching_window_seconds=0, enhanced_fan_out=True)
    writer = scenario(deployment={"vote_writer": pushed}).writer
    size = float(writer.pushed(np.array(600.0)))
    assert size == pytest.approx(600 * (writer.time.of(size) + writer.overhead.value), rel=0.001)
    assert float(writer.pushed(np.array(0.1))) == 1


def test_a_batch_touches_one_live_row_per_poll(facts: Facts) -> None:
    told = event(peak=1, duration=1, polls=4, options=2)
    ours, samples = LiveRowModel(told, our_writing(facts)), LiveRowModel(told, SAMPLES)
    assert float(ours.in_batch(np.array(3_000.0))) == pytest.approx(4)
    assert float(samples.in_batch(np.array(3_000.0))) == pytest.approx(8)
    assert float(ours.in_batch(np.array(1.0))) == pytest.approx(1)
    assert float(ours.in_batch(np.array(2.0))) == pytest.approx(1.75)


def test_rows_of_a_batch_are_what_chance_makes(facts: Facts) -> None:
    told = event(peak=1, duration=1, polls=5, busiest_poll_share=0.6)
    random = np.random.default_rng(1)
    drawn = [len(set(random.choice(5, 7, p=told.poll_shares))) for _ in range(20_000)]
    mean = float(LiveRowModel(told, our_writing(facts)).in_batch(np.array(7.0)))
    assert mean == pytest.approx(np.mean(drawn), rel=0.02)


@pytest.mark.parametrize(
    ("options", "whose", "units"), [(2, {}, 1), (200, {}, 6), (200, {"writing": SAMPLES}, 1)]
)
def test_a_live_row_grows_with_its_options(
    scenario: Callable[..., EventScenario], options: int, whose: dict[str, Writing], units: int
) -> None:
    assert scenario(event={"options": options}, **whose).live_row_units.value == units
