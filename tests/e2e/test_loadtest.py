"""The load test's short form: everything that the long one does, from several processes, in seconds."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from votectl.deployment import Deployment
from votectl.polls import PollDesk
from voting.polls import bucket_of, poll_bucket

# It counts every vote for an unknown poll.
pytestmark = pytest.mark.alone

PROJECT = Path(__file__).resolve().parents[2]
RUNS = PROJECT / ".state" / "loadtest"
SECONDS = 15


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
        *("--rate", "40", "--shape", "flat", "--processes", "2", "--seed", "5"),
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


def test_it_says_how_quick_it_was(report: dict[str, Any], folder: Path) -> None:
    assert report["latency_ms"]["votes acknowledged"]["p50"] > 0
    assert report["live_lag_s"]["worst"] >= report["live_lag_s"]["median"]
    assert report["counted_after_s"] is not None
    assert len(report["final_after_s"]) == 2
    assert "<svg" in (folder / "report.html").read_text()


def test_a_vote_that_vanishes_afterwards_is_found(
    deployment: Deployment, desk: PollDesk, report: dict[str, Any], folder: Path
) -> None:
    poll = desk.get(report["scenario"]["polls"][0]["poll_id"])
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
