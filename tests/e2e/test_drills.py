"""The drill that no other test resembles: batches are given up for good, and brought back by an operator."""

import io

import pytest
from rich.console import Console

from loadtest.drills import drill
from votectl.deployment import Deployment
from votectl.errors import OperatorError

pytestmark = [pytest.mark.local_cloud, pytest.mark.alone]


def test_what_is_given_up_is_redriven_and_no_vote_is_missing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drill, "WELL_SECONDS", 1.0)
    said = io.StringIO()
    assert drill.run("give-up", deployment, 3, Console(file=said, width=120)), said.getvalue()
    assert "docs/runbook.md#batches-given-up" in said.getvalue()


def test_waiting_for_what_never_happens_says_what_to_do() -> None:
    with pytest.raises(OperatorError, match="make down"):
        drill.wait_for(lambda: False, 0.1)
