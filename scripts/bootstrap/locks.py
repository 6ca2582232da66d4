"""Compiles requirements/*.in into hash-locked requirements/*.txt."""

from __future__ import annotations

from scripts.bootstrap import uv
from scripts.bootstrap.console import say
from scripts.bootstrap.layout import Layout

# In this order: dev.in is constrained by lambda.txt. uv itself has to install on whatever Python a machine has.
LOCKS = {"lambda": "3.13", "dev": "3.13", "localcloud": "3.13", "scan": "3.13", "tools": "3.8"}


def compile_all(layout: Layout, *, upgrade: bool) -> None:
    """Writes every lock anew.

    Args:
        layout: the checkout.
        upgrade: take newer versions; otherwise a pin changes only where its .in file asks for it.

    Raises:
        UserError: requirements that cannot be met together, or no network.
    """
    for name, python in LOCKS.items():
        say(f"locking requirements/{name}.in")
        # Universal: one lock for Linux and macOS, on both architectures. No header and no index: a lock
        # should read the same wherever it was compiled.
        options = [
            "--universal",
            "--generate-hashes",
            "--no-header",
            "--no-python-downloads",
            "--python-version",
            python,
        ]
        if upgrade:
            options.append("--upgrade")
        files = ["--output-file", f"{name}.txt", f"{name}.in"]
        uv.run_uv(
            layout,
            "pip",
            "compile",
            "--quiet",
            *options,
            *files,
            doing=f"lock {name}.in",
            cwd=layout.requirements,
        )
