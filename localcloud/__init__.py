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
    """The calls of each role since the local cloud was started, one JSON object per line (`emulator/calls.py`)."""
    return CloudSettings.from_environment().logs / "calls.jsonl"


def function_log_folder() -> Path:
    """The folder of the functions' logs: `<function>.log` has their output and Lambda's own lines."""
    return CloudSettings.from_environment().logs / "functions"


def function_pids() -> dict[str, int]:
    """The running function processes of the local cloud: pids by `<function>-<id>`."""
    from localcloud import cloud

    return cloud.function_pids(CloudSettings.from_environment())


def part_pids() -> dict[str, int]:
    """The running servers of the local cloud, `localemu` and `ministack`, which chaos tests pause and kill."""
    from localcloud import cloud

    parts = cloud.status(CloudSettings.from_environment())
    return {part.name: part.pid for part in parts if part.running and part.pid is not None}
