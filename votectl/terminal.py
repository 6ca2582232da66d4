"""The output of commands: tables for people, JSON and CSV for programs. Text is never parsed as markup.

Titles, labels, ids, paths and the cloud's messages are untrusted text. So this console has no markup, no emoji codes
and no control characters. Only ``Text`` and styles give colour.
"""

import csv
import io
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from scripts.bootstrap.process import PIPE_CLOSED

# Wider than any table: piped output is for programs and files, and is never wrapped or cut.
PIPED_WIDTH = 100_000
# A spreadsheet treats a cell with this beginning as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001 - these are the wide forms
BYTE_ORDER_MARK = "\ufeff"


class Output(StrEnum):
    """The format of data."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def visible(text: str) -> str:
    """Return a text with control characters and invisible direction changes made visible; lines stay lines."""
    return "".join(
        character if character == "\n" or not _acts_on_the_terminal(character) else _spelled(character)
        for character in text
    )


def _acts_on_the_terminal(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or "\u202a" <= character <= "\u202e"


def _spelled(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()


def literal(text: str) -> Text:
    """Return a text in one line, for a cell or a title."""
    return Text(visible(text).replace("\n", "\\n"))


class PlainConsole(Console):
    """A console that prints every string unchanged."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as text, without markup, emoji codes and control characters."""
        options |= {"markup": False, "emoji": False, "highlight": False}
        return super().render_str(visible(text), **options)

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        """Return the output; a pipe gets no blanks at the ends of lines."""
        text = super()._render_buffer(buffer)
        return text if self.is_terminal else re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)

    def on_broken_pipe(self) -> None:
        """End quietly: the reader of the output has closed the pipe."""
        raise typer.Exit(PIPE_CLOSED)


def console(*, stderr: bool = False) -> PlainConsole:
    """Return the console for people; piped output is never cut."""
    stream = sys.stderr if stderr else sys.stdout
    return PlainConsole(
        stderr=stderr,
        markup=False,
        emoji=False,
        highlight=False,
        width=None if stream.isatty() else PIPED_WIDTH,
    )


class LivePicture(Live):
    """A picture that is redrawn in a terminal. A pipe gets only the last one."""

    def stop(self) -> None:
        """Draw the end."""
        super().stop()
        if not self.console.is_terminal:
            self.console.line()


def write(text: str) -> None:
    """Write a text for programs to standard output, unchanged."""
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise typer.Exit(PIPE_CLOSED) from None


class _TitledTable(Table):
    """A table whose title has no trailing blanks."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the title, then the table."""
        title, self.title = self.title, None
        try:
            if title is not None:
                yield Text(str(title), style="italic")
            yield from super().__rich_console__(console, options)
        finally:
            self.title = title


def table(*columns: str | Column, title: str | None = None, header: bool = True) -> Table:
    """Return a table whose cells fold, so that copied text is never cut."""
    made = [Column(column) if isinstance(column, str) else column for column in columns]
    for column in made:
        if not column.no_wrap:
            column.overflow = "fold"
    shown = None if title is None else literal(title)
    return _TitledTable(*made, title=shown, show_header=header)


def as_json(document: object) -> str:
    """Return a document for programs."""
    return json.dumps(document, ensure_ascii=False, indent=2)


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]], *, excel: bool = False) -> str:
    """Return rows as CSV (RFC 4180).

    Args:
        columns: the header.
        rows: the cells; None is an empty one.
        excel: begin with a byte order mark, and keep spreadsheets from taking texts for formulas.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_harmless(cell) if excel else cell for cell in row])
    return (BYTE_ORDER_MARK if excel else "") + text.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def emit(
    output: Output,
    picture: Iterable[Any],
    document: object,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> None:
    """Write data in the chosen format: renderables for people, a document or rows for programs."""
    match output:
        case Output.JSON:
            write(as_json(document))
        case Output.CSV:
            write(as_csv(columns, rows))
        case Output.TABLE:
            screen = console()
            for part in picture:
                screen.print(part)


def emit_fields(output: Output, picture: Iterable[Any], fields: Mapping[str, object]) -> None:
    """Write one thing with named fields; in CSV each field is a line."""
    emit(output, picture, fields, ("field", "value"), fields.items())
