"""A class name has one meaning in the whole product."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCTS = ("functions", "votectl", "localcloud", "loadtest", "scripts", "benchmarks")


def test_no_class_name_is_defined_twice() -> None:
    places = defaultdict(list)
    for product in PRODUCTS:
        for path in sorted((ROOT / product).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(str(path.relative_to(ROOT)))

    assert len(places) > 100
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
