"""uv, locked by hash, installed with the pip that some Python on this machine has."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Sequence

from scripts.bootstrap.console import CommandFailed, UserError, run, say
from scripts.bootstrap.layout import Layout

_PYTHONS = ["python3", *(f"python3.{minor}" for minor in range(15, 7, -1)), "/usr/bin/python3", "python"]


def ensure(layout: Layout) -> Path:
    """Returns the path of uv, installing it first if it is missing or its lock has changed.

    Raises:
        UserError: no Python here can install packages and no uv is on the PATH, or the index is out of reach.
    """
    lock = layout.requirements / "tools.txt"
    home = layout.tools / "uv"
    binary, stamp = home / "bin" / "uv", home / "installed-from"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if binary.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return binary

    pip = _pip(layout)
    if pip is None:
        found = shutil.which("uv")
        if found:
            return Path(found)
        raise UserError(
            "no Python on this machine has pip or ensurepip, so uv cannot be installed: add one "
            "(Debian and Ubuntu: apt-get install python3-pip; Fedora: dnf install python3-pip), or put uv on the PATH"
        )

    say("installing uv into .tools")
    fresh = layout.tools / "uv.new"
    shutil.rmtree(fresh, ignore_errors=True)
    options = [
        "--disable-pip-version-check",
        "--no-input",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    ]
    # Users' defaults for installing into environments say nothing about a private folder, and would refuse it.
    environment = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    environment.pop("PYTHONPATH", None)
    try:
        run(
            [*pip, "install", *options, "--target", fresh, "--requirement", lock],
            doing="install uv with pip",
            log=layout.logs / "uv.log",
            env=environment,
        )
    except CommandFailed as failure:
        shutil.rmtree(fresh, ignore_errors=True)
        if failure.looks_offline:
            raise UserError(
                "could not install uv: the package index is out of reach; connect to the network, or name a mirror "
                f"in PIP_INDEX_URL, and run the same command again (all of it: {layout.logs / 'uv.log'})"
            ) from None
        raise
    (fresh / "installed-from").write_text(digest, encoding="ascii")
    shutil.rmtree(home, ignore_errors=True)
    fresh.rename(home)
    return binary


def environment(layout: Layout) -> dict[str, str]:
    """The environment for running uv: ours, plus what pip knows and uv does not read by itself.

    uv reads neither pip's variables nor its configuration files, but a company's mirror is usually
    written down there, and so is the certificate that a proxy needs. uv's own variables win.
    """
    result = {
        key: value
        for key, value in os.environ.items()
        if key not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    }
    # Python is chosen by us, and brought into the project's own folder.
    result["UV_PYTHON_INSTALL_DIR"] = str(layout.tools / "python")
    if not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & result.keys():
        index = _pip_setting("index-url")
        if index:
            result["UV_DEFAULT_INDEX"] = index
    if "SSL_CERT_FILE" not in result:
        certificate = _pip_setting("cert")
        if certificate and Path(certificate).exists():
            result["SSL_CERT_FILE"] = certificate
    return result


def run_uv(layout: Layout, *arguments: str | os.PathLike[str], doing: str, cwd: Path | None = None) -> str:
    """Runs uv; without network, tries again with what is in uv's cache.

    Raises:
        UserError: it failed; says so in one line when the index is out of reach.
    """
    command = [ensure(layout), *arguments]
    log = layout.logs / f"{doing.replace(' ', '-').replace('/', '-')}.log"
    settings = environment(layout)
    try:
        return run(command, doing=doing, log=log, cwd=cwd, env=settings)
    except CommandFailed as failure:
        if not failure.looks_offline:
            raise
    try:
        return run(
            command,
            doing=doing,
            log=log.with_suffix(".offline.log"),
            cwd=cwd,
            env={**settings, "UV_OFFLINE": "1"},
        )
    except CommandFailed:
        raise UserError(
            f"could not {doing}: the package index is out of reach; connect to the network, or name a mirror in "
            f"UV_DEFAULT_INDEX, and run the same command again (all of it: {log})"
        ) from None


def _pip(layout: Layout) -> list[str | os.PathLike[str]] | None:
    """The command of a pip that works, or None."""
    for python in _candidates():
        if _answers([python, "-m", "pip", "--version"]):
            return [python, "-m", "pip"]
    # Debian's Python has no pip, but venv with ensurepip may be there.
    for python in _candidates():
        home = layout.tools / "pip"
        if _answers([python, "-m", "ensurepip", "--version"]) and _answers(
            [python, "-m", "venv", "--clear", str(home)]
        ):
            return [home / "bin" / "python", "-m", "pip"]
    return None


def _candidates() -> Iterator[str]:
    """Paths of the Pythons here, the running one first."""
    seen = set()
    for name in [sys.executable, *_PYTHONS]:
        path = shutil.which(name) if name else None
        if path and path not in seen:
            seen.add(path)
            yield path


def _answers(command: Sequence[str]) -> bool:
    try:
        return (
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode
            == 0
        )
    except OSError:
        return False


def _pip_setting(name: str) -> str | None:
    """A setting of pip's, from its variable or its configuration files; None if there is none, or no pip."""
    return os.environ.get("PIP_" + name.upper().replace("-", "_")) or _pip_configuration().get(name)


@functools.lru_cache(maxsize=None)
def _pip_configuration() -> dict[str, str]:
    """What pip's configuration files say for every command and for install, which wins."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = re.findall(r"^(global|install)\.([a-z-]+)='(.*)'$", done.stdout, re.MULTILINE)
    return {name: value for section, name, value in sorted(found)}
