"""The subject of the checks: a deployment, its tfvars, and clients."""

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.config import Config

from scripts.bootstrap.layout import HERE
from votectl.deployment import LOCAL, Deployment
from votectl.doctor.findings import Finding, ok, warning
from votectl.doctor.quotas import Needed
from votectl.settings.deployment import DeploymentSettings as Wanted
from votectl.settings.files import BadFile
from votectl.settings.tfvars import ENVIRONMENTS

PYTHON = (3, 13)

# A check without an answer must not delay the screen.
_BRIEF = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})

# boto3's default session does not support creating clients in several threads.
_making = threading.Lock()


@cache
def _client(service: str) -> Any:
    with _making:
        return boto3.client(service, config=_BRIEF)  # type: ignore[call-overload] # any service


def cloud_client(service: str) -> Any:
    """Return a client of this process, the same for every check."""
    return _client(service)


class Asking(Protocol):
    """The subject of a check that needs no deployment."""

    @property
    def client(self) -> Callable[[str], Any]:
        """Returns a client by its service's name."""
        ...


@dataclass(frozen=True)
class Nowhere:
    """The subject if no deployment was found."""

    client: Callable[[str], Any] = cloud_client


@dataclass(frozen=True)
class Site:
    """A deployment, and what this checkout knows of it.

    Attributes:
        deployment: the deployment's parameter.
        wanted: the settings in its tfvars; None if this checkout has no tfvars for it.
        why_not_wanted: the reason why these settings are unknown.
        needed: the needs of the tfvars.
        client: returns a client by its service's name.
        artifacts: the folder with the archives' manifest.
        architecture: the intended instruction set of the functions; None if it is unknown.
    """

    deployment: Deployment
    wanted: Wanted | None
    why_not_wanted: str = ""
    needed: Needed | None = None
    client: Callable[[str], Any] = cloud_client
    artifacts: Path = field(default_factory=lambda: HERE.root / "dist" / "arm64")
    architecture: str | None = None

    @property
    def name_prefix(self) -> str:
        """The prefix of all names of the deployment."""
        return self.deployment.vote_writer_function.removesuffix("-vote-writer")

    @property
    def emulated(self) -> bool:
        """Whether this is an emulator, where quotas and prices mean nothing."""
        return bool(os.environ.get("AWS_ENDPOINT_URL"))

    @property
    def make_apply(self) -> str:
        """The command that brings the deployment in line with this checkout."""
        return f"`make apply ENV={self.deployment.environment}`"


def site_of(deployment: Deployment) -> Site:
    """Return a deployment, with the tfvars and archives of this checkout."""
    needed, why = None, ""
    try:
        needed = Needed.by(ENVIRONMENTS / f"{deployment.environment}.tfvars")
    except BadFile as error:
        why = str(error)
    wanted = needed.wanted if needed else None
    architecture = wanted.lambda_architecture if wanted else None
    if deployment.environment == LOCAL:
        # Its functions run on this machine, and `make` builds for it.
        return Site(deployment, wanted, why, needed, artifacts=HERE.root / "dist" / "host")
    folder = HERE.root / "dist" / (architecture or "arm64")
    return Site(deployment, wanted, why, needed, artifacts=folder, architecture=architecture)


def manifest(site: Site) -> Mapping[str, Any]:
    """Return the facts of this checkout's archives, by function; empty without archives."""
    try:
        read: Mapping[str, Any] = json.loads((site.artifacts / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    functions: Mapping[str, Any] = read.get("functions", {})
    return functions


def compared(
    site: Site, what: str, before: str, is_now: Mapping[str, Any], should: Mapping[str, Any]
) -> Finding:
    """Compare settings with the tfvars. Without tfvars, only report them."""
    different = [
        f"{name} is {is_now.get(name)}, and should be {value}"
        for name, value in should.items()
        if is_now.get(name) != value
    ]
    if different:
        return warning(what, "; ".join(different), f"{site.make_apply}, or correct the tfvars")
    settings = ", ".join(f"{name} {value}" for name, value in is_now.items() if value is not None)
    return ok(what, f"{before}: {settings}")
