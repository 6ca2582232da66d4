"""A published release: every file has its checksum, and the tag, the version and the changelog agree."""

import hashlib
import json
import tomllib
from pathlib import Path

import pytest

from scripts import build_zip
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import HERE, Layout
from scripts.deploying import assets

CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-01-31

### Added

- Something new.

## [1.1.0] - 2025-12-24

- Something old.
"""
LOCK = f"""pydantic==2.14.3 \\
    --hash=sha256:{"a" * 64} \\
    --hash=sha256:{"b" * 64}
    # via -r lambda.in
typing-extensions==4.16.0 \\
    --hash=sha256:{"c" * 64}
    # via pydantic
"""


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A checkout whose builds are a few bytes."""

    def build(layout: Layout, target: build_zip.BuildTarget) -> Path:
        folder = layout.root / "dist" / target.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vote_writer.zip").write_bytes(f"code for {target.name}".encode())
        (folder / "manifest.json").write_text("{}")
        return folder

    monkeypatch.setattr(build_zip, "build_and_report", build)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "lambda.txt").write_text(LOCK)
    return Layout(tmp_path)


def test_a_release_has_archives_checksums_and_a_bill_of_materials(layout: Layout) -> None:
    folder = assets.make(layout, "v1.2.0")

    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sums.keys() == {
        "manifest-arm64.json",
        "manifest-x86_64.json",
        "sbom.cdx.json",
        "vote_writer-arm64.zip",
        "vote_writer-x86_64.zip",
    }
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert (layout.root / "dist" / "notes.md").read_text() == "### Added\n\n- Something new.\n"


def test_the_bill_of_materials_names_every_locked_package_with_its_hashes(layout: Layout) -> None:
    document = json.loads((assets.make(layout, "v1.2.0") / "sbom.cdx.json").read_text())

    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert [component["purl"] for component in document["components"]] == [
        "pkg:pypi/pydantic@2.14.3",
        "pkg:pypi/typing-extensions@4.16.0",
    ]
    (reference,) = document["components"][0]["externalReferences"]
    assert [found["content"] for found in reference["hashes"]] == ["a" * 64, "b" * 64]


def test_the_bill_of_materials_of_this_project_misses_no_package() -> None:
    lock = (HERE.requirements / "lambda.txt").read_text()
    components = assets.bill_of_materials(HERE, "1")["components"]

    assert len(components) == lock.count("==")
    assert sum(len(component["externalReferences"][0]["hashes"]) for component in components) == lock.count(
        "--hash"
    )


@pytest.mark.parametrize("tag", ["v1.1.0", "1.2.0", ""])
def test_a_tag_that_is_not_the_version_is_refused(layout: Layout, tag: str) -> None:
    with pytest.raises(UserError, match=r"pyproject.toml says 1.2.0, so tag it v1.2.0"):
        assets.make(layout, tag)


@pytest.mark.parametrize("changelog", ["# Changelog\n", "## [1.2.0] - 2026-01-31\n\n## [1.1.0]\n- Old.\n"])
def test_a_version_that_the_changelog_does_not_describe_is_refused(layout: Layout, changelog: str) -> None:
    (layout.root / "CHANGELOG.md").write_text(changelog)

    with pytest.raises(UserError, match=r"add `## \[1.2.0\]"):
        assets.make(layout, "v1.2.0")


def test_the_changelog_of_this_project_describes_its_version() -> None:
    version = tomllib.loads((HERE.root / "pyproject.toml").read_text())["project"]["version"]

    assert assets.notes_of(HERE, version)
