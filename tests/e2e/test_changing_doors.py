"""Another door while people vote: the old one stays until the new one answers, and no vote is lost."""

import asyncio
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.conftest import ENVIRONMENT
from e2e.deploying import apply
from e2e.observing import wait_for
from scripts.bootstrap.layout import HERE
from scripts.deploying import deploy
from votectl import demo, deployment
from votectl.counts import CountReader
from votectl.settings import tfvars
from votectl.traffic import Account, Kind, conversations, send
from voting.polls import Poll

pytestmark = [pytest.mark.alone, pytest.mark.local_cloud]

VOTERS_PER_ROUND = 10


class Clients:
    """Clients that vote all the time at the addresses that they know, a round at each in turn."""

    def __init__(self, polls: dict[str, list[str]], *addresses: str) -> None:
        """Take the polls, and the addresses that clients know at first."""
        self._polls = polls
        self.addresses = list(addresses)
        self.account = Account()
        self.rounds: Counter[str] = Counter()

    def keep_voting(self, over: threading.Event) -> None:
        """Vote until the event is set."""
        for number in itertools.count(1):
            known = self.addresses
            address = known[number % len(known)]
            talks = list(conversations(self._polls, VOTERS_PER_ROUND, seed=number))
            asyncio.run(send(address, talks, self.account, 4))
            self.rounds[address] += 1
            if over.is_set():
                return

    @contextmanager
    def voting(self) -> Iterator[None]:
        """Let them vote until the block ends."""
        over = threading.Event()
        voting = threading.Thread(target=self.keep_voting, args=(over,))
        voting.start()
        try:
            yield
        finally:
            over.set()
            voting.join()


def settings(folder: Path, door: str, *kept: str) -> str:
    """Return what sends clients of the environment to a door, and keeps others."""
    given = tfvars.parse(deploy.variables_file(HERE, ENVIRONMENT)).given["api"]
    file = folder / f"{door}.tfvars.json"
    api = given | {"vote_door": door, "kept_vote_doors": kept}
    file.write_text(json.dumps({"api": api, "ingress": {"reserved_concurrency": 8}}))
    return f"-var-file={file}"


def test_another_door_is_an_apply_without_a_lost_vote(
    reader: CountReader,
    open_poll: Callable[..., Poll],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    poll = open_poll("ada", "grace", "linus")
    observation = demo.Observation(reader, [poll])
    rest = deployment.find(ENVIRONMENT).front_door
    clients = Clients({poll.poll_id: [option.id for option in poll.options]}, rest)

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
            # Clients go on voting at the old address, too, while the door changes.
            apply(settings(tmp_path, "url", "http"))
            reached("url")
            before = clients.rounds[http]
            wait_for(lambda: clients.rounds[http] > before, 60)
            clients.addresses = [rest]
            settled = clients.rounds[rest] + 1
            wait_for(lambda: clients.rounds[rest] > settled, 60)
        finally:
            apply()
    record_property("acknowledged while doors changed", clients.account.acknowledged.total())

    account = clients.account
    assert account.unknown.total() == 0
    assert {kind for kind, _ in account.refused} <= {Kind.MALFORMED}
    wait_for(lambda: all(check.agrees for check in demo.checks(account, observation, [poll])), 120)
    time.sleep(3)  # what is counted twice comes late
    assert [check for check in demo.checks(account, observation, [poll]) if not check.agrees] == []
