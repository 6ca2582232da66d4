"""The smoke test of the pipeline, on the platform under test."""

from typer.testing import CliRunner

from e2e.conftest import ENVIRONMENT
from votectl.cli import app


def test_the_smoke_test_passes_and_prints_its_numbers() -> None:
    result = CliRunner().invoke(app, ["smoke", "--environment", ENVIRONMENT])

    assert result.exit_code == 0, result.output
    assert "23 of 24 requests acknowledged" in result.output
    assert "The platform works, from a vote to a final result." in result.output
