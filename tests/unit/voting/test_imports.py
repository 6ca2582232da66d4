"""What a cold start pays for: a handler's import must not pull in what it does not need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[3] / "functions"

# Dear to import, and easy to pull in by accident.
UNWANTED = (
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.parser",
    "aws_lambda_powertools.utilities.data_classes",
    "mypy_boto3_dynamodb",
    "pydantic_settings",
)


def imported_by(module: str) -> set[str]:
    """Return the modules that are there after importing one in a fresh, empty environment."""
    code = f"import sys, {module}; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(FUNCTIONS), "PATH": os.defpath},
        check=True,
        capture_output=True,
        text=True,
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize("handler", ["vote_writer.handler", "vote_aggregator.handler"])
def test_importing_a_handler_needs_no_environment_and_no_dear_module(handler: str) -> None:
    assert not {name for name in imported_by(handler) if name.startswith(UNWANTED)}


def test_the_core_knows_neither_boto3_nor_the_environment() -> None:
    """Its modules may be imported where there is no cloud: in a tool, a test, a planner."""
    for module in ("voting.rules", "voting.polls", "voting.invocation", "voting.metrics", "voting.settings"):
        assert not {name for name in imported_by(module) if name.partition(".")[0] in ("boto3", "botocore")}
