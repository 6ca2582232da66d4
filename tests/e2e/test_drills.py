"""Drills without a similar test: batches are given up or lost, and an operator redrives them."""

import io

import pytest
from rich.console import Console

from loadtest.drills import drill
from votectl.deployment import Deployment
from votectl.errors import OperatorError

pytestmark = [pytest.mark.local_cloud, pytest.mark.disruptive]


@pytest.mark.parametrize(
    ("name", "section"),
    [
        pytest.param("give-up", "batches-given-up", id="redriven-from-the-bucket"),
        pytest.param("lose-batches", "records-lost", id="read-again-from-the-stream"),
    ],
)
def test_batches_given_up_are_redriven_and_no_vote_is_missing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, name: str, section: str
) -> None:
    monkeypatch.setattr(drill, "WELL_SECONDS", 1.0)
    said = io.StringIO()
    assert drill.run(name, deployment, 3, Console(file=said, width=120)), said.getvalue()
    assert f"docs/runbook.md#{section}" in said.getvalue()


def test_a_wait_that_times_out_says_what_to_do() -> None:
    with pytest.raises(OperatorError, match="make down"):
        drill.wait_for(lambda: False, 0.1)
