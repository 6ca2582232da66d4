"""The process around every program here: interrupts, closed pipes, full disks and encodings.

It runs on any Python from 3.8 on and imports the standard library only, so that each program can load it first.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import signal
import sys
from typing import Any, Callable

# What shells report for a process that SIGINT or SIGPIPE ended.
INTERRUPTED = 130
PIPE_CLOSED = 141


class OutputFile(io.FileIO):
    """Standard output. It keeps the error of a failed write, because argparse ignores that."""

    failure: OSError | None = None

    def write(self, data: Any) -> Any:
        """Write bytes; return how many."""
        try:
            return super().write(data)
        except OSError as error:
            self.failure = error
            raise


def run(entry: str) -> None:
    """Load a program and run it; exit with its code, and never with a traceback over an interrupt or a lost output.

    Args:
        entry: module and function, as in "votectl.cli:app". The function takes no argument; it returns an exit code
            or None, or raises SystemExit.
    """
    # Before the program is loaded, and after it has ended, there is nothing to clean up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _prepare_streams()
    code = _code_of(entry)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)


def _prepare_streams() -> None:
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:  # the shell has closed it: `>&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - it stays open until the process ends
            continue
        # Any text can be written as UTF-8. The other case is half a character, from a name of a file.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        if name == "stdout":
            at_once = stream.line_buffering or stream.write_through  # a terminal, or PYTHONUNBUFFERED
            file = io.BufferedWriter(OutputFile(stream.fileno(), "wb", closefd=False))
            sys.stdout = io.TextIOWrapper(file, "utf-8", "backslashreplace", line_buffering=at_once)


def _failed_write() -> OSError | None:
    file = getattr(sys.stdout, "buffer", None)
    return getattr(getattr(file, "raw", None), "failure", None)


def _code_of(entry: str) -> int:
    module, _, name = entry.partition(":")
    try:
        function: Callable[[], Any] = getattr(importlib.import_module(module), name)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = _ended_with(function)
        sys.stdout.flush()
        failure = _failed_write()
        if failure is not None:
            raise failure
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = PIPE_CLOSED
    except OSError as error:
        code = 1
        _complain(error)
    if code in (INTERRUPTED, PIPE_CLOSED) or not _flushes():
        # Python would report the rest of the buffer, which cannot be written, at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _ended_with(function: Callable[[], Any]) -> int:
    try:
        code = function()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # Typer turns it into 1
            return PIPE_CLOSED
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        code = end.code
    return code if isinstance(code, int) else 0


def _complain(error: OSError) -> None:
    reason = error.strerror or str(error)
    where = error.filename if isinstance(error.filename, str) else None
    with contextlib.suppress(OSError):  # stderr may be gone, too
        print(f"error: {where or 'the output cannot be written'}: {reason}", file=sys.stderr)


def _flushes() -> bool:
    try:
        sys.stdout.flush()
    except OSError:
        return False
    return True
