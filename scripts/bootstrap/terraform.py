"""Terraform: the one on the PATH if it is new enough, else the pinned release, its SHA-256 checked.

The floor is 1.11 for both tools. Terraform's 1.11 made S3 lock files stable (`use_lockfile`) and lets
mocks be known at plan (`override_during`), on which the module tests rest. OpenTofu 1.11 has S3 lock
files too and can plan and apply everything here, but has no `override_during`, so tests need Terraform.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import stat
import subprocess
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Sequence

from scripts.bootstrap.console import UserError, say
from scripts.bootstrap.layout import Layout

FLOOR = (1, 11)
PINNED = "1.11.4"

# From terraform_1.11.4_SHA256SUMS, as HashiCorp's own Homebrew formula of that release records them.
SHA256 = {
    "darwin_amd64": "a56d5002b9f7647291faccc3dd1a70350e60fb61e4c45037629508b8fdc2575b",
    "darwin_arm64": "867e0808fa971217043e25b7a792b10720c79b1546f8a68479b74f138be73e18",
    "linux_amd64": "1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc",
    "linux_arm64": "a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633",
}

# Another place that lays out releases the same way, such as a mirror inside a company.
DOWNLOAD_URL_VARIABLE = "TERRAFORM_DOWNLOAD_URL"
DOWNLOAD_URL = "https://releases.hashicorp.com/terraform"

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_TIMEOUT_SECONDS = 30
_FLOOR_SHOWN = ".".join(str(part) for part in FLOOR)


def ensure(layout: Layout, *, for_tests: bool = False) -> Path:
    """Returns the path of a Terraform (or OpenTofu) that fits, fetching the pinned release if none is here.

    Args:
        layout: the checkout.
        for_tests: whether it has to run the module tests, which OpenTofu cannot.

    Raises:
        UserError: TERRAFORM names one that does not fit, or the pinned release cannot be fetched.
    """
    named = os.environ.get("TERRAFORM")
    if named:
        path = shutil.which(named)
        version = version_of(path) if path else None
        if path is None or version is None:
            raise UserError(f"TERRAFORM={named} is not a Terraform that starts: correct it, or unset it")
        if version < FLOOR:
            raise UserError(
                f"TERRAFORM={named} is {_shown(version)}, and this project needs {_FLOOR_SHOWN} or newer: name a newer "
                f"one, or unset it to have {PINNED} fetched"
            )
        return Path(path)

    too_old = []
    for name in ["terraform"] if for_tests else ["terraform", "tofu"]:
        path = shutil.which(name)
        version = version_of(path) if path else None
        if path and version:
            if version >= FLOOR:
                return Path(path)
            too_old.append(f"{name} on the PATH is {_shown(version)}")

    home = layout.tools / f"terraform-{PINNED}"
    binary = home / "terraform"
    if not binary.exists():
        found = " and ".join(too_old) or "there is no Terraform on the PATH"
        say(f"{found}; {_FLOOR_SHOWN} or newer is needed, so {PINNED} is fetched into .tools")
        try:
            fetch(home, platform_key())
        except UserError as error:
            raise UserError(
                f"{error}; or install Terraform {_FLOOR_SHOWN} or newer and put it on the PATH"
            ) from None
    return binary


def environment(**more: str) -> dict[str, str]:
    """Our environment for running Terraform, with these variables added."""
    # Else it asks the network for news at every start, and waits for it on a machine without network.
    return {**os.environ, "CHECKPOINT_DISABLE": "1", **more}


def version_of(path: str) -> tuple[int, ...] | None:
    """The version that a Terraform or OpenTofu reports, or None if it does not start."""
    command = [path, "version", "-json"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment(), check=False
        )
        report = json.loads(done.stdout[done.stdout.index("{") :])
        match = re.match(r"(\d+)\.(\d+)\.(\d+)", report["terraform_version"])
    except (OSError, ValueError, KeyError):
        return None
    return tuple(int(part) for part in match.groups()) if match else None


def platform_key(system: str | None = None, machine: str | None = None) -> str:
    """This machine as HashiCorp names it, as in "linux_arm64".

    Raises:
        UserError: there is no pinned release for it.
    """
    system = (system or platform.system()).lower()
    machine = (machine or platform.machine()).lower()
    key = f"{system}_{_ARCHITECTURES.get(machine, machine)}"
    if key not in SHA256:
        raise UserError(f"there is no pinned Terraform for {key}")
    return key


def fetch(home: Path, key: str) -> None:
    """Downloads the pinned release, checks it and unpacks it into a folder, all or nothing.

    Args:
        home: the folder to create.
        key: which build, as from `platform_key`.

    Raises:
        UserError: the download fails, or is not the release.
    """
    base = os.environ.get(DOWNLOAD_URL_VARIABLE, DOWNLOAD_URL).rstrip("/")
    url = f"{base}/{PINNED}/terraform_{PINNED}_{key}.zip"
    fresh = home.with_name(home.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    archive = fresh / "terraform.zip"
    try:
        _download(url, archive)
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if digest != SHA256[key]:
            raise UserError(
                f"what {url} served is not Terraform {PINNED} (SHA-256 {digest[:12]}…, expected {SHA256[key][:12]}…): "
                f"nothing was installed; point {DOWNLOAD_URL_VARIABLE} at an honest copy"
            )
        with zipfile.ZipFile(archive) as content:
            content.extract("terraform", fresh)
        archive.unlink()
        binary = fresh / "terraform"
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        shutil.rmtree(home, ignore_errors=True)
        fresh.rename(home)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _download(url: str, target: Path) -> None:
    try:
        # The scheme is the user's choice: a file:// mirror is as good, the checksum decides.
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response, target.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(response, file)
    except urllib.error.HTTPError as error:
        raise UserError(
            f"{url} answered {error.code} {error.reason}: is {DOWNLOAD_URL_VARIABLE} right?"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"could not download {url} ({reason}): connect to the network and try again"
        ) from None


def _shown(version: Sequence[int]) -> str:
    return ".".join(str(part) for part in version)
