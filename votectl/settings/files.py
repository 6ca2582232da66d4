"""Reading the files that an operator hands in, and writing those that they ask for."""

import codecs
import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from votectl.errors import OperatorError


class BadFile(OperatorError):
    """A file is missing, unreadable, or not what it should be."""


def text_of(path: Path, what: str) -> str:
    """Return a file's text, without a byte order mark. Raises BadFile: it can't be read, or is not UTF-8."""
    try:
        return path.read_bytes().removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except OSError as error:
        raise BadFile(f"{what}: {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadFile(f"{what}: {path} is not UTF-8 text") from None


def load[Model: BaseModel](model: type[Model], path: Path, what: str) -> Model:
    """Return the model that a JSON file holds. ``what`` is the option that names the file, for messages.

    Raises BadFile: the file can't be read, or does not fit the model; the first wrong field is named.
    """
    try:
        return model.model_validate_json(text_of(path, what))
    except ValidationError as error:
        raise BadFile(f"{what}: {path}: {problems(error)[0]}") from None


def mapping_of(path: Path, what: str, example: str) -> dict[str, Any]:
    """Return the names and values of a TOML or JSON file. Raises BadFile: it holds something else, or a name twice."""
    text, toml = text_of(path, what), path.suffix.lower() == ".toml"
    try:
        read = tomllib.loads(text) if toml else json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{what}: {path}: {error}") from None
    if not isinstance(read, dict):
        raise BadFile(f"{what}: {path} must hold names and values, as in {example}", examples=[example])
    return read


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"it sets {', '.join(repeated)} more than once")
    return dict(pairs)


def check_place(path: Path | None) -> None:
    """Refuse a file that can't be written, before minutes of work for it. Raises BadFile."""
    if path is not None and (not path.parent.is_dir() or path.is_dir()):
        raise BadFile(f"{path} can't be written: its directory does not exist, or it is a directory")


def write(path: Path | None, content: str | BaseModel) -> None:
    """Write a text, or a model as JSON; None: nowhere. Raises BadFile: the file can't be written."""
    text = content if isinstance(content, str) else content.model_dump_json(indent=2) + "\n"
    try:
        if path is not None:
            path.write_text(text, "utf-8")
    except OSError as error:
        raise BadFile(f"{path} can't be written: {error.strerror}") from None


def problems(error: ValidationError) -> list[str]:
    """Return one line for each invalid field: its name, what is wrong, and the value."""
    found = []
    for problem in error.errors():
        kind, message = problem["type"], problem["msg"].removeprefix("Value error, ")
        value = problem["input"]
        shown = f"{value:g}" if isinstance(value, float) else repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        if kind == "extra_forbidden":
            message = "unknown field; is it misspelt?"
        elif kind == "missing":
            message = "is missing"
        elif message.startswith("Input should be "):
            message = f"must be {message.removeprefix('Input should be ')}, not {shown}"
        elif kind == "string_pattern_mismatch":
            message = f"{message.replace('String should', 'must')}, not {shown}"
        where = ".".join(map(str, problem["loc"]))
        found.append(f"{where}: {message}" if where else message)
    return found
