"""What a cold start may load: each module that is named here was measured, or has no business in a function."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"

# Module, and why it must stay out of a handler's import. Submodules go with their parents.
BARRED = {
    "aws_lambda_powertools.event_handler": "routes HTTP requests for 100 ms; three routes are one match",
    "aws_lambda_powertools.utilities.batch": "half as long again as Logger and Metrics together, and it goes on "
    "after a failed record",
    "aws_lambda_powertools.utilities.data_classes": "comes with utilities.batch",
    "aws_lambda_powertools.utilities.parser": "loads the envelopes of every service",
    "aws_xray_sdk": "patches every client",
    "asyncio": "the writer's calls run on threads",
    "pydantic.networks": "loads email and address types",
    "pydantic.v1": "a second pydantic",
    "pydantic_settings": "does for 45 ms what voting.settings does for none",
}
# Who works on the functions, not with them: an archive has none of these.
TOOLS = ("benchmarks", "httpx", "hypothesis", "mypy_boto3_dynamodb", "pytest", "rich", "typer", "votectl")

AWS = ("aws_lambda_powertools", "boto3", "botocore", "voting_aws")


def modules_of(pattern: str) -> list[str]:
    """The functions' modules that match a pattern, by their names."""
    found = (path.relative_to(FUNCTIONS).with_suffix("") for path in FUNCTIONS.glob(pattern))
    return sorted(".".join(path.parts) for path in found if path.name != "__init__")


HANDLERS = modules_of("*/handler.py")
CORE = modules_of("voting/*.py")
# What of a function is neither its entry point nor its way to AWS decides something, and does it by itself.
DECIDING = [
    module
    for handler in HANDLERS
    for module in modules_of(f"{handler.partition('.')[0]}/*.py")
    if not module.endswith((".handler", ".store"))
]


@cache
def loaded_by(module: str) -> frozenset[str]:
    """The modules that a new process has loaded after it imported this one, with no variable set."""
    code = f"import sys; sys.path.insert(0, {str(FUNCTIONS)!r}); import {module}; print(*sys.modules)"
    command = [sys.executable, "-I", "-c", code]
    return frozenset(
        subprocess.run(command, env={}, capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize("barred", [*BARRED, *TOOLS])
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_does_without(handler: str, barred: str) -> None:
    assert barred not in loaded_by(handler), BARRED.get(barred, "a tool, not a part of a function")


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_loads_nothing_of_another(handler: str) -> None:
    others = {other.partition(".")[0] for other in HANDLERS if other != handler}
    assert not others & loaded_by(handler)


@pytest.mark.parametrize("module", [*CORE, *DECIDING])
def test_what_decides_knows_no_aws(module: str) -> None:
    assert not set(AWS) & loaded_by(module)
