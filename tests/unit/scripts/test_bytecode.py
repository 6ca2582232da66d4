"""The compiled modules of archives: valid for their source, and equal in every build."""

import importlib.machinery
import importlib.util
import json
import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import bytecode
from scripts.bootstrap.layout import HERE

TAG = "cpython-313"

# Code that other processes could compile differently: sets, attributes of a class in the order of a hash,
# constants and names that this process has interned and refers to elsewhere.
SOURCES = {
    "core/__init__.py": b"",
    "core/rules.py": b'''"""Rules."""
import json
WORDS = {"ada", "grace", "linus", "alan", "barbara"}
LIMIT, NAME, _m = 1_000_000, "__main__", "json"
class Rules:
    def __init__(self): self.ada, self.grace, self.linus, self.alan = WORDS, LIMIT, NAME, json
    def known(self, word): return word in {"ada", "grace", "linus", "alan", "barbara", 4.5, None}
''',
    "core/data.json": b"{}",
}
RULES = "core/__pycache__/rules.cpython-313.pyc"


def test_each_module_is_included_as_source_and_compiled() -> None:
    files = bytecode.with_bytecode(SOURCES, TAG)

    assert files == files | SOURCES
    assert sorted(files.keys() - SOURCES) == ["core/__pycache__/__init__.cpython-313.pyc", RULES]
    assert [name for name in sorted(files) if bytecode.is_bytecode(name)] == sorted(files.keys() - SOURCES)


def test_modules_that_no_handler_loads_are_not_compiled() -> None:
    sources = {"pydantic/v1/main.py": b"", "aws_lambda_powertools/event_handler/api.py": b""}

    assert bytecode.with_bytecode(sources, TAG) == sources


def test_python_loads_the_bytecode_with_any_date_of_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", None)  # as on Lambda; `make check` sets one
    for name, content in bytecode.with_bytecode(SOURCES, TAG).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    source = tmp_path / "core" / "rules.py"
    os.utime(source, (1_000_000_000, 1_000_000_000))
    assert importlib.util.cache_from_source(str(source)) == str(tmp_path / RULES)
    loader = importlib.machinery.SourceFileLoader("core.rules", str(source))

    # An invalid source shows that Python did not read it.
    source.write_text("not Python")
    code = loader.get_code("core.rules")

    assert code is not None
    assert code.co_filename == str(source)  # corrected: a traceback names the real file


def test_the_header_has_an_unchecked_hash_of_the_source() -> None:
    content = bytecode.with_bytecode(SOURCES, TAG)[RULES]

    assert content[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(content[4:8], "little") == 0b01
    assert content[8:16] == importlib.util.source_hash(SOURCES["core/rules.py"])
    assert marshal.loads(content[16:]).co_filename == "/var/task/core/rules.py"  # noqa: S302 - our own


def test_a_module_that_does_not_compile_fails_the_build() -> None:
    with pytest.raises(SyntaxError):
        bytecode.with_bytecode({"core/broken.py": b"def"}, TAG)


def compiled_elsewhere(hash_seed: int, order: int, folder: Path) -> dict[str, str]:
    """The digests of our functions' modules, compiled by another process in another folder and order."""
    code = """
import hashlib, json, pathlib, random, sys
root, order = pathlib.Path(sys.argv[1]), int(sys.argv[2])
sys.path.insert(0, str(root))
from scripts import bytecode
paths = sorted((root / "functions").rglob("*.py")) + sorted((root / "votectl").rglob("*.py"))
random.Random(order).shuffle(paths)
held = [compile(path.read_bytes(), str(path), "exec") for path in paths[: 20 * order]]  # more references to constants
sources = {str(path.relative_to(root)): path.read_bytes() for path in paths}
files = bytecode.with_bytecode(sources, "cpython-313")
print(json.dumps({name: hashlib.sha256(content).hexdigest() for name, content in files.items()}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(HERE.root), str(order)],
        env={"PYTHONHASHSEED": str(hash_seed)},
        cwd=folder,
        capture_output=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_bytes_depend_on_neither_process_nor_order_nor_hash_seed_nor_place(tmp_path: Path) -> None:
    first = compiled_elsewhere(hash_seed=1, order=0, folder=tmp_path)
    second = compiled_elsewhere(hash_seed=4_000_000_000, order=1, folder=HERE.root)

    assert sum(map(bytecode.is_bytecode, first)) > 50
    assert first == second
