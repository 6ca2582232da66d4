"""Builds the functions' archives for Lambda: the same inputs give the same bytes on any machine.

One zip per function goes to dist/<target>/ with a manifest.json that Terraform reads. A deployment changes a function
only if its code has changed, because the bytes are repeatable:

- dependencies are the hash-locked wheels of requirements/lambda.txt, for the target's platform and Python;
- entries are sorted and carry one fixed date and mode; nothing of this machine is packed;
- modules are compiled here, in a form that knows neither dates nor places (bytecode.py); found .pyc files stay out;
- the zip is written here, byte by byte, and compressed by libdeflate at a locked version. Python's own zlib is not
used, because builds of Python differ in it (zlib, zlib-ng, vendors' patches). Zopfli is not used either: it computes
with floating point and so differs between processors (github.com/google/zopfli/issues/20).

Tests, type stubs, web pages and installers' notes are left out. Code that a library may load lazily stays: its absence
would show in production only.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.metadata
import json
import platform
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import deflate

from scripts import bytecode
from scripts.bootstrap import process, uv
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import HERE, Layout

PYTHON = "3.13"
_CACHE_TAG = "cpython-313"  # the same, as bytecode's file names spell it

# Lambda's own limits: the size of a directly uploaded archive, and its unpacked size.
MOST_ARCHIVE_BYTES = 50 * 1024 * 1024
MOST_UNZIPPED_BYTES = 250 * 1024 * 1024

# Cold start downloads the archive.
BUDGET_BYTES = 5_000_000

# Functions that import only the standard library and their own packages: their archives have no dependencies, and their
# own budget.
STANDALONE_BUDGETS = {"ingress": 1_000_000}

# libdeflate's levels end at 12; the whole set takes about two seconds there, and is 3 % smaller than at 9.
_LEVEL = 12

# Files that a handler never reads. METADATA and licences stay: Amazon Inspector finds vulnerable packages by them.
_DROPPED_FOLDERS = {"__pycache__", "bin", "test", "tests", "swagger_ui"}
_DROPPED_SUFFIXES = {".pyc", ".pyi"}
_DROPPED_NAMES = {".lock", "py.typed"}
_KEPT_METADATA = {"METADATA", "licenses", "LICENSE", "LICENSE.txt"}


class OverBudget(UserError):
    """An archive has outgrown its budget."""


@dataclass(frozen=True)
class BuildTarget:
    """The platform of archives.

    Attributes:
        name: folder in dist/.
        architecture: as Lambda spells it, "arm64" or "x86_64".
        platform: as uv spells it; None for the machine that builds.
    """

    name: str
    architecture: str
    platform: str | None

    @property
    def identity(self) -> str:
        """The identity of this target's archives."""
        return self.platform or f"{sys.platform} {platform.machine()}"


@dataclass(frozen=True)
class Entry:
    """A file in archives, compressed once for all of them."""

    crc: int
    size: int
    method: int
    data: bytes

    @classmethod
    def of(cls, content: bytes) -> Entry:
        """Compresses content, unless storing it is shorter."""
        packed = bytes(deflate.deflate_compress(content, _LEVEL)) if content else b""
        shorter = len(packed) < len(content)
        return cls(zlib.crc32(content), len(content), 8 if shorter else 0, packed if shorter else content)


def target_named(name: str) -> BuildTarget:
    """Returns the target for "arm64", "x86_64" or "host".

    Raises:
        UserError: no such target, or Lambda has no architecture like this machine's.
    """
    # Lambda's Python 3.13 runs on Amazon Linux 2023 (glibc 2.34), so wheels for glibc 2.28 start there.
    if name == "arm64":
        return BuildTarget(name, "arm64", "aarch64-manylinux_2_28")
    if name == "x86_64":
        return BuildTarget(name, "x86_64", "x86_64-manylinux_2_28")
    if name != "host":
        raise UserError(
            f"there is no target {name}: choose arm64, x86_64 or host", examples=["arm64", "x86_64", "host"]
        )
    machine = {"aarch64": "arm64", "amd64": "x86_64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    if machine not in ("arm64", "x86_64"):
        raise UserError(f"Lambda runs on arm64 and x86_64, and this machine is {machine}")
    return BuildTarget(name, machine, None)


def find_functions(folder: Path) -> list[str]:
    """The functions, which are the packages with a handler.py, sorted.

    Raises:
        UserError: the folder has no function.
    """
    names = sorted(handler.parent.name for handler in folder.glob("*/handler.py"))
    if not names:
        raise UserError(f"there is no function in {folder}: a function is a folder with a handler.py")
    return names


def runtime_files(folder: Path) -> dict[str, Path]:
    """The files of a folder that a handler may need: path in the archive to path on disk, in any order."""
    found = {}
    for path in folder.rglob("*"):
        name = PurePosixPath(path.relative_to(folder))
        if path.is_file() and _is_needed(name):
            found[str(name)] = path
    return found


def _is_needed(name: PurePosixPath) -> bool:
    if (
        name.name in _DROPPED_NAMES
        or name.suffix in _DROPPED_SUFFIXES
        or _DROPPED_FOLDERS & set(name.parts[:-1])
    ):
        return False
    if name.parts[0].endswith(".egg-info"):
        return False
    return not name.parts[0].endswith(".dist-info") or name.parts[1] in _KEPT_METADATA


def sources_of[T](function: str, functions: Iterable[str], sources: Mapping[str, T]) -> dict[str, T]:
    """The project's own files for one function: its package and everything that belongs to no function."""
    others = set(functions) - {function}
    return {name: path for name, path in sources.items() if PurePosixPath(name).parts[0] not in others}


def inputs_digest(target: BuildTarget, lock: Path, sources: Mapping[str, Path]) -> str:
    """SHA-256 over all inputs of the archives, without dates and paths."""
    tool = importlib.metadata.version("deflate")
    parts = [
        target.identity.encode(),
        platform.python_version().encode(),
        tool.encode(),
        Path(__file__).read_bytes(),
        Path(bytecode.__file__).read_bytes(),
        lock.read_bytes(),
    ]
    for name in sorted(sources):
        parts += [name.encode(), sources[name].read_bytes()]
    # Hashed one by one first, so that no byte can move from one part to the next unnoticed.
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def zip_bytes(entries: Mapping[str, Entry]) -> bytes:
    """A zip file with these entries, sorted by name.

    Written out here because zipfile compresses with Python's zlib and cannot take compressed data.
    Format: APPNOTE.TXT, sections 4.3.7 (local header), 4.3.12 (central directory) and 4.3.16 (its end).
    """
    made_by, needed, utf8 = 3 << 8 | 20, 20, 0x800  # 3: Unix, so that modes count
    midnight, first_day = 0, 1 << 5 | 1  # 1980-01-01, the oldest date that zip can say
    mode = 0o100644 << 16
    body, directory = bytearray(), bytearray()
    for name in sorted(entries):
        entry, path = entries[name], name.encode()
        common = struct.pack(
            "<HHHHHIIIHH",
            needed, utf8, entry.method, midnight, first_day, entry.crc, len(entry.data), entry.size, len(path), 0,
        )  # fmt: skip
        directory += b"PK\x01\x02" + struct.pack("<H", made_by) + common
        directory += struct.pack("<HHHII", 0, 0, 0, mode, len(body)) + path
        body += b"PK\x03\x04" + common + path + entry.data
    count = len(entries)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory + end)


def code_digest(entries: Mapping[str, Entry]) -> str:
    """SHA-256, in base64, of a function's behaviour: its archive without bytecode, and the settings of the bytecode.

    Terraform deploys if it changes. Bytecode differs between releases of Python 3.13, and two machines with two of them
    must not redeploy the same code in turns.
    """
    code = {name: entry for name, entry in entries.items() if not bytecode.is_bytecode(name)}
    return _digest(zip_bytes(code) + Path(bytecode.__file__).read_bytes())


def check_budget(file: str, size: int, entries: Mapping[str, Entry], budget: int) -> None:
    """Fails if an archive is too big, and names its largest files.

    Raises:
        OverBudget: it is too big.
    """
    unzipped = sum(entry.size for entry in entries.values())
    if unzipped > MOST_UNZIPPED_BYTES:
        raise OverBudget(f"{file} unpacks to {unzipped:,} bytes, and Lambda takes {MOST_UNZIPPED_BYTES:,}")
    budget = min(budget, MOST_ARCHIVE_BYTES)
    if size <= budget:
        return
    largest = sorted(entries.items(), key=lambda item: (-len(item[1].data), item[0]))[:10]
    lines = [f"  {len(entry.data):>9,}  {name}" for name, entry in largest]
    raise OverBudget(
        f"{file} has {size:,} bytes, over its budget of {budget:,}; its ten largest files, compressed:\n"
        + "\n".join(lines)
    )


def install_dependencies(layout: Layout, target: BuildTarget, folder: Path) -> None:
    """Installs the locked requirements for a target into a folder.

    Raises:
        UserError: they cannot be installed.
    """
    options: list[str | Path] = [
        "--target",
        folder,
        "--python",
        sys.executable,
        "--only-binary",
        ":all:",
        "--require-hashes",
    ]
    if target.platform:
        options += ["--python-platform", target.platform, "--python-version", PYTHON]
    lock = layout.requirements / "lambda.txt"
    uv.run_uv(layout, "pip", "install", *options, "-r", lock, doing=f"install lambda.txt for {target.name}")


def is_current(folder: Path, inputs: str) -> bool:
    """Whether a folder holds the intact archives of these inputs."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        return manifest["inputs_sha256"] == inputs and all(
            _digest((folder / function["file"]).read_bytes()) == function["sha256_base64"]
            for function in manifest["functions"].values()
        )
    except (OSError, ValueError, KeyError):
        return False


def build(layout: Layout, target: BuildTarget, *, budget: int = BUDGET_BYTES) -> tuple[Path, bool]:
    """Builds the archives of a target, unless current ones exist.

    Returns:
        The folder, and whether anything was built.

    Raises:
        UserError: no functions, requirements that cannot be installed, or an archive over its budget.
    """
    functions_folder = layout.root / "functions"
    functions = find_functions(functions_folder)
    sources = runtime_files(functions_folder)
    inputs = inputs_digest(target, layout.requirements / "lambda.txt", sources)
    folder = layout.root / "dist" / target.name
    if is_current(folder, inputs):
        return folder, False

    with tempfile.TemporaryDirectory() as temporary:
        install_dependencies(layout, target, Path(temporary))
        dependencies = _compiled_entries(runtime_files(Path(temporary)))
    own = _compiled_entries(sources)

    archives: dict[str, bytes] = {}
    code_digests: dict[str, str] = {}
    for function in functions:
        standalone = function in STANDALONE_BUDGETS
        entries = sources_of(function, functions, own) | ({} if standalone else dependencies)
        archives[f"{function}.zip"] = zip_bytes(entries)
        code_digests[f"{function}.zip"] = code_digest(entries)
        check_budget(
            f"{function}.zip",
            len(archives[f"{function}.zip"]),
            entries,
            STANDALONE_BUDGETS.get(function, budget),
        )

    manifest = {
        "architecture": target.architecture,
        "python": PYTHON,
        "inputs_sha256": inputs,
        "functions": {
            Path(file).stem: {
                "file": file,
                "sha256_base64": _digest(content),
                "code_sha256_base64": code_digests[file],
                "bytes": len(content),
            }
            for file, content in archives.items()
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    for stale in set(folder.glob("*.zip")) - {folder / file for file in archives}:
        stale.unlink()
    for file, content in archives.items():
        _replace(folder / file, content)
    # Last, so that an interrupted build does not look current.
    _replace(folder / "manifest.json", (json.dumps(manifest, indent=2) + "\n").encode())
    return folder, True


def _compiled_entries(files: Mapping[str, Path]) -> dict[str, Entry]:
    contents = {name: path.read_bytes() for name, path in files.items()}
    compiled = bytecode.with_bytecode(contents, _CACHE_TAG)
    return {name: Entry.of(content) for name, content in compiled.items()}


def _digest(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(content)
    fresh.replace(path)


def build_and_report(layout: Layout, target: BuildTarget) -> Path:
    """Builds the archives of a target, prints their sizes, and returns their folder.

    Raises:
        UserError: see `build`.
    """
    folder, built = build(layout, target)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    print(f"{layout.shown(folder)} ({target.architecture}, {'built' if built else 'up to date'})")
    for function in manifest["functions"].values():
        prefix = base64.b64decode(function["sha256_base64"]).hex()[:12]
        print(f"  {function['file']:<24} {function['bytes']:>10,} bytes  sha256 {prefix}", flush=True)
    return folder


def main(arguments: list[str] | None = None) -> int:
    """Builds the asked target; returns 1 after a clear message if it cannot."""
    parser = argparse.ArgumentParser(description="Build the functions' archives.")
    parser.add_argument("target", nargs="?", default="arm64", help="arm64 (default), x86_64 or host")
    asked = parser.parse_args(arguments)
    try:
        build_and_report(HERE, target_named(asked.target))
    except UserError as error:
        print(f"build_zip: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    process.run("scripts.build_zip:main")
