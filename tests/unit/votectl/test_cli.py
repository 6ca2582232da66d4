"""The spelling of commands; other files test what they do."""

import pytest
from typer.testing import CliRunner

from votectl import cli, deployment
from votectl.deployment import Deployment
from votectl.errors import OperatorError


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The environments that commands ask for: an empty list."""
    found: list[str] = []

    def find(environment: str) -> Deployment:
        found.append(environment)
        raise OperatorError("there is no such deployment")

    monkeypatch.setattr(deployment, "find", find)
    # Set and deleted, so that what a command sets is taken back afterwards.
    monkeypatch.setenv(cli.ENVIRONMENT_VARIABLE, "")
    monkeypatch.delenv(cli.ENVIRONMENT_VARIABLE)
    return found


@pytest.mark.parametrize(
    ("arguments", "variable", "environment"),
    [
        pytest.param(["results", "p"], None, "local", id="nowhere"),
        pytest.param(["results", "p", "-e", "dev"], None, "dev", id="after-the-command"),
        pytest.param(["-e", "dev", "results", "p"], None, "dev", id="before-the-command"),
        pytest.param(
            ["--environment", "dev", "poll", "show", "p"], None, "dev", id="before-a-command-of-a-group"
        ),
        pytest.param(["results", "p"], "prod", "prod", id="by-variable"),
        pytest.param(["-e", "dev", "results", "p"], "prod", "dev", id="option-over-variable"),
        pytest.param(["-e", "dev", "results", "p", "-e", "stage"], "prod", "stage", id="the-nearest-option"),
    ],
)
def test_the_environment_can_be_named_before_or_after_the_command(
    arguments: list[str],
    variable: str | None,
    environment: str,
    asked_for: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if variable is not None:
        monkeypatch.setenv(cli.ENVIRONMENT_VARIABLE, variable)

    result = CliRunner().invoke(cli.app, arguments)

    assert result.exit_code == 1
    assert asked_for == [environment]
