"""A cloud on this machine: LocalEmu with functions as processes, and MiniStack for DynamoDB.

`python -m localcloud` starts, shows and stops it; `aim()` aims a program at it. Only the standard
library is imported here: LocalEmu imports this package, too, in a virtual environment without our tools.
"""

from pathlib import Path

from localcloud.environment import (
    aim,
    environment,
    external_endpoint,
    runs_functions_in_containers,
    serves_pages,
)
from localcloud.settings import CloudSettings

__all__ = [
    "aim",
    "call_log",
    "environment",
    "external_endpoint",
    "function_log_folder",
    "function_pids",
    "part_pids",
    "runs_functions_in_containers",
    "serves_pages",
]


def call_log() -> Path:
    """What was done with which role since the local cloud was started, a JSON object a line (`emulator/calls.py`)."""
    return CloudSettings.from_environment().logs / "calls.jsonl"


def function_log_folder() -> Path:
    """Where the functions of the local cloud log: `<function>.log`, their output and Lambda's own lines."""
    return CloudSettings.from_environment().logs / "functions"


def function_pids() -> dict[str, int]:
    """The function processes that run in the local cloud: pids by `<function>-<id>`."""
    from localcloud import cloud

    return cloud.function_pids(CloudSettings.from_environment())


def part_pids() -> dict[str, int]:
    """The servers of the local cloud that run, `localemu` and `ministack`: what chaos tests pause and kill."""
    from localcloud import cloud

    parts = cloud.status(CloudSettings.from_environment())
    return {part.name: part.pid for part in parts if part.running and part.pid is not None}
