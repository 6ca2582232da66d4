"""What the sizing tests share."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import pytest
from typer.testing import CliRunner

from votectl import terminal
from votectl.settings.deployment import DeploymentSettings, StreamSettings
from votectl.sizing import published
from votectl.sizing.cli import app
from votectl.sizing.event import VotingEvent
from votectl.sizing.facts import Facts, packaged
from votectl.sizing.published import Experiments
from votectl.sizing.scenario import EventScenario


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
        of_event = {"peak_votes_per_second": 1_000.0, "duration_seconds": 60.0, **(event or {})}
        settings = {"stream": StreamSettings(shard_count=4), **(deployment or {})}
        return EventScenario.expected(
            VotingEvent.model_validate(of_event),
            DeploymentSettings.model_validate(settings),
            facts,
            **surroundings,
        )

    return make


_play = published.play


@cache
def play_once(*, doubled_writes: bool) -> Experiments:
    """Play the published runs once for all tests: a few seconds each."""
    return _play(packaged(), doubled_writes=doubled_writes, seed=1, step=1.0)


@pytest.fixture(scope="session")
def sample_runs() -> Experiments:
    """The published runs with the sample's writes."""
    return play_once(doubled_writes=True)


@pytest.fixture(scope="session")
def our_runs() -> Experiments:
    """The published runs with our writes."""
    return play_once(doubled_writes=False)


@pytest.fixture
def votectl(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Type a command; return its exit code and everything that it printed."""

    def replayed(_: Facts, *, doubled_writes: bool, seed: int, step: float | None) -> Experiments:
        if (seed, step) != (1, 1.0):
            return _play(packaged(), doubled_writes=doubled_writes, seed=seed, step=step)
        return play_once(doubled_writes=doubled_writes)

    def run(arguments: Sequence[str], columns: int = 110) -> tuple[int, str]:
        monkeypatch.setattr(terminal, "PIPED_WIDTH", columns)
        monkeypatch.setattr("sys.argv", ["votectl", *arguments])
        monkeypatch.setattr(published, "play", replayed)
        result = CliRunner().invoke(app, list(arguments))
        return result.exit_code, result.output

    return run
