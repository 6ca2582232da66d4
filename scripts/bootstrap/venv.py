"""The virtual environments, and the locks that they are installed from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts.bootstrap import uv
from scripts.bootstrap.console import say
from scripts.bootstrap.layout import Layout

# The version that Lambda runs (runtime python3.13), so that tests and archives see the same one.
PYTHON = "3.13"

# In this order: lambda.txt constrains dev.in. uv itself has to install on any Python that a machine may have.
LOCKS = {"lambda": PYTHON, "dev": PYTHON, "localcloud": PYTHON, "scan": PYTHON, "tools": "3.8"}


def ensure(layout: Layout, name: str, requirements: str, *, editable: bool) -> Path:
    """Installs exactly the packages of a lock into a virtual environment, and returns its Python.

    uv takes a Python 3.13 of this machine, or brings one into .tools.

    Args:
        layout: the checkout.
        name: folder of the environment, as in ".venv".
        requirements: name of the lock, as in "dev" for requirements/dev.txt.
        editable: whether to install this project's own packages and commands too.

    Raises:
        UserError: no Python 3.13, or the package index is out of reach.
    """
    home = layout.root / name
    python = home / "bin" / "python"
    if not _works(home, python):
        say(f"creating {name}")
        doing = f"create {name} with Python {PYTHON} (install that, or let uv download it)"
        uv.run_uv(layout, "venv", "--clear", "--python", _base(), home, doing=doing)
    say(f"installing requirements/{requirements}.txt into {name}")
    lock = layout.requirements / f"{requirements}.txt"
    uv.run_uv(
        layout,
        "pip",
        "sync",
        "--python",
        python,
        "--require-hashes",
        lock,
        doing=f"install {requirements}.txt",
    )
    if editable:
        # setuptools is in the lock, so nothing is downloaded to build with.
        options: list[str | Path] = [
            "--no-build-isolation",
            "--no-deps",
            "--offline",
            "--editable",
            layout.root,
        ]
        uv.run_uv(
            layout, "pip", "install", "--python", python, *options, doing=f"install this project into {name}"
        )
    return python


def _base() -> str:
    """Returns the Python to start from. uv itself stops at a shim of pyenv that does not start."""
    if "{}.{}".format(*sys.version_info) == PYTHON:
        return sys.executable
    found = sorted(Path.home().glob(f".pyenv/versions/{PYTHON}.*/bin/python"))
    return str(found[-1]) if found else PYTHON


def _works(home: Path, python: Path) -> bool:
    """Whether the environment's Python starts: its base may be gone, or the checkout moved."""
    check = (
        f"import sys; sys.exit('%d.%d' % sys.version_info[:2] != {PYTHON!r} or sys.prefix != {str(home)!r})"
    )
    return (
        python.exists()
        and subprocess.run([str(python), "-c", check], capture_output=True, check=False).returncode == 0
    )


def lock_all(layout: Layout, *, upgrade: bool) -> None:
    """Compiles each requirements/*.in into a .txt with hashes.

    Args:
        layout: the checkout.
        upgrade: take newer versions. Otherwise a pin changes only where its .in file asks for it.

    Raises:
        UserError: requirements exclude each other, or there is no network.
    """
    for name, python in LOCKS.items():
        say(f"locking requirements/{name}.in")
        # Universal: one lock serves Linux and macOS on both architectures. A lock names no index and no header, so
        # that it is the same wherever it was compiled.
        options = ["--universal", "--generate-hashes", "--no-header", "--no-python-downloads", "--quiet"]
        if upgrade:
            options.append("--upgrade")
        files = ["--python-version", python, "--output-file", f"{name}.txt", f"{name}.in"]
        uv.run_uv(
            layout, "pip", "compile", *options, *files, doing=f"lock {name}.in", cwd=layout.requirements
        )
