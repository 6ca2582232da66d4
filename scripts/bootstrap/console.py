"""Notes for the person at the keyboard, errors of one line, and commands whose output is shown only if they fail."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Callable, Mapping, Sequence

_OFFLINE = re.compile(
    r"dns error|name resolution|resolve host|getaddrinfo|name or service not known|nodename nor servname"
    r"|network is unreachable|no route to host|connection refused|connection reset|timed out|client error \(connect\)"
    r"|NewConnectionError|no matching distribution found|network connectivity is disabled",
    re.IGNORECASE,
)


class UserError(Exception):
    """An error that a person must act on. Its text says what to do.

    Attributes:
        examples: the text's suggestions. A test checks that each is accepted.
    """

    def __init__(self, message: str = "", examples: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.examples = tuple(examples)


class CommandFailed(UserError):
    """A command that was run for the user has failed.

    Attributes:
        output: everything that the command printed.
    """

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output

    @property
    def looks_offline(self) -> bool:
        """Whether the output looks like that of a machine without network."""
        return bool(_OFFLINE.search(self.output))


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Returns a function that parses a whole number in a range, as an option's type for argparse."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least:,} to {most:,}")
        return int(text)

    return read


def say(note: str) -> None:
    """Prints a note to stderr: make reads answers from stdout."""
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
        doing: its purpose, as in "install uv". The error starts with it.
        log: gets the whole output if it fails.
        cwd: working directory; ours by default.
        env: the whole environment; ours by default.

    Raises:
        CommandFailed: the program is missing or does not exit with 0.
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
    raise CommandFailed(f"could not {doing}: {_reason(output)} (the whole output: {log})", output)


def _reason(output: str) -> str:
    """Returns the most useful line: the first that names an error, else the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(error|fatal|\u00d7)", line, re.IGNORECASE)]
    line = (errors or lines[-1:] or ["it printed nothing"])[0]
    return re.sub(r"^(error|fatal)\s*:\s*", "", line, flags=re.IGNORECASE)[:300]
