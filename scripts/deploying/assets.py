"""The files of a published release: archives for both architectures, checksums, bill of materials, notes."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts import build_zip
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import Layout

CHECKSUMS = "SHA256SUMS"
NOTES = "notes.md"

_REQUIREMENT = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?P<hashes>(?: \\\n +--hash=\S+)+)", re.MULTILINE
)


def make(layout: Layout, tag: str) -> Path:
    """Builds the files of a release into dist/release; returns that folder.

    The notes are not a file of the release: they are outside the folder, in dist/notes.md.

    Raises:
        UserError: the tag is not this version, CHANGELOG.md has no section for it, or an archive cannot be built.
    """
    version = version_of(layout)
    if tag != f"v{version}":
        raise UserError(
            f"tag {tag!r} is not this version: pyproject.toml says {version}, so tag it v{version}"
        )
    notes = notes_of(layout, version)
    folder = layout.root / "dist" / "release"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("arm64", "x86_64"):
        built = build_zip.build_and_report(layout, build_zip.target_named(name))
        for archive in sorted(built.glob("*.zip")):
            shutil.copyfile(archive, folder / f"{archive.stem}-{name}.zip")
        shutil.copyfile(built / "manifest.json", folder / f"manifest-{name}.json")
    _write_json(folder / "sbom.cdx.json", bill_of_materials(layout, version))
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())
    ]
    (folder / CHECKSUMS).write_text("".join(sums), encoding="ascii")
    (folder.parent / NOTES).write_text(notes, encoding="utf-8")
    return folder


def version_of(layout: Layout) -> str:
    """Returns the version in pyproject.toml."""
    project = tomllib.loads((layout.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def notes_of(layout: Layout, version: str) -> str:
    """Returns the section of CHANGELOG.md about a version.

    Raises:
        UserError: there is no such section, or it is empty.
    """
    text = (layout.root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(
        rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL
    )
    if not found or not found[1].strip():
        raise UserError(f"CHANGELOG.md has no section for {version}: add `## [{version}] - <date>`")
    return found[1].strip() + "\n"


def bill_of_materials(layout: Layout, version: str) -> dict[str, Any]:
    """Returns the packages that every archive carries, in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json).

    It depends on the lock and the version alone, so the same sources give the same bytes.
    """
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "votestream",
                "name": "votestream",
                "version": version,
            }
        },
        "components": list(_components(layout.requirements / "lambda.txt")),
    }


def _components(lock: Path) -> Iterator[dict[str, Any]]:
    for requirement in _REQUIREMENT.finditer(lock.read_text(encoding="utf-8")):
        name, version = requirement["name"], requirement["version"]
        purl = f"pkg:pypi/{name}@{version}"
        # A lock has the hashes of all files of a package, so they do not belong to one file.
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", requirement["hashes"])
        yield {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "purl": purl,
            "externalReferences": [
                {
                    "type": "distribution",
                    "url": purl,
                    "hashes": [{"alg": "SHA-256", "content": digest} for digest in hashes],
                }
            ],
        }


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
