"""Fixtures for the deployed platform. `make test-e2e` starts the local cloud and applies it first."""

import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from e2e.doors import Doors, in_front_of
from e2e.observing import wait_for
from votectl import deployment as deployments
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.polls import PollDesk
from voting.polls import Option, Poll

HOUR_MS = 3_600_000
ENVIRONMENT = os.environ.get("VOTECTL_ENVIRONMENT", deployments.LOCAL)

# Has to come last: it is about what the others have done.
LAST = "test_privileges.py"
ONLY_AFTER_ALL = "test_nothing_is_granted_that_was_not_used"

_numbers = itertools.count(time.time_ns() // 1_000_000)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests of what was done with the roles behind all others."""
    items.sort(key=lambda item: item.path.name == LAST)
    collected = {item.path for item in items}
    chosen = config.option.keyword or config.option.markexpr or any("::" in arg for arg in config.args)
    if chosen or not collected.issuperset(Path(__file__).parent.glob("test_*.py")):
        left_out = [item for item in items if item.name == ONLY_AFTER_ALL]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def deployment() -> Deployment:
    """The platform under test; without one, every test here fails with the line that says how to get it."""
    deployments.aim(ENVIRONMENT)
    return deployments.find(ENVIRONMENT)


@pytest.fixture(scope="session")
def desk(deployment: Deployment) -> PollDesk:
    return PollDesk(deployment.polls_table)


@pytest.fixture(scope="session")
def reader(deployment: Deployment) -> CountReader:
    return CountReader(deployment)


@pytest.fixture
def front_door(deployment: Deployment) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=deployment.front_door, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def doors(deployment: Deployment) -> Iterator[Doors]:
    """Front doors that ask who votes, in front of the same stream."""
    with in_front_of(deployment) as found:
        yield found


@pytest.fixture
def open_poll(desk: PollDesk) -> Callable[..., Poll]:
    """Return a factory of polls that are open when it returns."""

    def create(*options: str) -> Poll:
        poll = desk.create(
            f"e2e-{next(_numbers)}",
            "A poll under test",
            [Option(id=option, label=option) for option in options],
            opens_at=None,
            closes_at=desk.now_ms() + HOUR_MS,
        )
        wait_for(lambda: desk.now_ms() > poll.opens_at, seconds=15)
        return poll

    return create
