"""Fixtures for the deployed platform. `make test-e2e` starts the local cloud and applies it first."""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from e2e import capabilities
from e2e.doors import KINDS, Doors, in_front_of
from e2e.observing import new_id, wait_for
from votectl import deployment as deployments
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.polls import PollStore
from voting.polls import Option, Poll

HOUR_MS = 3_600_000
ENVIRONMENT = os.environ.get("VOTECTL_ENVIRONMENT", deployments.LOCAL)

# After it no poll may close for a minute: it would not become final.
LAST = "test_on_call_gets_the_name_of_a_poll_without_certificate"
# Its tests come after all others, because they check their effects.
AFTER_ALL = "test_privileges.py"
ONLY_AFTER_ALL = "test_every_grant_was_used"

# The longest tests start first, so that the workers end at about the same time.
LONGEST_FIRST = (
    "test_tally.py",
    "test_own_issuer.py",
    "test_unique_count.py",
    "test_sizing.py",
    "test_voters.py",
    "test_results_api.py",
)


class Door(NamedTuple):
    """A door under test: its kind, and a client whose requests go there."""

    kind: str
    client: httpx.Client


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option by which `make test-e2e` says that all tests have run, and names the calls on another cloud."""
    parser.addoption(
        "--other-calls", type=Path, help="all tests have run, some on the cloud with this log of calls"
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, object, object]:
    """Order the tests before pytest selects by marks.

    A file's tests share a process (`--dist loadfile`), so that only one of them applies Terraform to a state at a time:
    the plans of test_sizing.py. The front doors have a lock.
    """
    items.sort(key=_position)
    untested = capabilities.left_out(items, ENVIRONMENT)
    _report_untested(config, untested)
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in untested])
    items[:] = [item for item in items if item.nodeid not in untested]
    chosen = config.option.keyword or config.option.markexpr or any("::" in arg for arg in config.args)
    is_whole = not chosen and {item.path for item in items}.issuperset(
        Path(__file__).parent.glob("test_*.py")
    )
    if not is_whole and not config.getoption("--other-calls"):
        left_out = [item for item in items if item.name == ONLY_AFTER_ALL]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    return (yield)


_untested = pytest.StashKey[dict[str, str]]()


def _report_untested(config: pytest.Config, untested: dict[str, str]) -> None:
    config.stash.setdefault(_untested, {}).update(untested)
    if (output := getattr(config, "workeroutput", None)) is not None:
        output["untested"] = untested


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the list of tests that a worker of xdist has left out."""
    node.config.stash.setdefault(_untested, {}).update(getattr(node, "workeroutput", {}).get("untested", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List the tests that were left out, because the endpoint lacks a capability."""
    untested = config.stash.get(_untested, {})
    if untested:
        terminalreporter.section("not tested here")
        for test, capability in sorted(untested.items()):
            terminalreporter.line(f"needs {capability}: {test}")


def _position(item: pytest.Item) -> int:
    if last := (item.name == LAST) + 2 * (item.path.name == AFTER_ALL):
        return len(LONGEST_FIRST) + last
    return LONGEST_FIRST.index(item.path.name) if item.path.name in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.fixture(scope="session")
def deployment() -> Deployment:
    """The platform under test. Without one, the run ends with the line that says how to get it."""
    deployments.aim(ENVIRONMENT)
    try:
        return deployments.find(ENVIRONMENT)
    except OperatorError as error:
        pytest.exit(f"{error} (`make test-e2e` does all of it)", returncode=2)


@pytest.fixture(scope="session")
def poll_store(deployment: Deployment) -> PollStore:
    return PollStore(deployment.polls_table)


@pytest.fixture(scope="session")
def reader(deployment: Deployment) -> CountReader:
    return CountReader(deployment)


@pytest.fixture
def front_door(deployment: Deployment) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=deployment.front_door, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def doors(deployment: Deployment) -> Iterator[Doors]:
    """Front doors that identify voters, in front of the same stream."""
    can = {name: capabilities.has(name, ENVIRONMENT) for name in ("cognito", "http_api")}
    with in_front_of(deployment, user_pools=can["cognito"], http_apis=can["http_api"]) as found:
        yield found


@pytest.fixture(params=KINDS)
def door(request: pytest.FixtureRequest, deployment: Deployment) -> Iterator[Door]:
    """Each kind of door at which anybody may vote."""
    if request.param == "rest":
        url = deployment.front_door
    else:
        doors: Doors = request.getfixturevalue("doors")
        url = doors.url(request.param, "none")
    with httpx.Client(base_url=url, timeout=30) as client:
        yield Door(request.param, client)


@pytest.fixture
def open_poll(poll_store: PollStore) -> Callable[..., Poll]:
    """Return a factory of polls that are open when it returns."""

    def create(*options: str) -> Poll:
        poll = poll_store.create(
            new_id("e2e"),
            "A poll under test",
            [Option(id=option, label=option) for option in options],
            opens_at=None,
            closes_at=poll_store.now_ms() + HOUR_MS,
        )
        wait_for(lambda: poll_store.now_ms() > poll.opens_at, seconds=15)
        return poll

    return create
