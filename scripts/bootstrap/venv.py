"""The virtual environments, installed from locked requirements."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from scripts.bootstrap import interpreter, uv
from scripts.bootstrap.console import say
from scripts.bootstrap.layout import Layout


def ensure(layout: Layout, name: str, requirements: str, *, editable: bool) -> Path:
    """Brings a virtual environment in line with its lock and returns its Python.

    What the lock does not name is removed; what is there already is not touched, so a second call is quick.

    Args:
        layout: the checkout.
        name: folder of the environment, as in ".venv".
        requirements: name of the lock, as in "dev" for requirements/dev.txt.
        editable: whether this project's own packages are importable in it, and its commands are there.

    Raises:
        UserError: no Python 3.13, or the package index is out of reach.
    """
    home = layout.root / name
    python = home / "bin" / "python"
    if not _works(home, python):
        say(f"creating {name}")
        shutil.rmtree(home, ignore_errors=True)
        base = interpreter.ensure(layout)
        uv.run_uv(layout, "venv", "--no-python-downloads", "--python", base, home, doing=f"create {name}")
    say(f"installing requirements/{requirements}.txt into {name}")
    target: list[str | Path] = ["--python", python]
    lock = layout.requirements / f"{requirements}.txt"
    uv.run_uv(layout, "pip", "sync", *target, "--require-hashes", lock, doing=f"install {requirements}.txt")
    if editable:
        # setuptools is in the lock, so nothing is fetched to build with.
        options = [*target, "--no-build-isolation", "--no-deps", "--offline", "--editable", layout.root]
        uv.run_uv(layout, "pip", "install", *options, doing=f"install this project into {name}")
    return python


def _works(home: Path, python: Path) -> bool:
    """Whether the environment's Python starts: the one it was made from may be gone, or the checkout moved."""
    check = (
        f"import sys; sys.exit(sys.version_info[:2] != {interpreter.VERSION} or sys.prefix != {str(home)!r})"
    )
    return (
        python.exists()
        and subprocess.run([str(python), "-c", check], capture_output=True, check=False).returncode == 0
    )
