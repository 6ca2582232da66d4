"""Terraform's files as data, for tests that compare them with the code."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

PROJECT = Path(__file__).resolve().parents[2]
INFRA = PROJECT / "infra"


@cache
def parsed(path: Path) -> dict[str, Any]:
    """Return a Terraform file as python-hcl2 reads it, without the quotes that it leaves around strings."""
    with path.open(encoding="utf-8") as file:
        return dict(_plain(hcl2.load(file)))


def blocks(path: Path, kind: str) -> dict[str, dict[str, Any]]:
    """Return the labelled blocks of one kind, by label: ``blocks(main, "module")["vote_writer"]``."""
    return {label: body for block in parsed(path).get(kind, []) for label, body in block.items()}


def resources(path: Path, kind: str) -> dict[str, dict[str, Any]]:
    """Return the resources of one type, by name: ``resources(main, "aws_api_gateway_resource")["poll"]``."""
    return {
        name: body
        for block in parsed(path).get("resource", [])
        for type_, named in block.items()
        for name, body in named.items()
        if type_ == kind
    }


def root_modules() -> dict[str, dict[str, Any]]:
    """Return the module calls of the root module, by name."""
    return blocks(INFRA / "main.tf", "module")


def root_variables() -> dict[str, dict[str, Any]]:
    """Return the variables of the root module, by name."""
    return blocks(INFRA / "variables.tf", "variable")


def object_attributes(variable: dict[str, Any]) -> set[str]:
    """Return the names of all attributes in a variable's object type, nested ones too; none for other types."""
    return set(re.findall(r"(\w+) = ", str(variable["type"])))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_plain(k): _plain(v) for k, v in value.items() if not str(k).startswith("__")}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value
