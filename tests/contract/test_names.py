"""A class name has one meaning in the whole product, and docstrings name only what exists."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCTS = ("functions", "votectl", "localcloud", "loadtest", "scripts", "benchmarks")


def sources() -> list[Path]:
    """Return the modules of the product."""
    return [path for product in PRODUCTS for path in sorted((ROOT / product).rglob("*.py"))]


def classes() -> Iterator[tuple[ast.ClassDef, str]]:
    """Yield each class with its file."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                yield node, str(path.relative_to(ROOT))


def members(node: ast.ClassDef) -> set[str]:
    """Return the names of a class's methods and fields."""
    fields = {
        part.target.id
        for part in node.body
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }
    return fields | {part.name for part in node.body if isinstance(part, ast.FunctionDef)}


def test_no_class_name_is_defined_twice() -> None:
    places = defaultdict(list)
    for node, place in classes():
        places[node.name].append(place)

    assert len(places) > 100
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_docstrings_name_existing_methods() -> None:
    known = {node.name: members(node) for node, _ in classes()}
    named = [
        (str(path.relative_to(ROOT)), *match.groups())
        for path in sources()
        for match in re.finditer(r"``(?:[a-z_]+\.)*([A-Z]\w+)\.([a-z]\w*)``", path.read_text())
    ]

    assert len(named) > 20
    assert [(path, name, member) for path, name, member in named if member not in known.get(name, ())] == []
