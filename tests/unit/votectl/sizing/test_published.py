"""The published experiments: the known run within its tolerances, the others within their error bars."""

import pytest

from votectl.sizing.course import CourseSummary
from votectl.sizing.evidence import Comparison, PlayedExperiments

pytestmark = pytest.mark.slow

WITHIN_5 = {"votes table's level", "votes table, all writes", "counter writes"}


KNOWN = "batch 25, 5 s"
READINGS = ("batch 25: 601 s at the mean", "batch 25: 556 s", "batch 25: 601 s at 20,030")


def readings(experiments: PlayedExperiments) -> dict[str, CourseSummary]:
    return {
        name: found for name, found in experiments.predictions.items() if name.startswith((KNOWN, *READINGS))
    }


def of(experiments: PlayedExperiments, run: str) -> dict[str, Comparison]:
    return {found.quantity: found for found in experiments.comparisons if found.run == run}


def test_the_known_run_is_met(sample_runs: PlayedExperiments) -> None:
    known = of(sample_runs, KNOWN)
    for quantity in WITHIN_5:
        assert abs(known[quantity].deviation) < 0.05, quantity
    assert abs(known["done after the last vote"].deviation) < 0.10


def test_the_other_runs_lie_within_their_error_bars(sample_runs: PlayedExperiments) -> None:
    for found in sample_runs.comparisons:
        assert found.low <= found.published <= found.high, found.quantity


def test_error_bars_contain_what_they_are_about(sample_runs: PlayedExperiments) -> None:
    for found in sample_runs.comparisons:
        assert found.low * 0.999 <= found.predicted <= found.high * 1.001, found.quantity
        assert found.low * 0.99 <= found.simulated <= found.high * 1.01, found.quantity


def test_every_reading_of_the_arrivals_is_within_ten_per_cent(sample_runs: PlayedExperiments) -> None:
    found = readings(sample_runs)
    assert len(found) == 4
    for reading, outcome in found.items():
        assert outcome.storing_drain == pytest.approx(700, rel=0.1), reading


def test_only_readings_of_11_million_votes_make_22_million_writes(sample_runs: PlayedExperiments) -> None:
    fitting = [name for name, outcome in readings(sample_runs).items() if outcome.vote_units < 22.5e6]
    assert [name[:15] for name in fitting] == ["batch 25, 5 s", "batch 25: 601 s", "batch 25: 556 s"]


def test_without_doubled_writes_half_is_written(
    sample_runs: PlayedExperiments, our_runs: PlayedExperiments
) -> None:
    theirs, ours = sample_runs.runs[KNOWN].simulated, our_runs.runs[KNOWN].simulated
    assert ours.vote_units == pytest.approx(theirs.vote_units / 2, rel=0.001)
    assert ours.vote_units_peak == pytest.approx(theirs.vote_units_peak / 2, rel=0.001)
    assert ours.live_units == pytest.approx(theirs.live_units / 2, rel=0.01)  # one row for two options
    assert ours.storing_drain == pytest.approx(theirs.storing_drain, rel=0.001)


def test_a_third_of_the_window_is_not_three_times_the_writes(sample_runs: PlayedExperiments) -> None:
    ratio = (
        sample_runs.runs["batch 25, 2 s"].simulated.live_units / sample_runs.runs[KNOWN].simulated.live_units
    )
    assert ratio == pytest.approx(2.5, rel=0.01)
