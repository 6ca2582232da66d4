"""Errors of the local cloud. Each message is one line that says what to do.

LocalCloudError
├── SettingError        an environment variable has an invalid value
├── NotInstalledError   the emulator's virtual environment, or Docker, is missing
├── PortTakenError      another program listens on the port
└── StartFailedError    a part ended, or did not become healthy in time; carries its last log lines
"""

from collections.abc import Sequence


class LocalCloudError(Exception):
    """Base of all; the command line prints the message and exits with 1.

    Attributes:
        examples: the text's suggestions. A test checks that each is accepted.
    """

    def __init__(self, message: str, examples: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.examples = tuple(examples)


class SettingError(LocalCloudError):
    """An environment variable has an invalid value."""


class NotInstalledError(LocalCloudError):
    """Something that `up` needs is not installed."""


class PortTakenError(LocalCloudError):
    """A port is in use."""

    def __init__(self, port: int, holder: str | None, option: str) -> None:
        by = f" by {holder}" if holder else ""
        super().__init__(f"port {port} is taken{by}: stop that, or choose another port with {option}")


class StartFailedError(LocalCloudError):
    """A part of the local cloud did not start."""

    def __init__(self, message: str, log_lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.log_lines = list(log_lines)
