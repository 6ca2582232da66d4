import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from votectl.settings.deployment import Aggregator, DeploymentSettings, StreamSettings, Surroundings
from votectl.sizing.consumer import FunctionTimes
from votectl.sizing.course import Course, CourseSummary
from votectl.sizing.event import event
from votectl.sizing import evidence
from votectl.sizing.evidence import ComparedNumber, RealRun, RunNumbers
from votectl.sizing.facts import Facts

EVENT = event(peak=500, duration=20, polls=2, changed_minds=0.1)


def ran(**measured: float) -> RealRun:
    """A run with numbers like the model's except for what the test varies."""
    numbers = {
        "votes_accepted": 10_000,
        "writer_batches": 39,
        "vote_write_units": 11_000,
        "aggregator_batches": 20,
        "live_rows_written": 40,
        **measured,
    }
    return RealRun(
        description="test",
        event=EVENT,
        deployment=DeploymentSettings(stream=StreamSettings(shard_count=2)),
        measured=RunNumbers.model_validate(numbers),
    )


@pytest.fixture
def run_file(tmp_path: Path) -> Callable[..., str]:
    """Write such a run's file."""

    def write(**measured: float) -> str:
        path = tmp_path / "run.json"
        path.write_text(ran(**measured).model_dump_json())
        return str(path)

    return write


@pytest.fixture(scope="module")
def courses(facts: Facts) -> Sequence[Course]:
    """Simulations of such a run."""
    return evidence.simulations(ran(), facts, FunctionTimes(), 1, None)


@pytest.mark.slow
def test_a_run_like_the_model_agrees(
    votectl: Callable[..., tuple[int, str]], run_file: Callable[..., str]
) -> None:
    code, output = votectl(["simulate", "--compare", run_file(), "--json"])
    assert code == 0, output
    found = json.loads(output)
    assert {row["quantity"] for row in found} == {
        "write units per vote",
        "votes per writer batch",
        "votes per aggregator batch",
        "live rows per shard and window",
    }
    assert all(row["agrees"] for row in found)


@pytest.mark.slow
def test_a_run_that_writes_twice_is_found_out(
    votectl: Callable[..., tuple[int, str]], run_file: Callable[..., str]
) -> None:
    code, output = votectl(["simulate", "--compare", run_file(vote_write_units=20_000)])
    assert code == 1
    assert "differ in write units per vote" in output


@pytest.mark.slow
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
    courses: Sequence[Course], measured: dict[str, float], differing: set[str]
) -> None:
    rows = evidence.compare(ran(**measured), courses)
    assert {row.quantity for row in rows if not row.agrees} == differing


@pytest.mark.slow
def test_surroundings_make_a_range_of_simulations(facts: Facts) -> None:
    # A lane is held up for a quarter of a second between two batches, or not at all.
    surroundings = tuple(
        Surroundings(mapping_poll_interval_seconds=0.25, mapping_overhead_seconds=seconds)
        for seconds in (0.0, 0.25)
    )
    settings = DeploymentSettings(
        stream=StreamSettings(shard_count=2), vote_aggregator=Aggregator(batching_window_seconds=1)
    )

    def with_batches(batches: float) -> RealRun:
        return RealRun(
            description="test",
            event=event(peak=40, duration=15),
            deployment=settings,
            surroundings=surroundings,
            measured=RunNumbers(
                votes_accepted=600,
                writer_batches=26,
                vote_write_units=600,
                aggregator_batches=batches,
                live_rows_written=52,
                writer_seconds=0.3,
                aggregator_seconds=0.3,
            ),
        )

    courses = evidence.simulations(with_batches(26), facts, FunctionTimes(), 1, None)
    sizes = [CourseSummary(course).aggregator_batch_mean for course in courses]
    quick, slow = sizes[: evidence.SEEDS], sizes[evidence.SEEDS :]

    def row(batches: float) -> ComparedNumber:
        rows = evidence.compare(with_batches(batches), courses)
        return next(row for row in rows if row.quantity == "votes per aggregator batch")

    assert max(quick) < min(slow)
    between = row(600 / (max(quick) + min(slow)) * 2)
    assert (between.low, between.high) == (min(quick), max(slow))
    assert (between.deviation, between.agrees) == (0.0, True)
    few, many = row(600 / max(slow) / 1.05), row(600 / min(quick) * 1.05)
    assert few.deviation == pytest.approx(-1 + 1 / 1.05)
    assert many.deviation == pytest.approx(0.05)
    assert few.agrees
    assert many.agrees
    assert not row(600 / max(slow) / 1.12).agrees
    assert not row(600 / min(quick) * 1.12).agrees


@pytest.mark.slow
def test_every_number_of_a_comparison_can_be_asked_why(
    votectl: Callable[..., tuple[int, str]], run_file: Callable[..., str]
) -> None:
    code, output = votectl(["simulate", "--compare", run_file(), "--explain", "--only", "live rows"])
    assert code == 0, output
    assert "= live_rows_written / shards / windows of the event" in output
    assert "live_rows_written = 40" in output
    assert "live rows per shard and window, simulated low = " in output
    assert "low end of 10 simulations, 5 in the quickest surroundings" in output
    assert "aggregator: rate of a lane" in output


def test_a_bad_run_file_is_refused(votectl: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, output = votectl(["simulate", "--compare", str(tmp_path / "none.json")])
    assert code == 1
    assert "run: " in output
