"""Whether votectl accepts the commands that a text suggests."""

import shlex
from typing import Any

import typer

from votectl.cli import app


def votectl_refuses(typed: str, *, bare: bool = True) -> str | None:
    """Return why votectl refuses a command, without running it.

    ``bare`` allows a command's name alone, which is a mention of it.
    """
    command: Any = typer.main.get_command(app)
    arguments = shlex.split(typed)
    context = command.make_context("votectl", [], resilient_parsing=True)
    try:
        while hasattr(command, "commands"):
            command = command.commands[arguments.pop(0)]
        if bare and not arguments:
            return None
        command.make_context("votectl", arguments, parent=context)
    except KeyError as error:
        return f"there is no command {error}"
    except Exception as error:  # typer carries its own click, whose errors have no public name
        return f"{type(error).__name__}: {error}"
    return None
