"""A release: the archives of one build, and one SHA-256 that stands for all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from scripts import build_zip
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import Layout


def make(layout: Layout, targets: Iterable[build_zip.BuildTarget]) -> str:
    """Builds the archives for these targets and writes their manifest; returns the release's SHA-256.

    The same sources give the same SHA-256 on every machine.

    Raises:
        UserError: an archive cannot be built.
    """
    folders = {target.name: build_zip.build_and_report(layout, target) for target in targets}
    files = {
        f"{name}/{path.name}": _digest(path)
        for name, folder in sorted(folders.items())
        for path in sorted([*folder.glob("*.zip"), folder / "manifest.json"])
    }
    _file(layout).write_text(json.dumps({"files": files}, indent=2) + "\n", encoding="utf-8")
    return _digest(_file(layout))


def folder(layout: Layout, target: build_zip.BuildTarget, expected: str) -> Path:
    """The folder of a target's archives, after every file was checked against the release.

    Args:
        layout: the checkout.
        target: the platform of the archives.
        expected: the release's SHA-256.

    Raises:
        UserError: it is another release, it has no archives for this target, or a file was changed.
    """
    file, wanted = _file(layout), layout.root / "dist" / target.name
    if not file.is_file():
        raise UserError(
            f"RELEASE={expected[:12]}… is not in dist/: put the files of `make release` there, or unset RELEASE"
        )
    if (actual := _digest(file)) != expected:
        raise UserError(
            f"dist/ holds the release {actual[:12]}…, and RELEASE asks for {expected[:12]}…: nothing is deployed"
        )
    files: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))["files"]
    mine = {name: digest for name, digest in files.items() if name.startswith(f"{target.name}/")}
    if not mine:
        raise UserError(
            f"the release {expected[:12]}… has no archives for {target.name}: `make release` builds them"
        )
    for name, digest in mine.items():
        path = layout.root / "dist" / name
        if not path.is_file() or _digest(path) != digest:
            raise UserError(f"dist/{name} is not the file of release {expected[:12]}…: nothing is deployed")
    return wanted


def _file(layout: Layout) -> Path:
    return layout.root / "dist" / "release.json"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
