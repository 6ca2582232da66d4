"""Terraform's side of the deployment under test. Only on the local cloud does it change things without asking."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bootstrap.layout import HERE
from e2e.conftest import ENVIRONMENT


def deploy(what: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `deploy.py` for the environment under test, with more arguments for Terraform; return what it said."""
    command = [sys.executable, str(HERE.root / "scripts" / "deploy.py"), what, ENVIRONMENT, "--", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def apply(*arguments: str) -> str:
    """Apply the environment with more arguments; return what Terraform said."""
    done = deploy("apply", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def applied(*arguments: str) -> Iterator[str]:
    """The environment with more arguments applied, and what Terraform said; afterwards as its files have it."""
    try:
        yield apply(*arguments)
    finally:
        apply()
