import json
from collections.abc import Callable
from pathlib import Path

import pytest

from votectl.settings.deployment import DeploymentSettings, StreamSettings, Surroundings
from votectl.sizing import evidence, report
from votectl.sizing.event import event
from votectl.sizing.evidence import ComparedNumber, RealRun, RunNumbers, Simulations
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
def played(facts: Facts) -> Simulations:
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
    played: Simulations, measured: dict[str, float], differing: set[str]
) -> None:
    rows = evidence.compare(ran(**measured), played)
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
