"""What a person sees: short notes while something is brought, one clear line when it cannot be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Mapping, Sequence

_OFFLINE = re.compile(
    r"dns error|name resolution|resolve host|getaddrinfo|name or service not known|nodename nor servname"
    r"|network is unreachable|no route to host|connection refused|connection reset|timed out|client error \(connect\)"
    r"|NewConnectionError|no matching distribution found|network connectivity is disabled",
    re.IGNORECASE,
)


class UserError(Exception):
    """Something a person has to act on; its text is one line that says what to do."""


class CommandFailed(UserError):
    """A command that was run for the user has failed.

    Attributes:
        output: everything the command printed.
    """

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output

    @property
    def looks_offline(self) -> bool:
        """Whether the output reads as if the network were missing."""
        return bool(_OFFLINE.search(self.output))


def say(note: str) -> None:
    """Prints a progress note; stdout is kept for answers that make reads."""
    print(f"votestream: {note}", file=sys.stderr, flush=True)


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    doing: str,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Runs a command silently and returns what it wrote to stdout.

    Args:
        command: program and arguments.
        doing: what it is for, as in "install uv"; the error starts with it.
        log: where the whole output goes when it fails, so that the one line can stay one line.
        cwd: working directory; ours by default.
        env: the whole environment; ours by default.

    Raises:
        CommandFailed: the program is missing or exits with anything but 0.
    """
    words = [os.fspath(word) for word in command]
    try:
        done = subprocess.run(
            words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        failed, output = done.returncode != 0, done.stdout + done.stderr
    except OSError as error:
        failed, output = True, f"{words[0]}: {error.strerror}"
    if not failed:
        return done.stdout
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"$ {' '.join(words)}\n{output}", encoding="utf-8")
    raise CommandFailed(f"could not {doing}: {_reason(output)} (all of it: {log})", output)


def _reason(output: str) -> str:
    """The line that says most: the first that names an error, else the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(error|fatal|\u00d7)", line, re.IGNORECASE)]
    line = (errors or lines[-1:] or ["it printed nothing"])[0]
    return re.sub(r"^(error|fatal)\s*:\s*", "", line, flags=re.IGNORECASE)[:300]
