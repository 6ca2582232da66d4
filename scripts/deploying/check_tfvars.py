"""Finds settings in tfvars files that no variable has.

Terraform converts what a file gives to the variable's type, and drops what an object type does not know without a
word: a misspelt `batchsize` deploys the default. A variable that is not declared gets a mere warning.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hcl2
from lark.exceptions import LarkError

from scripts.bootstrap.console import UserError, say

# What may stand below a setting: its attributes, what its elements are made of, or nothing that has a name.
type Shape = Mapping[str, "Shape"] | "Elements" | None

_CALL = re.compile(r"(\w+)\((.*)\)", re.DOTALL)


class Elements:
    """Values of one shape each, under keys of the user's own."""

    def __init__(self, shape: Shape) -> None:
        """Take the shape."""
        self.shape = shape


def check(file: Path, variables: Path) -> None:
    """Hold a tfvars file against the variables that are declared. A broken file is left to Terraform's own message.

    Raises:
        UserError: the file sets something that is not there; says what may have been meant.
    """
    try:
        values = _parsed(file)
    except (OSError, ValueError, LarkError):
        say(f"{file.name} could not be read, so it was not checked for misspelt settings")
        return
    found = unknown(values, shapes(variables))
    problems = [f"  {'.'.join(path)}: {_advice(path[-1], known)}" for path, known in found]
    if problems:
        raise UserError(
            f"{file.name} sets what {variables.parent.name}/{variables.name} does not have, and Terraform would pass "
            "over it:\n" + "\n".join(problems)
        )


def shapes(variables: Path) -> dict[str, Shape]:
    """Return the shape of each variable that a Terraform file declares."""
    return {
        _unquoted(name): _shape(str(body.get("type", "")))
        for block in _parsed(variables).get("variable", [])
        for name, body in block.items()
    }


def unknown(
    values: Any, shape: Shape, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield the path of each name that the shape does not have, and the names that it has there."""
    if isinstance(shape, Elements):
        below = values.values() if isinstance(values, dict) else values if isinstance(values, list) else []
        for value in below:
            yield from unknown(value, shape.shape, path)
    elif shape is not None and isinstance(values, dict):
        for name, value in values.items():
            if name.startswith("__"):  # comments, as python-hcl2 hands them over
                continue
            here = (*path, _unquoted(name))
            if here[-1] in shape:
                yield from unknown(value, shape[here[-1]], here)
            else:
                yield here, sorted(shape)


def _parsed(file: Path) -> dict[str, Any]:
    with file.open(encoding="utf-8") as opened:
        return dict(hcl2.load(opened))


def _shape(type_: str) -> Shape:
    """Read a type expression as python-hcl2 prints it: on one line, in ``${}`` unless it is a single word."""
    text = type_.removeprefix("${").removesuffix("}") if type_.startswith("${") else type_
    call = _CALL.fullmatch(text.strip())
    if call is None:
        return None
    kind, arguments = call.groups()
    if kind == "object":
        attributes = (part.partition("=") for part in _parts(arguments.strip()[1:-1]))
        return {_unquoted(name.strip()): _shape(inner.strip()) for name, _, inner in attributes}
    inner = _shape(next(_parts(arguments)))
    if kind == "optional" or inner is None:
        return inner
    return Elements(inner)


def _parts(text: str) -> Iterator[str]:
    """Split at the commas that no bracket and no quotes hold."""
    depth, start, quoted = 0, 0, False
    for position, character in enumerate(text):
        if character == '"' and text[position - 1 : position] != "\\":
            quoted = not quoted
        elif quoted:
            continue
        elif character in "({[":
            depth += 1
        elif character in ")}]":
            depth -= 1
        elif character == "," and depth == 0:
            yield text[start:position]
            start = position + 1
    if text[start:].strip():
        yield text[start:]


def _unquoted(name: str) -> str:
    return name.removeprefix('"').removesuffix('"')


def _advice(name: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(known)}"
