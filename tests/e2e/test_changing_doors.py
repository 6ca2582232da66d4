"""Changing the door while people vote: the old one stays until the new one answers, and no vote is lost."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import ENVIRONMENT
from e2e.deploying import apply
from e2e.observing import assert_counted_once, wait_for
from loadtest.drills.crowd import Crowd
from scripts.bootstrap.layout import HERE
from scripts.deploying import deploy
from votectl import deployment
from votectl.counts import CountReader
from votectl.settings import tfvars
from voting.polls import Poll

pytestmark = [pytest.mark.disruptive, pytest.mark.local_cloud]


def settings(folder: Path, door: str, *kept: str) -> str:
    """Return the arguments that send clients to a door and keep others open."""
    given = tfvars.parse(deploy.variables_file(HERE, ENVIRONMENT)).given["api"]
    file = folder / f"{door}.tfvars.json"
    api = given | {"vote_door": door, "kept_vote_doors": kept}
    file.write_text(json.dumps({"api": api, "ingress": {"reserved_concurrency": 8}}))
    return f"-var-file={file}"


def test_changing_the_door_loses_no_vote(
    reader: CountReader,
    open_poll: Callable[..., Poll],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    poll = open_poll("ada", "grace", "linus")
    rest = deployment.find(ENVIRONMENT).front_door
    clients = Crowd(reader, [poll], rest, voters=10, pause=0.3)

    def reached(door: str) -> str:
        """Return the address that the deployment's parameter names now, once votes have gone through it."""
        found = deployment.find(ENVIRONMENT)
        assert found.vote_door == door
        clients.addresses = [*clients.addresses, found.votes_door]
        wait_for(lambda: clients.rounds[found.votes_door] >= 2, 120)
        return found.votes_door

    with clients.voting():
        try:
            apply(settings(tmp_path, "http"))
            http = reached("http")
            # Clients continue to vote at the old address, too, while the door changes.
            apply(settings(tmp_path, "url", "http"))
            reached("url")
            before = clients.rounds[http]
            wait_for(lambda: clients.rounds[http] > before, 60)
            clients.addresses = [rest]
            settled = clients.rounds[rest] + 1
            wait_for(lambda: clients.rounds[rest] > settled, 60)
        finally:
            apply()
    record_property("acknowledged while doors changed", clients.traffic.acknowledged.total())

    assert not clients.traffic.throttled
    assert_counted_once(clients)
