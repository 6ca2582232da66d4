"""A short load test: everything that the long one does, from several processes, in seconds."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from e2e.doors import Doors
from votectl.deployment import Deployment
from votectl.polls import PollStore
from voting.polls import bucket_of, poll_bucket

# It counts every vote for an unknown poll.
pytestmark = pytest.mark.alone

PROJECT = Path(__file__).resolve().parents[2]
RUNS = PROJECT / ".state" / "loadtest"
SECONDS = 10
MOMENTS = (2, 4, 7)


class Start(NamedTuple):
    """A run that is interrupted after so many seconds, or with its first acknowledged vote."""

    processes: int
    seconds: int | None


STARTS = (*(Start(1, seconds) for seconds in MOMENTS), Start(1, None), Start(2, None))


def loadtest(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtest", *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(deployment: Deployment) -> Path:
    """A run's folder."""
    before = set(RUNS.glob("*"))
    done = loadtest(
        *("run", "--environment", deployment.environment, "--minutes", str(SECONDS / 60)),
        *("--rate", "60", "--shape", "flat", "--processes", "2", "--seed", "5"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = set(RUNS.glob("*")) - before
    return made


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return document


def test_every_vote_of_a_mixed_load_counts_once(report: dict[str, Any]) -> None:
    assert report["verdict"] == "exact"
    assert (report["lost"], report["doubled"], report["miscounted"]) == (0, 0, 0)


def test_the_load_was_mixed(report: dict[str, Any]) -> None:
    kinds = report["kinds"]
    for kind in ("first votes", "changes of mind", "same vote again", "unknown option", "unknown poll"):
        assert kinds[kind]["acknowledged"] > 0, kind
    assert set(kinds["malformed"]["refused"]) <= {"400", "413", "415"}
    assert kinds["malformed"]["sent"] > 0
    assert report["late"] > 0
    assert report["readings"] > 0


def test_the_report_has_latencies_and_delays(report: dict[str, Any], folder: Path) -> None:
    assert report["latency_ms"]["votes acknowledged"]["p50"] > 0
    assert report["live_lag_s"]["worst"] >= report["live_lag_s"]["median"]
    assert report["counted_after_s"] is not None
    assert len(report["final_after_s"]) == 2
    assert "<svg" in (folder / "report.html").read_text()


def test_a_vote_that_is_deleted_afterwards_is_found(
    deployment: Deployment, poll_store: PollStore, report: dict[str, Any], folder: Path
) -> None:
    poll = poll_store.get(report["scenario"]["polls"][0]["poll_id"])
    voter = "voter-5-0"  # the first one of the first worker
    key = {
        "poll_bucket": {"S": poll_bucket(poll.poll_id, bucket_of(voter, poll.bucket_count))},
        "voter": {"S": voter},
    }
    boto3.client("dynamodb").delete_item(TableName=deployment.votes_table, Key=key)

    again = loadtest("verify", str(folder))

    assert again.returncode == 1, again.stdout + again.stderr
    assert f"{voter}: lost" in again.stdout
    assert "1 lost, 0 doubled, 0 miscounted" in again.stdout


@pytest.mark.cognito  # the doors of the tests have user pools
def test_every_vote_of_a_short_load_through_another_door_counts_once(
    deployment: Deployment, doors: Doors
) -> None:
    before = set(RUNS.glob("*"))
    done = loadtest(
        *("run", "--environment", deployment.environment, "--votes-host", doors.url("url", "none")),
        *("--minutes", "0.1", "--rate", "40", "--shape", "flat", "--processes", "1", "--seed", "6"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = set(RUNS.glob("*")) - before
    report = json.loads((made / "report.json").read_text())
    assert report["verdict"] == "exact"
    assert report["kinds"]["first votes"]["acknowledged"] > 0
    assert (report["lost"], report["doubled"], report["miscounted"]) == (0, 0, 0)


@pytest.fixture(scope="module")
def early_ends(deployment: Deployment) -> dict[Start, tuple[int, str]]:
    """Exit codes and outputs of parallel runs that were interrupted.

    They vote in existing polls only, because each run would count the others' votes for unknown polls: with this seed,
    no process has a vote for an unknown poll among its first 90 voters.
    """
    with ThreadPoolExecutor(len(STARTS)) as at_once:
        ends = at_once.map(lambda start: interrupted(deployment, start), STARTS)
        return dict(zip(STARTS, ends, strict=True))


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupt_ends_a_run_early_and_sent_votes_are_verified(
    early_ends: dict[Start, tuple[int, str]], processes: int
) -> None:
    code, said = early_ends[Start(processes, None)]
    assert code == 0, said
    assert "Exact" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("seconds", MOMENTS)
def test_an_interrupt_at_any_moment_of_the_start_leaves_no_traceback(
    early_ends: dict[Start, tuple[int, str]], seconds: int
) -> None:
    """An interrupt may come before the polls exist. Votes that were sent are verified."""
    code, said = early_ends[Start(1, seconds)]
    assert code in ((-signal.SIGINT, 130) if "ending the run" not in said else (0,)), said
    assert "Traceback" not in said
    assert "KeyboardInterrupt" not in said


def interrupted(deployment: Deployment, start: Start) -> tuple[int, str]:
    """Start a run of many minutes, interrupt it like a terminal, and return its exit code and output."""
    command = [sys.executable, "-m", "loadtest", "run", "--environment", deployment.environment]
    with subprocess.Popen(
        [
            *(*command, "--minutes", "10", "--shape", "flat", "--seed", "13"),
            *("--rate", "1", "--processes", str(start.processes)),
        ],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        if start.seconds is None:
            assert process.stdout is not None
            next(line for line in process.stdout if re.search(r"[1-9]\d* acknowledged", line))
        else:
            time.sleep(start.seconds)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=200)
    return process.returncode, said
