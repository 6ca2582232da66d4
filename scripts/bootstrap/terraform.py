"""Terraform: the one on the PATH if it is new enough, else the pinned release, checked by its SHA-256.

Both tools need 1.11. Terraform 1.11 made S3 lock files stable (`use_lockfile`) and lets mocks be known at plan
(`override_during`), which the module tests need. OpenTofu 1.11 can plan and apply everything here, but has no
`override_during`, so the tests need Terraform.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from scripts.bootstrap.console import UserError, say
from scripts.bootstrap.layout import Layout

FLOOR = (1, 11)
PINNED = "1.11.4"

# From terraform_1.11.4_SHA256SUMS, as in HashiCorp's own Homebrew formula of that release.
SHA256 = {
    "darwin_amd64": "a56d5002b9f7647291faccc3dd1a70350e60fb61e4c45037629508b8fdc2575b",
    "darwin_arm64": "867e0808fa971217043e25b7a792b10720c79b1546f8a68479b74f138be73e18",
    "linux_amd64": "1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc",
    "linux_arm64": "a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633",
}

# Another place with the same folders, such as a mirror inside a company.
DOWNLOAD_URL_VARIABLE = "TERRAFORM_DOWNLOAD_URL"
DOWNLOAD_URL = "https://releases.hashicorp.com/terraform"

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_TIMEOUT_SECONDS = 30
_NEEDED = f"{FLOOR[0]}.{FLOOR[1]} or newer"


def ensure(layout: Layout, *, for_tests: bool = False) -> Path:
    """Returns the path of a Terraform (or OpenTofu) that fits, and fetches the pinned release if none is here.

    Args:
        layout: the checkout.
        for_tests: whether it has to run the module tests, which OpenTofu cannot.

    Raises:
        UserError: TERRAFORM names one that does not fit, or the pinned release cannot be fetched.
    """
    named = os.environ.get("TERRAFORM")
    too_old = []
    for name in [named] if named else ["terraform"] if for_tests else ["terraform", "tofu"]:
        path = shutil.which(name)
        version = version_of(path) if path else None
        if path and version and version >= FLOOR:
            return Path(path)
        if version:
            too_old.append(f"{name} is {'.'.join(map(str, version))}")
    if named:
        problem = f"is too old ({too_old[0]})" if too_old else "does not start"
        raise UserError(
            f"TERRAFORM={named} {problem}: name a Terraform {_NEEDED}, or unset it to have {PINNED} fetched"
        )

    binary = layout.tools / f"terraform-{PINNED}" / "terraform"
    if not binary.exists():
        say(f"{' and '.join(too_old) or 'there is no Terraform on the PATH'}; fetching {PINNED} into .tools")
        try:
            fetch(binary, platform_key())
        except UserError as error:
            raise UserError(f"{error}; or install Terraform {_NEEDED} and put it on the PATH") from None
    return binary


def environment(**more: str) -> dict[str, str]:
    """Returns our environment for running Terraform, with these variables added."""
    # Without CHECKPOINT_DISABLE it checks for updates at every start, and waits for them on a machine without
    # network. With Go's own GOGC of 100, it and its provider spend a third of their time on collecting garbage.
    return {"GOGC": "400", **os.environ, "CHECKPOINT_DISABLE": "1", **more}


def version_of(path: str) -> tuple[int, ...] | None:
    """Returns the version that a Terraform or OpenTofu reports, or None if it does not start."""
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
    """Returns this machine as HashiCorp names it, as in "linux_arm64".

    Raises:
        UserError: no release is pinned for it.
    """
    machine = (machine or platform.machine()).lower()
    key = f"{(system or platform.system()).lower()}_{_ARCHITECTURES.get(machine, machine)}"
    if key not in SHA256:
        raise UserError(f"there is no pinned Terraform for {key}")
    return key


def fetch(binary: Path, key: str) -> None:
    """Downloads the pinned release, checks it, and installs its program, or nothing.

    Args:
        binary: the file to create.
        key: which build, as from `platform_key`.

    Raises:
        UserError: the download fails, or is not the release.
    """
    base = os.environ.get(DOWNLOAD_URL_VARIABLE, DOWNLOAD_URL).rstrip("/")
    url = f"{base}/{PINNED}/terraform_{PINNED}_{key}.zip"
    try:
        # Any scheme is accepted, such as that of a file:// mirror, because the checksum decides.
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
            archive = response.read()
    except urllib.error.HTTPError as error:
        raise UserError(
            f"{url} answered {error.code} {error.reason}: is {DOWNLOAD_URL_VARIABLE} right?"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"could not download {url} ({reason}): connect to the network and try again"
        ) from None
    digest = hashlib.sha256(archive).hexdigest()
    if digest != SHA256[key]:
        raise UserError(
            f"{url} is not Terraform {PINNED} (SHA-256 {digest[:12]}…, expected {SHA256[key][:12]}…): "
            f"nothing was installed; check {DOWNLOAD_URL_VARIABLE}"
        )
    binary.parent.mkdir(parents=True, exist_ok=True)
    fresh = binary.with_suffix(".new")
    with zipfile.ZipFile(io.BytesIO(archive)) as content:
        fresh.write_bytes(content.read("terraform"))
    fresh.chmod(0o755)
    fresh.replace(binary)
