"""The published experiments within their error bars, and a real run beside its simulations."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from votectl.settings.deployment import DeploymentSettings, StreamSettings, Surroundings
from votectl.sizing import evidence, report
from votectl.sizing.course import CourseSummary
from votectl.sizing.event import event
from votectl.sizing.evidence import (
    ComparedNumber,
    Comparison,
    PlayedExperiments,
    RealRun,
    RunNumbers,
    Simulations,
)
from votectl.sizing.explain import given
from votectl.sizing.facts import Facts
from votectl.terminal import Output

pytestmark = pytest.mark.slow

BATCHES = {"votes per writer batch", "votes per aggregator batch"}


def ran(*surroundings: Surroundings, **measured: float) -> RealRun:
    """A run with numbers like the model's except for what the test varies."""
    numbers = {"writer_batches": 39, "aggregator_batches": 20, "live_rows_written": 40, **measured}
    return RealRun(
        description="test",
        event=event(peak=500, duration=20, polls=2, changed_minds=0.1),
        deployment=DeploymentSettings(stream=StreamSettings(shard_count=2)),
        surroundings=surroundings or (Surroundings(),),
        measured=RunNumbers.model_validate({"votes_accepted": 10_000, "vote_write_units": 11_000, **numbers}),
    )


@pytest.fixture
def compare(votectl: Callable[..., tuple[int, str]], tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Type `votectl simulate --compare` with such a run's file."""

    def run(*more: str, **measured: float) -> tuple[int, str]:
        (path := tmp_path / "run.json").write_text(ran(**measured).model_dump_json())
        return votectl(["simulate", "--compare", str(path), *more])

    return run


@pytest.fixture(scope="module")
def simulations(facts: Facts) -> Simulations:
    """Simulations of such a run."""
    return ran().simulations(facts, {}, 1, None)


def test_a_run_like_the_model_agrees(compare: Callable[..., tuple[int, str]]) -> None:
    code, output = compare("--json")
    assert code == 0, output
    found = json.loads(output)
    others = {"write units per vote", "live rows per shard and window"}
    assert {row["quantity"] for row in found if row["agrees"]} == BATCHES | others


def test_a_run_that_writes_twice_is_found_out(compare: Callable[..., tuple[int, str]]) -> None:
    code, output = compare(vote_write_units=20_000)
    assert (code, "error: run and simulation differ in write units per vote\n" in output) == (1, True)


def test_every_number_of_a_comparison_can_be_asked_why(compare: Callable[..., tuple[int, str]]) -> None:
    code, output = compare("--explain", "--only", "live rows")
    assert code == 0, output
    assert "= live_rows_written / shards / windows of the event" in output
    assert "live_rows_written = 40" in output
    assert "live rows per shard and window, simulated low = " in output
    assert "low end of 10 simulations, 5 in the quickest surroundings" in output
    assert "aggregator: rate of a lane" in output


@pytest.mark.parametrize(
    ("measured", "differing"),
    [
        pytest.param({}, set(), id="a-run-like-the-model"),
        pytest.param({"vote_write_units": 10_000}, set(), id="every-voter-is-remembered"),
        pytest.param({"vote_write_units": 8_800}, {"write units per vote"}, id="votes-are-not-written"),
        pytest.param({"vote_write_units": 8_800, "votes_folded": 1_000}, set(), id="votes-are-folded"),
        pytest.param({"writer_batches": 78}, {"votes per writer batch"}, id="half-the-batches-votes"),
        pytest.param(
            {"aggregator_batches": 10, "live_rows_written": 20},
            {"votes per aggregator batch", "live rows per shard and window"},
            id="twice-the-window",
        ),
        pytest.param({"live_rows_written": 80}, {"live rows per shard and window"}, id="a-row-per-option"),
    ],
)
def test_a_run_is_compared_with_the_range_of_simulations(
    simulations: Simulations, measured: dict[str, float], differing: set[str]
) -> None:
    rows = evidence.compare(ran(**measured), simulations)
    assert {row.real.name for row in rows if not row.agrees} == differing


@pytest.mark.parametrize(
    ("real", "deviation", "agrees"),
    [(15.0, 0.0, True), (9.2, 0.087, True), (9.0, 0.111, False), (22.2, -0.099, True), (22.3, -0.103, False)],
)
def test_a_run_agrees_within_a_tenth_of_the_nearest_simulation(
    real: float, deviation: float, agrees: bool
) -> None:
    row = ComparedNumber(*(given(name, value) for name, value in (("x", real), ("low", 10), ("high", 20))))
    assert row.deviation == pytest.approx(deviation, abs=0.001)
    assert row.agrees == agrees


def test_surroundings_and_the_runs_own_times_make_a_range_of_simulations(facts: Facts) -> None:
    held = [Surroundings(mapping_overhead_seconds=seconds) for seconds in (0.0, 1.0)]
    run = ran(*held, writer_seconds=3.9, aggregator_seconds=2.0)
    played = run.simulations(facts, {}, 1, None)
    sizes = [course.aggregator_batch_mean for _, course in played]
    assert max(sizes[: evidence.SEEDS]) < min(sizes[evidence.SEEDS :])
    assert [scenario.writer_time.of(1_000) for scenario, _ in played] == pytest.approx([0.1] * len(played))
    row = next(row for row in evidence.compare(run, played) if row.real.name == "votes per aggregator batch")
    assert (row.low.value, row.high.value) == (min(sizes), max(sizes))


@pytest.mark.parametrize("output", list(Output))
def test_a_comparison_has_every_form(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    row = ComparedNumber(given("[red]", 1.0), given("low", 0.9), given("high", 1.1))
    report.compared([row], "a [bold]run").emit(output)
    assert "[red]" in capsys.readouterr().out


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
