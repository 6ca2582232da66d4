from collections.abc import Callable

import numpy as np
import pytest

from votectl.settings.deployment import SAMPLE_WRITING, Aggregator, Writer
from votectl.sizing.consumer import LiveRowModel, batch_limit, batches_in_poll, envelope, live_row_units
from votectl.sizing.event import event
from votectl.sizing.facts import Facts
from votectl.sizing.scenario import EventScenario, our_writing


def test_six_megabytes_hold_8236_votes_of_the_size_that_was_measured(facts: Facts) -> None:
    measured = event(peak=1, duration=1, poll_id_bytes=64, option_bytes=55)  # 145 bytes of data
    assert measured.data_bytes == 145
    assert envelope(measured, facts).value == 764
    assert batch_limit("any", Aggregator(batch_size=10_000), measured, facts).value == 8_234
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
    told = event(peak=1, duration=1, polls=4, options_per_poll=2)
    ours, samples = LiveRowModel(told, our_writing(facts)), LiveRowModel(told, SAMPLE_WRITING)
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


def test_a_live_row_grows_with_its_options(facts: Facts) -> None:
    few, many = (event(peak=1, duration=1, options_per_poll=options) for options in (2, 200))
    assert live_row_units(few, our_writing(facts), facts).value == 1
    assert live_row_units(many, our_writing(facts), facts).value == 6
    assert live_row_units(many, SAMPLE_WRITING, facts).value == 1
