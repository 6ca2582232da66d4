"""Terraform's side of the deployment under test. Only on the local cloud does it change things without asking."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.conftest import ENVIRONMENT


def deploy(what: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `deploy.py` for the environment under test, with more arguments for Terraform; return what it said."""
    command = [sys.executable, "-m", "scripts", "deploying.deploy", what, ENVIRONMENT, "--", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def apply(*arguments: str) -> str:
    """Apply the environment with more arguments; return what Terraform said.

    What a local cloud failed at is asked for once more, as an operator would, and both answers are returned: a
    test is about what was planned and about what became of votes, not about an emulator's moods.
    """
    done = deploy("apply", *arguments)
    said = done.stdout + done.stderr
    if done.returncode:
        done = deploy("apply", *arguments)
        said += f"\n--- applied once more ---\n{done.stdout}{done.stderr}"
        logging.getLogger(__name__).warning(said)
    assert done.returncode == 0, said
    return said


@contextmanager
def applied(*arguments: str) -> Iterator[str]:
    """The environment with more arguments applied, and what Terraform said; afterwards as its files have it."""
    try:
        yield apply(*arguments)
    finally:
        apply()
