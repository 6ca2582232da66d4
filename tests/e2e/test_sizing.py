"""Sizing compared with a real run: the measurements of calibrate and rehearse, and the plan, on a deployment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.conftest import ENVIRONMENT
from votectl.settings.files import load
from votectl.sizing.evidence import RealRun
from votectl.sizing.measurements import Calibration

pytestmark = pytest.mark.usefixtures("deployment")

DEPLOY = ("scripts", "deploying.deploy")
EVENT = ("--peak", "40", "--duration", "20s", "--polls", "2", "--changed-minds", "0.05")


def votectl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("votectl"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | {"VOTECTL_ENVIRONMENT": ENVIRONMENT},
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A rehearsal's file, and its output."""
    path = tmp_path_factory.mktemp("rehearsal") / "run.json"
    done = votectl("rehearse", *EVENT, "--out", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    return path, done.stdout


@pytest.mark.alone  # it counts every vote of the platform
def test_a_real_run_agrees_with_its_simulation(run: tuple[Path, str]) -> None:
    path, printed = run
    assert printed.count("agrees") == 4
    found = load(RealRun, path, "run")
    measured, repeated = found.measured, found.event.repeats * found.measured.votes_accepted
    assert repeated > 0
    # A first vote costs one unit, and a changed one two at most: none if it is folded, one if the voter is remembered.
    first = measured.votes_accepted - repeated
    assert first - 0.5 < measured.vote_write_units < first + 2 * repeated + 0.5
    # One row per poll and batch, where a batch has votes of both.
    assert measured.aggregator_batches < measured.live_rows_written <= 2 * measured.aggregator_batches


@pytest.mark.alone  # it counts every vote of the platform
def test_a_run_with_other_settings_is_distinguished(run: tuple[Path, str], tmp_path: Path) -> None:
    path, _ = run
    told = json.loads(path.read_text())
    told["deployment"]["vote_aggregator"]["batching_window_seconds"] = 2
    RealRun.model_validate(told)
    other = tmp_path / "other.json"
    other.write_text(json.dumps(told))
    done = votectl("simulate", "--compare", str(other))
    assert done.returncode == 1
    assert "run and simulation differ in votes per aggregator batch" in done.stderr


def test_function_times_are_measured_and_planned_with(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    poll = f"calibration-{os.getpid()}-{tmp_path.stat().st_ino}"
    done = votectl(
        "poll", "create", poll, "--title", "x", "--option", "a=A", "--option", "b=B", "--closes", "+30m"
    )
    assert done.returncode == 0, done.stderr
    sizes = ("--batch-size", "10", "--batch-size", "400", "--repeats", "3")
    done = votectl("calibrate", "--poll", poll, "--option", "a", *sizes, "--out", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    found = load(Calibration, path, "calibration")
    for function in (found.vote_writer, found.vote_aggregator):
        assert function is not None
        base, slope, _ = function.line()
        assert base >= 0
        assert slope >= 0
        assert 0 < base + 400 * slope < 60
    done = votectl(
        "plan", "--peak", "500", "--duration", "5m", "--calibration", str(path),
        "--explain", "--only", "vote_writer: batch_size",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"least squares over batches of 10, 400 at 512 MB in '{ENVIRONMENT}'" in done.stdout


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "wished",
    [
        pytest.param(
            ("--peak", "1M", "--duration", "10m", "--deadline", "1h", "--batch-share", "0.5"), id="paced"
        ),
        pytest.param(("--peak", "1k", "--duration", "10m", "--prefer", "hands-off"), id="hands-off"),
    ],
)
def test_terraform_accepts_the_file_of_plan(tmp_path: Path, wished: tuple[str, ...]) -> None:
    path = tmp_path / "show.tfvars"
    done = votectl("plan", *wished, "--viewers", "1M", "--out", str(path), "--brief")
    assert done.returncode == 0, done.stderr
    # Other tests read the deployment; this one checks the file.
    done = subprocess.run(
        [sys.executable, "-m", *DEPLOY, "plan", ENVIRONMENT, "--", f"-var-file={path}", "-no-color", "-refresh=false"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Plan: " in done.stdout
