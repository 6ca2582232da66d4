"""Where the local cloud lives and what it listens on: options of `up`, environment variables, or defaults."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from localcloud.errors import SettingError

PROJECT_ROOT = Path(__file__).resolve().parents[1]


class Emulator(StrEnum):
    """The program that emulates AWS."""

    LOCALEMU = "localemu"
    """LocalEmu with functions as processes, and MiniStack for DynamoDB. Needs Python only."""
    LOCALSTACK = "localstack"
    """LocalStack in Docker, for everything."""


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """Paths, ports and names of one local cloud; two with different folders and ports do not meet."""

    directory: Path = PROJECT_ROOT / ".localcloud"
    venv: Path = PROJECT_ROOT / ".venv-localcloud"
    emulator: Emulator = Emulator.LOCALEMU
    port: int = 4566
    dynamodb_port: int = 4567
    region: str = "us-east-1"
    state_bucket: str = "tfstate-votestream-local"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The defaults, changed by LOCALCLOUD_DIRECTORY, LOCALCLOUD_VENV, LOCALCLOUD_PORT and so on.

        Raises:
            SettingError: a variable has a value that makes no sense.
        """
        default = cls()
        # Empty counts as not set: that is what make passes on for a variable that nobody gave.
        given = {name: value for name, value in environ.items() if value}
        emulator = given.get("EMULATOR", default.emulator)
        if emulator not in list(Emulator):
            raise SettingError(
                f"EMULATOR is {emulator!r}: choose {' or '.join(Emulator)}", examples=[*Emulator]
            )
        return cls(
            directory=Path(given.get("LOCALCLOUD_DIRECTORY", default.directory)).absolute(),
            venv=Path(given.get("LOCALCLOUD_VENV", default.venv)).absolute(),
            emulator=Emulator(emulator),
            port=_port(given, "LOCALCLOUD_PORT", default.port),
            dynamodb_port=_port(given, "LOCALCLOUD_DYNAMODB_PORT", default.dynamodb_port),
            region=given.get("AWS_REGION", default.region),
            state_bucket=given.get("LOCALCLOUD_STATE_BUCKET", default.state_bucket),
        )

    @property
    def logs(self) -> Path:
        """One file per process; the functions' are in a folder of their own below."""
        return self.directory / "logs"

    @property
    def temporary(self) -> Path:
        """Emptied by `down`."""
        return self.directory / "tmp"

    @property
    def endpoint_url(self) -> str:
        """Where everything but DynamoDB answers, or everything if LocalStack is the emulator."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def dynamodb_endpoint_url(self) -> str | None:
        """Where DynamoDB answers, if that is a place of its own."""
        return f"http://127.0.0.1:{self.dynamodb_port}" if self.emulator is Emulator.LOCALEMU else None


def _port(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name, str(default))
    if not value.isdecimal() or not 0 < int(value) < 65_536:
        raise SettingError(f"{name} is {value!r}: give a port from 1 to 65535", examples=["1", "65535"])
    return int(value)
