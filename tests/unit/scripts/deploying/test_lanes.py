"""The parallelization factor does not change under a running tally."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.bootstrap.console import UserError
from scripts.deploying import lanes
from votectl import deployment
from votectl.errors import OperatorError
from votectl.tallying import Tallies


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A deployment with a factor of 2; returns the tallies that run in it."""
    running: dict[str, str] = {}
    monkeypatch.setattr(deployment, "find", lambda _name: SimpleNamespace(vote_writer_function="writer"))
    monkeypatch.setattr(Tallies, "__init__", lambda *_: None)
    monkeypatch.setattr(Tallies, "running", lambda _: running)
    monkeypatch.setattr(lanes, "deployed_lanes", lambda _deployed: 2)
    return running


def test_a_change_under_a_running_tally_is_refused_and_names_the_poll(deployed: dict[str, str]) -> None:
    deployed["finale"] = "execution"
    with pytest.raises(UserError, match=r"is 2 and would become 4 .* finale"):
        lanes.check("prod", lambda: 4)


def test_an_apply_that_leaves_the_factor_goes_on_under_a_tally(deployed: dict[str, str]) -> None:
    deployed["finale"] = "execution"
    lanes.check("prod", lambda: 2)


def test_without_a_tally_the_factor_may_change_and_no_file_is_read(deployed: dict[str, str]) -> None:
    def unread() -> int:
        raise AssertionError("reading tfvars takes seconds")

    lanes.check("prod", unread)
    assert deployed == {}


def test_a_first_apply_has_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there(_environment: str) -> None:
        raise OperatorError("there is no deployment")

    monkeypatch.setattr(deployment, "find", not_there)
    lanes.check("prod", lambda: 4)


def test_a_missing_permission_is_no_permission_to_go_on(
    deployed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_tallies: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListExecutions")

    monkeypatch.setattr(Tallies, "running", denied)
    with pytest.raises(UserError, match="whether a tally runs"):
        lanes.check("prod", lambda: 4)
    assert deployed == {}
