"""What the sizing tests share."""

import fcntl
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from votectl import terminal
from votectl.settings.deployment import DeploymentSettings, StreamSettings
from votectl.sizing import evidence
from votectl.sizing.cli import app
from votectl.sizing.event import VotingEvent
from votectl.sizing.evidence import PlayedExperiments
from votectl.sizing.explain import Figure
from votectl.sizing.facts import Facts, packaged
from votectl.sizing.scenario import EventScenario


def walk(figure: Figure) -> Iterator[Figure]:
    """Yield a figure and all its inputs, depth first."""
    yield figure
    for part in figure.inputs.values():
        yield from walk(part)


@pytest.fixture(scope="session")
def facts() -> Facts:
    """The facts that ship."""
    return packaged()


@pytest.fixture
def scenario(facts: Facts) -> Callable[..., EventScenario]:
    """Make a scenario: 1,000 votes/s for a minute on four shards, except for what the test varies."""

    def make(
        *,
        event: Mapping[str, Any] | None = None,
        deployment: Mapping[str, Any] | None = None,
        **surroundings: Any,
    ) -> EventScenario:
        of_event = {"peak": 1_000.0, "duration": 60.0, **(event or {})}
        settings = {"stream": StreamSettings(shard_count=4), **(deployment or {})}
        return EventScenario.expected(
            VotingEvent.model_validate(of_event),
            DeploymentSettings.model_validate(settings),
            facts,
            **surroundings,
        )

    return make


_play = evidence.play


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], PlayedExperiments]:
    """Play the published runs once for all tests, whichever process of the test run needs them first."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    @cache
    def play(doubled_writes: bool) -> PlayedExperiments:
        path = folder / f"published-{doubled_writes}.pickle"
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                runs = _play(packaged(), doubled_writes=doubled_writes, seed=1, step=1.0)
                path.write_bytes(pickle.dumps(runs))
        return cast(PlayedExperiments, pickle.loads(path.read_bytes()))  # noqa: S301 - written above

    return play


@pytest.fixture(scope="session")
def sample_runs(played: Callable[[bool], PlayedExperiments]) -> PlayedExperiments:
    """The published runs with the sample's writes."""
    return played(True)


@pytest.fixture(scope="session")
def our_runs(played: Callable[[bool], PlayedExperiments]) -> PlayedExperiments:
    """The published runs with our writes."""
    return played(False)


@pytest.fixture
def votectl(
    monkeypatch: pytest.MonkeyPatch, played: Callable[[bool], PlayedExperiments]
) -> Callable[..., tuple[int, str]]:
    """Type a command; return its exit code and everything that it printed."""

    def replayed(facts: Facts, *, doubled_writes: bool, seed: int, step: float | None) -> PlayedExperiments:
        if (seed, step) != (1, 1.0):
            return _play(facts, doubled_writes=doubled_writes, seed=seed, step=step)
        return played(doubled_writes)

    def run(arguments: Sequence[str], columns: int = 110) -> tuple[int, str]:
        monkeypatch.setattr(terminal, "PIPED_WIDTH", columns)
        monkeypatch.setattr("sys.argv", ["votectl", *arguments])
        monkeypatch.setattr(evidence, "play", replayed)
        result = CliRunner().invoke(app, list(arguments))
        return result.exit_code, result.output

    return run
