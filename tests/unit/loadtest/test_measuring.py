"""Percentiles, lags and curves."""

import numpy as np
import pytest

from loadtest.answers import Answer
from loadtest.measuring import Sample, curves_of, drained_after, lag_of, lags_of, latencies_of
from votectl.traffic import NO_ANSWER


def acknowledged(sent_ms: int, micros: int = 100_000) -> Answer:
    return Answer(sent_ms, 0, sent_ms, micros, 202, "s", str(sent_ms))


def test_percentiles_are_in_ms() -> None:
    found = latencies_of(n * 1000 for n in range(1, 101))
    assert found.answers == 100
    assert found.at == pytest.approx((50.5, 90.1, 95.05, 99.01, 100))


def test_no_answers_have_no_percentiles() -> None:
    assert latencies_of([]).answers == 0


def test_the_lag_is_the_age_of_the_oldest_record_that_is_not_counted() -> None:
    answers = [acknowledged(at) for at in (1_000, 2_000, 3_000)]  # answered 100 ms later
    samples = [Sample(900, 0), Sample(1_600, 0), Sample(3_500, 1), Sample(4_000, 3)]
    assert lags_of(answers, samples) == pytest.approx([0, 0.5, 1.4, 0])
    lag = lag_of(answers, samples)
    assert lag is not None
    assert lag.worst == pytest.approx(1.4)
    assert lag_of(answers, []) is None


def test_counting_more_than_was_answered_is_no_lag() -> None:
    """A record may be counted before its answer has come."""
    assert lags_of([acknowledged(1_000)], [Sample(1_050, 1)]) == pytest.approx([0])


def test_the_stream_is_drained_at_the_first_complete_sample() -> None:
    answers = [acknowledged(1_000), acknowledged(2_000)]
    assert drained_after(answers, [Sample(1_500, 1), Sample(3_100, 2), Sample(9_000, 2)]) == pytest.approx(
        1.0
    )
    assert drained_after(answers, [Sample(9_000, 1)]) is None


def test_curves_add_up_to_what_was_sent() -> None:
    answers = [acknowledged(1_000 * second + n, 50_000) for second in range(60) for n in range(10)]
    answers += [Answer(1, 0, 30_000 + n, 1_000, 429) for n in range(30)]
    answers += [Answer(1, 0, 31_000, 30_000_000, NO_ANSWER)]
    curves = curves_of(answers, [Sample(30_000, 300), Sample(70_000, 600)], began_ms=0, slices=20)
    width = curves.seconds[1] - curves.seconds[0]
    assert float(curves.acknowledged.sum() * width) == pytest.approx(600)
    assert float(curves.refused.sum() * width) == pytest.approx(30)
    assert float(curves.unknown.sum() * width) == pytest.approx(1)
    assert np.nanmax(curves.latency[99]) == pytest.approx(50, abs=1)  # without the one that had no answer
    assert list(curves.counted_by_then) == [300, 600]


def test_a_run_without_votes_has_curves() -> None:
    assert float(curves_of([], [], began_ms=0).acknowledged.sum()) == 0
