"""The Makefile as data."""

import re
from functools import cache

from contract.terraform_source import PROJECT


@cache
def text() -> str:
    """Return the Makefile with continued lines joined."""
    return (PROJECT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")


@cache
def commands() -> dict[str, str]:
    """Return every command that `make help` lists, with what it says."""
    return dict(re.findall(r"^([a-z][a-z0-9-]*):.*?## (.+)$", text(), re.MULTILINE))


@cache
def phony() -> frozenset[str]:
    """Return every target that is not a file and not a pattern."""
    names = " ".join(re.findall(r"^\.PHONY: (.+)$", text(), re.MULTILINE)).split()
    return frozenset(name for name in names if "$" not in name)
