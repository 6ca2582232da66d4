"""uv, locked by hash, installed with the pip that some Python on this machine has. uv brings Python and packages."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from scripts.bootstrap.console import CommandFailed, UserError, run, say
from scripts.bootstrap.layout import Layout

_PYTHONS = [
    sys.executable,
    "python3",
    *(f"python3.{minor}" for minor in range(15, 7, -1)),
    "/usr/bin/python3",
    "python",
]


def ensure(layout: Layout) -> Path:
    """Returns the path of uv, and installs it first if it is missing or its lock has changed.

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
    options = ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    # A user's defaults for installing into environments would refuse a private folder.
    environment = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    environment.pop("PYTHONPATH", None)
    log = layout.logs / "uv.log"
    try:
        run(
            [*pip, "install", *options, "--target", fresh, "--requirement", lock],
            doing="install uv with pip",
            log=log,
            env=environment,
        )
    except CommandFailed as failure:
        shutil.rmtree(fresh, ignore_errors=True)
        raise (
            _out_of_reach("install uv", "PIP_INDEX_URL", log) if failure.looks_offline else failure
        ) from None
    (fresh / "installed-from").write_text(digest, encoding="ascii")
    shutil.rmtree(home, ignore_errors=True)
    fresh.rename(home)
    return binary


def run_uv(layout: Layout, *arguments: str | os.PathLike[str], doing: str, cwd: Path | None = None) -> str:
    """Runs uv. Without network, it tries again with uv's cache.

    Raises:
        UserError: it failed; one line says so if the index is out of reach.
    """
    command = [ensure(layout), *arguments]
    log = layout.logs / f"{doing.replace(' ', '-').replace('/', '-')}.log"
    settings = environment(layout)
    try:
        return run(command, doing=doing, log=log, cwd=cwd, env=settings)
    except CommandFailed as failure:
        if not failure.looks_offline:
            raise
    offline = {**settings, "UV_OFFLINE": "1"}
    try:
        return run(command, doing=doing, log=log.with_suffix(".offline.log"), cwd=cwd, env=offline)
    except CommandFailed:
        raise _out_of_reach(doing, "UV_DEFAULT_INDEX", log) from None


def environment(layout: Layout) -> dict[str, str]:
    """Returns the environment for uv: ours, with the index and the certificate that pip is configured with.

    uv reads neither pip's variables nor its files, but companies configure their mirror there. uv's own variables win.
    """
    foreign = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    result = {name: value for name, value in os.environ.items() if name not in foreign}
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


def _out_of_reach(doing: str, variable: str, log: Path) -> UserError:
    return UserError(
        f"could not {doing}: the package index is out of reach; connect to the network, or name a mirror in "
        f"{variable}, and run the same command again (the whole output: {log})"
    )


def _pip(layout: Layout) -> list[str | os.PathLike[str]] | None:
    """Returns the command of a pip that works, or None."""
    pythons = list(dict.fromkeys(path for path in map(shutil.which, _PYTHONS) if path))
    for python in pythons:
        if _succeeds([python, "-m", "pip", "--version"]):
            return [python, "-m", "pip"]
    # Debian's Python has no pip, but it may have ensurepip.
    home = layout.tools / "pip"
    for python in pythons:
        if _succeeds([python, "-m", "ensurepip", "--version"]) and _succeeds(
            [python, "-m", "venv", "--clear", str(home)]
        ):
            return [home / "bin" / "python", "-m", "pip"]
    return None


def _succeeds(command: Sequence[str]) -> bool:
    try:
        return not subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False
        ).returncode
    except OSError:
        return False


def _pip_setting(name: str) -> str | None:
    """Returns a setting of pip, from its variable or its files; None if neither has it, or there is no pip."""
    return os.environ.get("PIP_" + name.upper().replace("-", "_")) or _pip_configuration().get(name)


@functools.lru_cache(maxsize=None)
def _pip_configuration() -> dict[str, str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = re.findall(r"^(global|install)\.([a-z-]+)='(.*)'$", done.stdout, re.MULTILINE)
    return {name: value for _, name, value in sorted(found)}  # install wins over global
