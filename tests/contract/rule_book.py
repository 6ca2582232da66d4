"""Checks planned resources against AWS's documented limits.

Two sources. The constraints of an operation's parameters (length, pattern, range, allowed values) come from botocore's
service models. Limits that the models do not state are in aws_limits.json, each with its source.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from contract.everything import Resource

BOOK = json.loads(Path(__file__).with_name("aws_limits.json").read_text(encoding="utf-8"))

# What the mocked provider answers for an attribute that only AWS knows: eight random characters, or zero.
_MOCKED = re.compile(r"[a-z0-9]{8}")
_NUMBERS = ("integer", "long", "float", "double")


class Finding(NamedTuple):
    """A checked constraint, and the error if the value breaks it."""

    subject: str
    problem: str | None


def findings(resource: Resource) -> Iterator[Finding]:
    """Check a resource against the operation that creates it."""
    rule = BOOK["resources"][resource.type]
    yield from parameters(rule["operation"], resource.values, rule.get("names", {}), str(resource))


def parameters(
    operation: str, values: Mapping[str, Any], names: Mapping[str, str], subject: str
) -> Iterator[Finding]:
    """Check values against an operation's parameters.

    Args:
        operation: service and operation, and the members to go down to, as in "kinesis.CreateStream".
        values: what becomes parameters, in any spelling: function_name is FunctionName.
        names: parameters that have another name than the value, by the value's path.
        subject: what the findings are about.
    """
    service, name, *path = operation.split(".")
    shape: Any = _service(service).operation_model(name).input_shape
    for member in path:
        shape = shape.members[member]
    yield from _checked(values, shape, names, "", subject)


@cache
def _service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)


def _checked(
    value: Any, shape: Shape, names: Mapping[str, str], path: str, subject: str
) -> Iterator[Finding]:
    """Check a planned value against the shape of the parameter that it becomes."""
    if isinstance(shape, StructureShape) and {"Quantity", "Items"} <= set(shape.members):
        shape = shape.members["Items"]
    if isinstance(shape, StructureShape):
        # A block is planned as a list of one.
        for block in value if isinstance(value, list) else [value]:
            yield from _members(block, shape, names, path, subject)
        return
    if isinstance(shape, ListShape) and isinstance(value, list):
        yield from _in_range(len(value), shape.metadata, f"{subject}: {path}", "elements")
        for item in value:
            yield from _checked(item, shape.member, names, path, subject)
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        yield from _in_range(len(value), shape.metadata, f"{subject}: {path}", "entries")
        for key, item in value.items():
            yield from _checked(key, shape.key, names, f"{path} (key)", subject)
            yield from _checked(item, shape.value, names, f"{path}.{key}", subject)
    elif isinstance(shape, StringShape) and isinstance(value, str):
        yield from _text(value, shape, f"{subject}: {path}")
    elif (
        shape.type_name in _NUMBERS
        and isinstance(value, int | float)
        and value
        and not isinstance(value, bool)
    ):
        yield from _in_range(value, shape.metadata, f"{subject}: {path}", "")


def _members(
    block: Any, shape: StructureShape, names: Mapping[str, str], path: str, subject: str
) -> Iterator[Finding]:
    if not isinstance(block, dict):
        return
    members = {_plain(name): member for name, member in shape.members.items()}
    for attribute, value in block.items():
        if value in (None, "", [], {}):
            continue
        inner = f"{path}.{attribute}".removeprefix(".")
        name = _plain(names.get(inner, attribute))
        member = members.get(name) or members.get(name + "s")
        if member is not None:
            yield from _checked(value, member, names, inner, subject)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _text(text: str, shape: StringShape, subject: str) -> Iterator[Finding]:
    if _MOCKED.fullmatch(text):
        return
    yield from _in_range(len(text), shape.metadata, subject, "characters")
    pattern = shape.metadata.get("pattern")
    if pattern:
        fits = re.fullmatch(_in_python(pattern), text, re.DOTALL)
        yield Finding(subject, None if fits else f"{text!r} does not match {pattern}")
    if shape.enum:
        yield Finding(
            subject, None if text in shape.enum else f"{text!r} is not one of {', '.join(shape.enum)}"
        )


def _in_python(pattern: str) -> str:
    """Return a model's pattern as Python reads it: no Unicode classes (any character here), no surrogate pairs."""
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    return re.sub(r"\\p\{\w+\}", r"\\w\\W", pattern)


def _in_range(number: float, metadata: Mapping[str, Any], subject: str, unit: str) -> Iterator[Finding]:
    least, most = metadata.get("min"), metadata.get("max")
    if least is None and most is None:
        return
    fits = (least is None or number >= least) and (most is None or number <= most)
    yield Finding(subject, None if fits else f"{number} {unit}: it must be from {least} to {most}")
