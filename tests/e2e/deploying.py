"""Terraform's side of the deployment under test. Only on the local cloud does it change things without asking."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.conftest import ENVIRONMENT


def deploy(what: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `deploy.py` for the environment under test, with more arguments for Terraform; return its output."""
    command = [sys.executable, "-m", "scripts", "deploying.deploy", what, ENVIRONMENT, "--", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def apply(*arguments: str) -> str:
    """Apply the environment with more arguments; return Terraform's output.

    If the local cloud fails, the apply is repeated, as an operator would do, and both outputs are returned: tests are
    about the plan and about votes, not about failures of an emulator.
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
    """Apply the environment with more arguments and yield Terraform's output; afterwards apply its files again."""
    try:
        yield apply(*arguments)
    finally:
        apply()
