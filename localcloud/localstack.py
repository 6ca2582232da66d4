"""LocalStack in Docker as the local cloud: for machines that have both, and a second opinion on LocalEmu.

Its image requires a licence from 2026.3 on; 4.14.0 is the last that starts without one. It emulates all services,
DynamoDB included, and runs functions in separate containers.
"""

import shutil
import subprocess

from localcloud.errors import NotInstalledError, StartFailedError
from localcloud.settings import CloudSettings

IMAGE = "localstack/localstack:4.14.0"


def start(settings: CloudSettings) -> str:
    """Start the container; returns its name.

    Raises:
        NotInstalledError: no Docker engine answers.
        StartFailedError: Docker could not start it.
    """
    if shutil.which("docker") is None or _docker("info").returncode:
        raise NotInstalledError(
            "LocalStack needs a running Docker engine; without one, use --emulator localemu"
        )
    name = f"votestream-localcloud-{settings.port}"
    done = _docker(
        *("run", "--detach", "--rm", "--name", name),
        *("--publish", f"127.0.0.1:{settings.port}:4566"),
        # It starts the functions' containers through the engine that runs itself.
        *("--volume", "/var/run/docker.sock:/var/run/docker.sock"),
        IMAGE,
    )
    if done.returncode:
        raise StartFailedError("Docker could not start LocalStack:", done.stderr.splitlines())
    return name


def stop(name: str) -> None:
    """Stop the container, which removes it; no error if it does not exist."""
    _docker("stop", "--time", "5", name)


def last_lines(name: str) -> list[str]:
    """The end of the container's log."""
    done = _docker("logs", "--tail", "15", name)
    return (done.stdout + done.stderr).splitlines()


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
