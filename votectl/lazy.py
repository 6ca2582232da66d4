"""A group of commands that loads a command's module only when that command runs, and none to list them."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup


class Lazy(NamedTuple):
    """The module of a command, which has it as ``app``, and its line in the list of commands."""

    module: str
    help: str


class _Commands(MutableMapping[str, Any]):
    """Commands by name. A module is loaded when its command is looked up."""

    def __init__(self, table: Mapping[str, Lazy]) -> None:
        self.table = table

    def __getitem__(self, name: str) -> Any:
        command: Any = typer.main.get_command(import_module(self.table[name].module).app)
        # A module may hold one command, several, or a whole group of the same name.
        return command.commands[name] if name in getattr(command, "commands", {}) else command

    def __iter__(self) -> Iterator[str]:
        return iter(self.table)

    def __len__(self) -> int:
        return len(self.table)

    def __contains__(self, name: object) -> bool:
        return name in self.table

    def __setitem__(self, name: str, command: Any) -> None:
        raise NotImplementedError("add the command to the table")

    def __delitem__(self, name: str) -> None:
        raise NotImplementedError("remove the command from the table")


def group_of(table: Mapping[str, Lazy]) -> type[TyperGroup]:
    """Return the class of a group with these commands."""

    class LazyGroup(TyperGroup):
        """Lists its commands without loading them."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.commands = _Commands(table)

        def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
            with formatter.section("Commands"):
                formatter.write_dl([(name, lazy.help) for name, lazy in table.items()])

    return LazyGroup
