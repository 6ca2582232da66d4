"""A Python 3.13: the machine's own if it has one, else one that uv brings into the project."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator

from scripts.bootstrap import uv
from scripts.bootstrap.console import UserError, say
from scripts.bootstrap.layout import Layout

# The version that Lambda runs (runtime python3.13), so that tests and archives see the same one.
VERSION = (3, 13)
_SHOWN = ".".join(str(part) for part in VERSION)

# A build without these (a source build on a machine without their headers) cannot run the project.
_PROBE = (
    "import ctypes, ssl, sys, zlib; print(sys.version_info[0], sys.version_info[1]); print(sys.executable)"
)


def ensure(layout: Layout) -> Path:
    """Returns the path of a Python 3.13 that works.

    Raises:
        UserError: there is none and none can be downloaded.
    """
    for candidate in _candidates(layout):
        path = _real(candidate)
        if path:
            return path
    say(f"no Python {_SHOWN} here: uv brings one into .tools")
    try:
        uv.run_uv(layout, "python", "install", "--no-bin", _SHOWN, doing=f"download Python {_SHOWN}")
    except UserError:
        raise UserError(
            f"Python {_SHOWN} is not on this machine and could not be downloaded: install it (python{_SHOWN} on the "
            "PATH, or pyenv), or connect to the network, and run the same command again"
        ) from None
    for candidate in _brought(layout):
        path = _real(candidate)
        if path:
            return path
    raise UserError(
        f"uv brought a Python {_SHOWN} that does not start: remove {layout.tools / 'python'} and try again"
    )


def _candidates(layout: Layout) -> Iterator[str]:
    yield sys.executable
    on_path = shutil.which(f"python{_SHOWN}")
    if on_path:
        yield on_path
    # pyenv's shim answers only in folders whose .python-version it can serve; the versions themselves always do.
    pyenv = shutil.which("pyenv")
    roots = [Path.home() / ".pyenv"] + ([Path(pyenv).resolve().parents[1]] if pyenv else [])
    for root in roots:
        for home in sorted((root / "versions").glob(f"{_SHOWN}.*"), reverse=True):
            yield str(home / "bin" / "python")
    yield from _brought(layout)


def _brought(layout: Layout) -> Iterator[str]:
    for home in sorted((layout.tools / "python").glob(f"cpython-{_SHOWN}*"), reverse=True):
        yield str(home / "bin" / f"python{_SHOWN}")


def _real(candidate: str) -> Path | None:
    """The interpreter behind a name (a shim names another file), if it is of the right version and complete."""
    try:
        done = subprocess.run(
            [candidate, "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != 2 or lines[0] != " ".join(str(part) for part in VERSION):
        return None
    return Path(lines[1])
