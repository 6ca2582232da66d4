"""The settings that `localcloud up` passes to the plugin in one environment variable of LocalEmu's process."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

VARIABLE = "LOCALCLOUD_PLUGIN"


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """The folders for logs, the functions' further variables, and how often shards are read."""

    directory: str
    function_environment: Mapping[str, str]
    poll_interval_seconds: float

    def to_environment(self) -> dict[str, str]:
        """The variable to start LocalEmu with."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read it back inside LocalEmu."""
        return cls(**json.loads(environment[VARIABLE]))

    @property
    def pid_folder(self) -> Path:
        """Holds `<function>-<id>.pid` for each function process that runs."""
        return Path(self.directory, "functions")

    @property
    def log_folder(self) -> Path:
        """Holds `<function>.log`."""
        return Path(self.directory, "logs", "functions")

    @property
    def call_log(self) -> Path:
        """The calls of each role, see `calls`."""
        return Path(self.directory, "logs", "calls.jsonl")

    @property
    def temporary_folder(self) -> Path:
        """The functions' /tmp."""
        return Path(self.directory, "tmp")

    @property
    def runtime_folder(self) -> Path:
        """The packages of Lambda's Python runtime, as links."""
        return Path(self.directory, "tmp", "runtime")

    def process_environment(self) -> dict[str, str]:
        """Further variables of a function process, besides Lambda's and the function's own."""
        return {
            "HOME": str(self.temporary_folder),
            "LANG": "en_US.UTF-8",
            "PATH": os.defpath,
            "TMPDIR": str(self.temporary_folder),
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.function_environment,
        }
