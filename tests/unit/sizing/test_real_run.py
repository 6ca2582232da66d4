import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sizing.demand import event
from sizing.deployment import Deployment, Stream
from sizing.real_run import Measured, RealRun

EVENT = event(peak=500, duration=60, polls=2, changed_minds=0.1)


@pytest.fixture
def run_file(tmp_path: Path) -> Callable[..., str]:
    """Write a run's file, with numbers like the model's except for what the test varies."""

    def write(**measured: float) -> str:
        numbers = {
            "votes_accepted": 30_000,
            "writer_batches": 125,
            "vote_write_units": 33_000,
            "aggregator_batches": 58,
            "live_rows_written": 116,
            **measured,
        }
        run = RealRun(
            description="test",
            event=EVENT,
            deployment=Deployment(stream=Stream(shard_count=2)),
            measured=Measured.model_validate(numbers),
        )
        path = tmp_path / "run.json"
        path.write_text(run.model_dump_json())
        return str(path)

    return write


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


def test_a_run_that_writes_twice_is_found_out(
    votectl: Callable[..., tuple[int, str]], run_file: Callable[..., str]
) -> None:
    code, output = votectl(["simulate", "--compare", run_file(vote_write_units=60_000)])
    assert code == 1
    assert "differ in write units per vote" in output


def test_a_bad_run_file_is_refused(votectl: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, output = votectl(["simulate", "--compare", str(tmp_path / "none.json")])
    assert code == 1
    assert "run: " in output
