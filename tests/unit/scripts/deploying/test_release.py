"""One SHA-256 stands for all archives of a release, and no others are deployed under it."""

import json
from pathlib import Path

import pytest

from scripts import build_zip
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import Layout
from scripts.deploying import release

ARM, INTEL = build_zip.target_named("arm64"), build_zip.target_named("x86_64")


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A checkout whose builds are a few bytes."""

    def build(layout: Layout, target: build_zip.BuildTarget) -> Path:
        folder = layout.root / "dist" / target.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "writer.zip").write_bytes(f"code for {target.name}".encode())
        (folder / "manifest.json").write_text("{}")
        (folder / "leftover.txt").write_text("no part of it")
        return folder

    monkeypatch.setattr(build_zip, "build_and_report", build)
    return Layout(tmp_path)


def test_equal_archives_are_the_same_release_in_any_checkout(layout: Layout) -> None:
    assert release.make(layout, [ARM, INTEL]) == release.make(layout, [INTEL, ARM])
    assert release.make(layout, [ARM]) != release.make(layout, [INTEL])


def test_a_complete_release_gives_its_folder(layout: Layout) -> None:
    digest = release.make(layout, [ARM])

    assert release.folder(layout, ARM, digest) == layout.root / "dist" / "arm64"
    assert json.loads((layout.root / "dist" / "release.json").read_text())["files"].keys() == {
        "arm64/manifest.json",
        "arm64/writer.zip",
    }


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        pytest.param("arm64/writer.zip", "dist/arm64/writer.zip is not the file of release", id="archive"),
        pytest.param("arm64/manifest.json", "manifest.json is not the file of release", id="manifest"),
        pytest.param("release.json", "RELEASE asks for", id="release"),
    ],
)
@pytest.mark.parametrize("gone", [False, True], ids=["changed", "gone"])
def test_a_changed_release_is_not_deployed(layout: Layout, harm: str, said: str, gone: bool) -> None:
    digest = release.make(layout, [ARM])
    file = layout.root / "dist" / harm
    if gone:
        file.unlink()
        said = "make release" if harm == "release.json" else said
    else:
        file.write_bytes(file.read_bytes() + b" ")

    with pytest.raises(UserError, match=said):
        release.folder(layout, ARM, digest)


def test_a_release_without_the_environments_architecture_is_refused(layout: Layout) -> None:
    digest = release.make(layout, [ARM])

    with pytest.raises(UserError, match="has no archives for x86_64"):
        release.folder(layout, INTEL, digest)
