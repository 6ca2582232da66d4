"""What import-linter cannot check: which modules a program really loads, and that no package lacks a layer.

The layers themselves are in pyproject.toml; `make check` holds the code to them.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
FUNCTIONS = PROJECT / "functions"

# Modules that a cold start must not load, and why. Each was measured. Submodules are barred with their parents.
BARRED = {
    "aws_lambda_powertools.event_handler": "routing three paths takes it 100 ms",
    "aws_lambda_powertools.utilities.batch": "takes 75 ms, and handles records behind a failed one",
    "aws_lambda_powertools.utilities.data_classes": "comes with utilities.batch",
    "aws_lambda_powertools.utilities.parser": "loads the envelopes of every service",
    "aws_xray_sdk": "patches every client",
    "asyncio": "the writer's calls run on threads",
    "pydantic.networks": "loads email and address types",
    "pydantic.v1": "is a second pydantic",
    "pydantic_settings": "takes 45 ms for what voting.settings does",
}
# Only people who work on the functions have these: no archive contains them.
TOOLS = ("httpx", "hypothesis", "mypy_boto3_dynamodb", "pytest", "rich", "typer")

AWS = ("aws_lambda_powertools", "boto3", "botocore")


def modules_of(pattern: str) -> list[str]:
    """Return the functions' modules whose paths match a pattern, by name."""
    found = (path.relative_to(FUNCTIONS).with_suffix("") for path in FUNCTIONS.glob(pattern))
    return sorted(".".join(path.parts) for path in found if path.name != "__init__")


HANDLERS = modules_of("*/handler.py")
CORE = modules_of("voting/*.py")
# Every module of a function is pure, except its entry point and its access to AWS.
DECIDING = [
    module
    for handler in HANDLERS
    for module in modules_of(f"{handler.partition('.')[0]}/*.py")
    if not module.endswith((".handler", ".mapping", ".store"))
]


def loaded_by(modules: list[str], folder: Path, *options: str) -> list[set[str]]:
    """Import modules one after the other in a new process with no variable set; return what is loaded after each."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r})" + "".join(
        f"\nimport {module}; print(*sys.modules)" for module in modules
    )
    command = [sys.executable, "-I", *options, "-c", code]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=True)
    return [set(line.split()) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_loads_no_expensive_module_and_no_tool(handler: str) -> None:
    (loaded,) = loaded_by([handler], FUNCTIONS)
    assert {name: why for name, why in BARRED.items() if name in loaded} == {}
    assert loaded.intersection(TOOLS) == set()


def test_modules_without_access_to_aws_load_no_aws_library() -> None:
    modules = [*CORE, *DECIDING]
    loaded = dict(zip(modules, loaded_by(modules, FUNCTIONS), strict=True))
    assert next((module for module, found in loaded.items() if found.intersection(AWS)), None) is None


def test_bootstrap_starts_without_any_installed_package() -> None:
    (loaded,) = loaded_by(["scripts.bootstrap.cli"], PROJECT, "-S")
    top_level = {name.partition(".")[0] for name in loaded} - {"__main__"}
    assert top_level - set(sys.stdlib_module_names) == {"scripts"}
    assert {name for name in loaded if re.match(r"scripts\.(?!bootstrap)", name)} == set()


def test_every_package_has_a_layer() -> None:
    linter = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    packages = {
        path.parent.name for path in [*PROJECT.glob("*/__init__.py"), *FUNCTIONS.glob("*/__init__.py")]
    }
    in_layers = {name for layer in linter["contracts"][0]["layers"] for name in re.split(r"[ |:]+", layer)}
    assert set(linter["root_packages"]) == packages, (
        "pyproject.toml: name it in tool.importlinter.root_packages"
    )
    assert in_layers == packages, "pyproject.toml: name it in one of tool.importlinter's layers"
