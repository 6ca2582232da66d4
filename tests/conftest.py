"""Fixtures for all tests: an environment without surprises, and factories of what consumers are given."""

import json
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from aws_lambda_powertools import Metrics

import vote_aggregator.handler
import vote_writer.handler
from world.clock import START_MS
from world.kinesis import USUAL_FIRST_NUMBER, StreamRecord, event_of
from world.poison import vote_body

TESTS = Path(__file__).parent
EVENTS = TESTS / "events"

# The file that shows that the tests of a folder can run. `make prepare` makes all of them.
PREPARED = {"contract": ".state/init/infra.stamp", "integration/localcloud": ".venv-localcloud/.installed"}

# How hard to look: `dev` is for every run of the tests, `soak` for a run of its own (`make soak`).
hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True)
hypothesis.settings.register_profile("soak", max_examples=10_000, deadline=None, database=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# Variables of a person's shell that reach into our code or into libraries that it uses.
SURPRISING_PREFIXES = ("AWS_", "POWERTOOLS_", "VOTESTREAM_")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Stop with one line before tests that cannot run, instead of failing each of them."""
    asked = [Path(argument.partition("::")[0]).resolve() for argument in session.config.args]
    missing = sorted(
        file
        for folder, file in PREPARED.items()
        if not (TESTS.parent / file).exists()
        and any(
            path.is_relative_to(TESTS / folder) or (TESTS / folder).is_relative_to(path) for path in asked
        )
    )
    if missing:
        raise pytest.UsageError(
            f"{' and '.join(missing)} missing: run `make prepare` first, or `make test-python`"
        )


def _is_end_to_end(request: pytest.FixtureRequest) -> bool:
    """Those tests are about the deployment that the environment names, wherever it is."""
    return "e2e" in request.path.relative_to(Path(__file__).parent).parts


@pytest.fixture(autouse=True)
def clean_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the caller's environment variables from the tests."""
    if _is_end_to_end(request):
        return
    for name in [name for name in os.environ if name.startswith(SURPRISING_PREFIXES)]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaves this machine."""
    if _is_end_to_end(request):
        return
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1"):
            raise AssertionError(f"a test may not connect to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)


@pytest.fixture(autouse=True)
def fresh_powertools() -> Iterator[None]:
    """Powertools keeps metrics and loggers for the life of the process, these with the stdout that they found first."""
    yield
    metrics = Metrics()
    metrics.clear_default_dimensions()
    metrics.clear_metrics()
    for name in (vote_writer.handler.SERVICE, vote_aggregator.handler.SERVICE):
        logging.root.manager.loggerDict.pop(name, None)


@pytest.fixture
def fake_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What boto3 needs to start; every fixture that makes a client depends on it."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def raw_event() -> Callable[[str], dict[str, Any]]:
    """Load an event as AWS sends it, by its file's name in tests/events."""

    def load(name: str) -> dict[str, Any]:
        event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
        return event

    return load


@pytest.fixture
def kinesis_event() -> Callable[..., dict[str, Any]]:
    """Make the event for votes ``(voter, poll_id, option)``, or for ``records`` ``(partition key, data)``.

    Records are numbered from ``first`` and arrive one a millisecond from ``arrived_at``.
    """

    def make(
        votes: Iterable[tuple[str, str, str]] = (),
        *,
        records: Iterable[tuple[str, str]] = (),
        shard_id: str = "shardId-000000000000",
        first: int = USUAL_FIRST_NUMBER,
        arrived_at: int = START_MS,
    ) -> dict[str, Any]:
        contents = [(voter, vote_body(poll_id, option)) for voter, poll_id, option in votes]
        contents += records
        return event_of(
            [
                StreamRecord(shard_id, str(first + position), key, data, arrived_at + position)
                for position, (key, data) in enumerate(contents)
            ]
        )

    return make
