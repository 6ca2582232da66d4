"""Withdrawing polls on the local cloud: what voters, viewers and operators see afterwards."""

import json
import time
from collections.abc import Callable

import boto3
import httpx
import pytest
from typer.testing import CliRunner

from e2e.conftest import ENVIRONMENT
from e2e.observing import new_id, wait_for
from votectl.cli import app
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.lifecycle import lead_ms
from votectl.polls import PollStore
from voting.polls import Poll


def votectl(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments, "--environment", ENVIRONMENT])
    return result.exit_code, result.output


@pytest.fixture
def a_poll(poll_store: PollStore) -> Callable[..., Poll]:
    """Return a factory of polls as an operator creates them."""

    def create(*more: str) -> Poll:
        poll_id = new_id("withdrawn")
        options = ["--option", "ada", "--option", "grace", "--closes", "+1h", *more]
        code, output = votectl("poll", "create", poll_id, *options)
        assert code == 0, output
        return poll_store.get(poll_id)

    return create


def is_scheduled(deployment: Deployment, poll_id: str) -> bool:
    scheduler = boto3.client("scheduler")
    try:
        scheduler.get_schedule(GroupName=deployment.tally_schedule_group, Name=poll_id)
    except scheduler.exceptions.ResourceNotFoundException:
        return False
    return True


def test_a_cancelled_poll_counts_no_votes_and_never_becomes_final(
    deployment: Deployment, poll_store: PollStore, front_door: httpx.Client, a_poll: Callable[..., Poll]
) -> None:
    poll = a_poll()
    wait_for(lambda: poll_store.now_ms() > poll.opens_at, seconds=15)
    reader = CountReader(deployment)

    def vote(voter: str) -> None:
        body = {"option": "ada", "voter": voter}
        assert front_door.post(f"/polls/{poll.poll_id}/votes", json=body).status_code == 202

    vote("early")
    wait_for(lambda: reader.live(poll.poll_id).total == 1, seconds=30)

    code, output = votectl("poll", "cancel", poll.poll_id)
    assert code == 1
    assert "add --yes" in output  # there is no terminal to ask in
    code, output = votectl("poll", "cancel", poll.poll_id, "--yes", "--output", "json")
    assert code == 0, output
    assert json.loads(output)["status"] == "cancelled"
    assert not is_scheduled(deployment, poll.poll_id)

    time.sleep(lead_ms(deployment) / 1000 + 2)  # every consumer knows of it
    vote("late")
    wait_for(lambda: reader.live(poll.poll_id).rejected["closed"] == 1, seconds=30)
    assert reader.live(poll.poll_id).total == 1
    answer = front_door.get(f"/polls/{poll.poll_id}/results").json()
    assert (answer["status"], answer["counts"], answer["final"]) == ("cancelled", None, None)

    for command in ("tally", "export"):
        code, output = votectl(command, poll.poll_id)
        assert code == 1
        assert "cancelled" in output
    code, output = votectl("poll", "list", "--output", "json")
    assert code == 0, output
    assert {row["poll_id"]: row["status"] for row in json.loads(output)}[poll.poll_id] == "cancelled"
    code, output = votectl(
        "poll", "create", poll.poll_id, "--option", "a", "--option", "b", "--closes", "+1h"
    )
    assert code == 1
    assert "choose another id" in output


def test_a_poll_is_deleted_only_before_it_opens(
    deployment: Deployment, poll_store: PollStore, front_door: httpx.Client, a_poll: Callable[..., Poll]
) -> None:
    later, soon = a_poll("--opens", "+30m"), a_poll()

    code, output = votectl("poll", "delete", soon.poll_id, "--yes")
    assert code == 1
    assert f"`votectl poll cancel {soon.poll_id}`" in output
    assert is_scheduled(deployment, soon.poll_id)

    code, output = votectl("poll", "delete", later.poll_id, "--yes")
    assert code == 0, output
    assert poll_store.find(later.poll_id) is None
    assert not is_scheduled(deployment, later.poll_id)
    code, output = votectl("poll", "delete", later.poll_id, "--yes")
    assert code == 1
    assert "there is no poll" in output
    assert front_door.get(f"/polls/{later.poll_id}").status_code == 404
