"""Fixtures for all tests: an environment without surprises."""

import gc
import logging
import os
import socket
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from aws_lambda_powertools import Metrics

import vote_aggregator.handler
import vote_writer.handler

TESTS = Path(__file__).parent
FUNCTIONS = TESTS.parent / "functions"

# The file that shows that the tests of a folder can run. `make prepare` makes all of them.
PREPARED = {"contract": ".state/init/infra.stamp", "integration/localcloud": ".venv-localcloud/.installed"}

# How many examples to try: `dev` is for every run of the tests, `soak` for `make soak`.
hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True)
hypothesis.settings.register_profile("soak", max_examples=10_000, deadline=None, database=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# Variables of a person's shell that reach into our code or into libraries that it uses.
SURPRISING_PREFIXES = ("AWS_", "POWERTOOLS_", "VOTESTREAM_")


# Coverage slows a test by half. It has a floor for the functions, and these tests alone reach it.
COVERING = {
    TESTS / "integration",
    TESTS / "unit" / "votectl" / "pack",  # functions/results_pack/verify_pack.py
    *(TESTS / "unit" / file.parent.name for file in FUNCTIONS.glob("*/__init__.py")),
}


def pytest_collection_finish() -> None:
    """Exclude the collected tests from garbage collection, which would scan them again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure coverage only where it has a floor. pytest-cov's marker for this does nothing in workers of xdist."""
    if not COVERING.isdisjoint(item.path.parents):
        return (yield)
    of_process, of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(of_process)
        threading.settrace(of_threads)


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
    """Those tests use the deployment that the environment variables name."""
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
    """Refuse connections to other machines."""
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
    """Remove Powertools' metrics and loggers, which a process keeps; loggers also keep their first stdout."""
    yield
    metrics = Metrics()
    metrics.clear_default_dimensions()
    metrics.clear_metrics()
    for name in (vote_writer.handler.SERVICE, vote_aggregator.handler.SERVICE):
        logging.root.manager.loggerDict.pop(name, None)


@pytest.fixture
def fake_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables that boto3 needs; every fixture that creates a client depends on it."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)
