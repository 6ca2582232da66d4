"""The parallelization factor does not change while a poll is between its end and its final result."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from results_api.results import Status
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import HERE
from scripts.deploying import deploy, lanes
from scripts.deploying.plans import TerraformPlan
from unit.results_api.conftest import a_poll
from votectl import deployment
from votectl.errors import OperatorError
from votectl.polls import PollDesk
from votectl.results import ResultReader
from voting.polls import Poll

NOW = 5_000_000


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, Status]]:
    """A deployment with a factor of 2; returns its polls: when each closes, and how far it is."""
    polls: dict[str, tuple[int, Status]] = {}

    def listed(_desk: PollDesk) -> list[Poll]:
        return [a_poll(poll_id=poll_id, closes_at=closes_at) for poll_id, (closes_at, _) in polls.items()]

    def settled(_reader: ResultReader, asked: Sequence[str]) -> dict[str, Status]:
        over = (Status.FINAL, Status.CANCELLED)
        return {poll_id: polls[poll_id][1] for poll_id in asked if polls[poll_id][1] in over}

    found = SimpleNamespace(vote_writer_function="writer", polls_table="polls", tallies_table="tallies")
    monkeypatch.setattr(deployment, "find", lambda _name: found)
    monkeypatch.setattr(PollDesk, "__init__", lambda *_: None)
    monkeypatch.setattr(PollDesk, "now_ms", lambda _: NOW)
    monkeypatch.setattr(PollDesk, "list", listed)
    monkeypatch.setattr(ResultReader, "__init__", lambda *_: None)
    monkeypatch.setattr(ResultReader, "settled", settled)
    monkeypatch.setattr(lanes, "deployed_lanes", lambda _deployed: 2)
    return polls


@pytest.mark.parametrize(
    ("closes_at", "status"),
    [
        (NOW - 1, Status.CLOSING),  # no tally has started yet
        (NOW - 1, Status.COUNTING),
        (NOW - 1_000_000, Status.CLOSING),  # its tally failed
        (NOW + lanes.APPLY_TAKES_MS, Status.OPEN),
    ],
)
def test_a_change_is_refused_while_a_poll_has_ended_and_is_not_final(
    deployed: dict[str, tuple[int, Status]], closes_at: int, status: Status
) -> None:
    deployed["finale"] = (closes_at, status)
    with pytest.raises(UserError, match=r"is 2 and would become 4 .* finale"):
        lanes.check("prod", lambda: 4)


def test_an_apply_without_a_change_of_the_factor_proceeds(deployed: dict[str, tuple[int, Status]]) -> None:
    deployed["finale"] = (NOW - 1, Status.COUNTING)
    lanes.check("prod", lambda: 2)
    lanes.check("prod", lambda: None)


@pytest.mark.parametrize(
    ("closes_at", "status"),
    [(NOW + 3_600_000, Status.OPEN), (NOW - 1, Status.FINAL), (NOW - 1, Status.CANCELLED)],
)
def test_before_a_poll_ends_and_after_its_final_the_factor_may_change_and_no_file_is_read(
    deployed: dict[str, tuple[int, Status]], closes_at: int, status: Status
) -> None:
    def unread() -> int:
        raise AssertionError("reading tfvars takes seconds")

    deployed["finale"] = (closes_at, status)
    lanes.check("prod", unread)


def test_options_on_the_command_line_win(tmp_path: Path) -> None:
    more = tmp_path / "more.tfvars"
    more.write_text("vote_writer = { parallelization_factor = 7 }")
    typed = "vote_writer={parallelization_factor=5}"
    for arguments, factor in [
        ([], 1),
        ([f"-var={typed}"], 5),
        (["-no-color", "-var", typed], 5),
        ([f"-var-file={more}"], 7),
        ([f"-var-file={more}", f"-var={typed}"], 5),
    ]:
        assert deploy.wanted_lanes(HERE, "local", arguments) == factor
    with pytest.raises(UserError, match="parallelization_factor"):
        deploy.wanted_lanes(HERE, "local", ["-var=vote_writer={parallelization_factor=[]}"])


def test_a_pipeline_asks_its_plan() -> None:
    change = {"actions": ["update"], "before": {lanes.SETTING: 2}, "after": {lanes.SETTING: 4}}
    address = "module.vote_writer.aws_lambda_event_source_mapping.this"
    plan = TerraformPlan.of({"resource_changes": [{"address": address, "change": change}]})
    assert plan.after(lanes.SETTING) == 4
    assert TerraformPlan.of({}).after(lanes.SETTING) is None


def test_a_first_apply_has_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there(_environment: str) -> None:
        raise OperatorError("there is no deployment")

    monkeypatch.setattr(deployment, "find", not_there)
    lanes.check("prod", lambda: 4)


def test_a_missing_permission_is_no_permission_to_go_on(
    deployed: dict[str, tuple[int, Status]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_desk: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Scan")

    monkeypatch.setattr(PollDesk, "list", denied)
    with pytest.raises(UserError, match="whether a poll of prod is being tallied"):
        lanes.check("prod", lambda: 4)
    assert deployed == {}
