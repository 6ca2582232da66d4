"""What `up` leaves behind for the commands after it: one JSON file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from localcloud.processes import Identity
from localcloud.settings import CloudSettings, Emulator

_FILE = "state.json"


@dataclass(slots=True)
class CloudState:
    """The local cloud that was started from a folder."""

    emulator: Emulator
    port: int
    dynamodb_port: int
    region: str
    processes: dict[str, Identity] = field(default_factory=dict)
    """By the name of their log file."""
    container: str | None = None
    """LocalStack's container, by name."""

    @classmethod
    def of(cls, settings: CloudSettings) -> Self:
        """The state of a local cloud of which nothing runs yet."""
        return cls(settings.emulator, settings.port, settings.dynamodb_port, settings.region)

    @classmethod
    def load(cls, directory: Path) -> Self | None:
        """Read it; None when nothing was started from that folder."""
        try:
            raw = json.loads((directory / _FILE).read_text())
        except FileNotFoundError:
            return None
        raw["emulator"] = Emulator(raw["emulator"])
        raw["processes"] = {name: Identity(**identity) for name, identity in raw["processes"].items()}
        return cls(**raw)

    def settings(self, settings: CloudSettings) -> CloudSettings:
        """The settings that it was started with; what it does not remember is taken from the given ones."""
        return replace(
            settings,
            emulator=self.emulator,
            port=self.port,
            dynamodb_port=self.dynamodb_port,
            region=self.region,
        )

    def save(self, directory: Path) -> None:
        """Write it, whole or not at all."""
        raw: Mapping[str, object] = {
            "emulator": self.emulator,
            "port": self.port,
            "dynamodb_port": self.dynamodb_port,
            "region": self.region,
            "processes": {
                name: {"pid": identity.pid, "started": identity.started}
                for name, identity in self.processes.items()
            },
            "container": self.container,
        }
        draft = directory / f"{_FILE}.new"
        draft.write_text(json.dumps(raw, indent=2) + "\n")
        draft.replace(directory / _FILE)

    @staticmethod
    def forget(directory: Path) -> None:
        """Remove it."""
        (directory / _FILE).unlink(missing_ok=True)
