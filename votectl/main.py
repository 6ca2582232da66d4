"""The process around the commands: interrupts, closed pipes, full disks and encodings. Loads nothing large itself."""

import os
import signal
import sys

# What shells report for a process that SIGINT or SIGPIPE ended.
INTERRUPTED = 130
PIPE_CLOSED = 141


def main() -> None:
    """Run the command that was typed; never end in a traceback over an interrupt or an output that is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules load: there is nothing to tidy up yet
    for stream in (sys.stdout, sys.stderr):
        # Any text can be written as UTF-8. The other case is half a character, from a name of a file.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(_run())


def _run() -> int:
    from votectl.cli import app

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = _code_of(app)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = PIPE_CLOSED
    except OSError as error:
        code = 1
        print(f"error: the output can't be written: {error.strerror or error}", file=sys.stderr)
    if code in (INTERRUPTED, PIPE_CLOSED) or not _flushes():
        # What is left in the buffer has nowhere to go, and Python would complain about it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _code_of(app: object) -> int:
    try:
        app()  # type: ignore[operator]
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # Typer turns it into 1
            return PIPE_CLOSED
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _flushes() -> bool:
    try:
        sys.stdout.flush()
    except OSError:
        return False
    return True
