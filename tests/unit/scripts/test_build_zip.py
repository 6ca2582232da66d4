"""The archives: their content, their repeatable bytes, and when they are rebuilt."""

import base64
import hashlib
import io
import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import build_zip
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import Layout

ARM64 = build_zip.target_named("arm64")

PROJECT = {
    "functions/writer/__init__.py": "",
    "functions/writer/handler.py": "import core",
    "functions/writer/py.typed": "",
    "functions/reader/__init__.py": "",
    "functions/reader/handler.py": "import core.rules",
    "functions/core/__init__.py": "",
    "functions/core/rules.py": "LIMIT = 1\n" * 50,
    "functions/core/data.json": "{}",
    "functions/core/__pycache__/rules.cpython-313.pyc": "compiled elsewhere",
    "functions/core/__pycache__/gone.cpython-313.pyc": "of a module that is no more",
    "functions/project.egg-info/PKG-INFO": "",
    "requirements/lambda.txt": "library==1",
}

DEPENDENCIES = {
    "library/__init__.py": "VERSION = 1",
    "library/__init__.pyi": "VERSION: int",
    "library/py.typed": "",
    "library/native.so": "\x7fELF" * 99,
    "library/tests/test_it.py": "",
    "library-1.dist-info/METADATA": "Name: library",
    "library-1.dist-info/licenses/LICENSE": "Free",
    "library-1.dist-info/RECORD": "differs from machine to machine",
    "bin/library": "#!/home/someone/python",
    ".lock": "",
}


def write_tree(root: Path, files: dict[str, str], *, shuffle: int = 0) -> None:
    """Writes files in varying orders, like checkouts and installers."""
    names = list(files)
    random.Random(shuffle).shuffle(names)
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name])


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces the package index; lists the targets that were installed for."""
    calls: list[str] = []

    def install(_layout: Layout, target: build_zip.BuildTarget, folder: Path) -> None:
        calls.append(target.name)
        write_tree(folder, DEPENDENCIES, shuffle=len(calls))

    monkeypatch.setattr(build_zip, "install_dependencies", install)
    return calls


@pytest.fixture
def project(tmp_path: Path, installs: list[str]) -> Layout:
    assert not installs
    write_tree(tmp_path / "project", PROJECT)
    return Layout(tmp_path / "project")


def names_in(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as content:
        assert content.testzip() is None
        return content.namelist()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def written(folder: Path) -> dict[str, tuple[int, int]]:
    """The existing files, with the times of their last writes."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_an_archive_contains_its_function_the_shared_packages_and_dependencies(project: Layout) -> None:
    folder, built = build_zip.build(project, ARM64)

    assert built
    assert folder == project.root / "dist" / "arm64"
    assert names_in(folder / "writer.zip") == [
        "core/__init__.py",
        "core/__pycache__/__init__.cpython-313.pyc",
        "core/__pycache__/rules.cpython-313.pyc",
        "core/data.json",
        "core/rules.py",
        "library-1.dist-info/METADATA",
        "library-1.dist-info/licenses/LICENSE",
        "library/__init__.py",
        "library/__pycache__/__init__.cpython-313.pyc",
        "library/native.so",
        "writer/__init__.py",
        "writer/__pycache__/__init__.cpython-313.pyc",
        "writer/__pycache__/handler.cpython-313.pyc",
        "writer/handler.py",
    ]
    assert "reader/handler.py" in names_in(folder / "reader.zip")
    assert "writer/handler.py" not in names_in(folder / "reader.zip")


def test_every_entry_has_its_content_and_the_fixed_date_and_mode(project: Layout) -> None:
    folder, _ = build_zip.build(project, ARM64)

    with zipfile.ZipFile(folder / "writer.zip") as archive:
        assert archive.read("core/rules.py").decode() == PROJECT["functions/core/rules.py"]
        assert archive.read("writer/__init__.py") == b""
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.external_attr >> 16 == 0o100644
        assert archive.getinfo("core/rules.py").compress_type == zipfile.ZIP_DEFLATED
        assert archive.getinfo("core/data.json").compress_type == zipfile.ZIP_STORED


def test_the_manifest_says_what_terraform_needs(project: Layout) -> None:
    folder, _ = build_zip.build(project, ARM64)

    manifest = json.loads((folder / "manifest.json").read_text())

    archive = (folder / "writer.zip").read_bytes()
    assert manifest["architecture"] == "arm64"
    assert manifest["python"] == "3.13"
    assert sorted(manifest["functions"]) == ["reader", "writer"]
    assert manifest["functions"]["writer"] == {
        "file": "writer.zip",
        "sha256_base64": base64.b64encode(hashlib.sha256(archive).digest()).decode(),
        "code_sha256_base64": manifest["functions"]["writer"]["code_sha256_base64"],
        "bytes": len(archive),
    }


def code_hashes(folder: Path) -> dict[str, str]:
    functions = json.loads((folder / "manifest.json").read_text())["functions"]
    return {name: function["code_sha256_base64"] for name, function in functions.items()}


def test_the_code_hash_changes_with_the_code_and_not_with_pythons_release(
    project: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = build_zip.build(project, ARM64)
    archives, hashes = contents(folder), code_hashes(folder)
    # Another release, whose compiler writes something else.
    monkeypatch.setattr("platform.python_version", lambda: "3.13.99")
    monkeypatch.setattr("marshal.dumps", lambda _code, _format: b"otherwise compiled")

    _, built = build_zip.build(project, ARM64)

    assert built
    assert contents(folder)["writer.zip"] != archives["writer.zip"]
    assert code_hashes(folder) == hashes

    (project.root / "functions/reader/handler.py").write_text("import core.more")
    build_zip.build(project, ARM64)

    assert code_hashes(folder)["writer"] == hashes["writer"]
    assert code_hashes(folder)["reader"] != hashes["reader"]


def test_bytes_depend_on_neither_place_nor_order_nor_dates_nor_modes(project: Layout, tmp_path: Path) -> None:
    first, _ = build_zip.build(project, ARM64)
    elsewhere = Layout(tmp_path / "another" / "place")
    previous = os.umask(0o077)
    try:
        write_tree(elsewhere.root, PROJECT, shuffle=7)
    finally:
        os.umask(previous)
    for path in (elsewhere.root / "functions").rglob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o755)

    second, _ = build_zip.build(elsewhere, ARM64)

    assert contents(first) == contents(second)


def test_a_second_build_writes_nothing(project: Layout, installs: list[str]) -> None:
    folder, _ = build_zip.build(project, ARM64)
    before = written(folder)

    _, built = build_zip.build(project, ARM64)

    assert not built
    assert installs == ["arm64"]
    assert written(folder) == before


def change_source(root: Path) -> None:
    (root / "functions/core/rules.py").write_text("LIMIT = 2")


def add_source(root: Path) -> None:
    (root / "functions/core/more.py").write_text("")


def change_lock(root: Path) -> None:
    (root / "requirements/lambda.txt").write_text("library==2")


def delete_archive(root: Path) -> None:
    (root / "dist/arm64/writer.zip").unlink()


def damage_archive(root: Path) -> None:
    (root / "dist/arm64/writer.zip").write_bytes(b"PK")


def break_manifest(root: Path) -> None:
    (root / "dist/arm64/manifest.json").write_text("{")


@pytest.mark.parametrize(
    "change", [change_source, add_source, change_lock, delete_archive, damage_archive, break_manifest]
)
def test_any_changed_input_causes_a_new_build(project: Layout, change: Callable[[Path], None]) -> None:
    folder, _ = build_zip.build(project, ARM64)
    change(project.root)

    _, built = build_zip.build(project, ARM64)

    assert built
    assert names_in(folder / "writer.zip")
    assert not build_zip.build(project, ARM64)[1]


def test_a_reverted_change_gives_the_same_bytes_again(project: Layout) -> None:
    folder, _ = build_zip.build(project, ARM64)
    before = contents(folder)
    change_source(project.root)
    build_zip.build(project, ARM64)
    assert contents(folder) != before
    write_tree(project.root, PROJECT)

    build_zip.build(project, ARM64)

    assert contents(folder) == before


def test_a_change_in_one_function_does_not_change_the_other_archive(project: Layout) -> None:
    folder, _ = build_zip.build(project, ARM64)
    before = contents(folder)
    (project.root / "functions/reader/handler.py").write_text("import core.more")

    build_zip.build(project, ARM64)

    assert contents(folder)["writer.zip"] == before["writer.zip"]
    assert contents(folder)["reader.zip"] != before["reader.zip"]


def test_the_archive_of_a_removed_function_is_deleted(project: Layout) -> None:
    folder, _ = build_zip.build(project, ARM64)
    shutil.rmtree(project.root / "functions/reader")

    build_zip.build(project, ARM64)

    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "writer.zip"]


def test_targets_are_built_in_separate_folders(project: Layout, installs: list[str]) -> None:
    build_zip.build(project, ARM64)
    build_zip.build(project, build_zip.target_named("x86_64"))

    assert installs == ["arm64", "x86_64"]
    assert not build_zip.build(project, ARM64)[1]


def test_an_archive_over_its_budget_fails_the_build_and_names_the_ten_largest_files(project: Layout) -> None:
    noise = random.Random(1)
    for number in range(12):
        (project.root / f"functions/core/noise{number:02}.bin").write_bytes(noise.randbytes(1000 + number))

    with pytest.raises(build_zip.OverBudget) as failure:
        build_zip.build(project, ARM64, budget=9_000)

    head, *lines = str(failure.value).splitlines()
    assert "over its budget of 9,000" in head
    assert [line.split()[1] for line in lines] == [
        f"core/noise{number:02}.bin" for number in range(11, 1, -1)
    ]
    assert not (project.root / "dist").exists()


def test_a_project_without_functions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()

    with pytest.raises(UserError, match=r"handler\.py"):
        build_zip.build(Layout(tmp_path), ARM64)


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(UserError, match="arm64, x86_64 or host"):
        build_zip.target_named("mips")


@pytest.mark.parametrize(
    ("machine", "architecture"), [("aarch64", "arm64"), ("arm64", "arm64"), ("AMD64", "x86_64")]
)
def test_the_host_target_has_lambdas_architecture_name(
    monkeypatch: pytest.MonkeyPatch, machine: str, architecture: str
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)

    assert build_zip.target_named("host").architecture == architecture


def test_a_host_whose_architecture_lambda_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    with pytest.raises(UserError, match="riscv64"):
        build_zip.target_named("host")


def test_the_table_names_file_size_and_digest(project: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    folder = build_zip.build_and_report(project, ARM64)

    digest = hashlib.sha256((folder / "writer.zip").read_bytes()).hexdigest()
    printed = capsys.readouterr().out
    assert "dist/arm64 (arm64, built)" in printed
    assert f"writer.zip {(folder / 'writer.zip').stat().st_size:>24,} bytes  sha256 {digest[:12]}" in printed


def test_the_command_line_prints_errors_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert build_zip.main(["mips"]) == 1

    assert capsys.readouterr().err.count("\n") == 1


def test_the_compressor_gives_the_same_bytes_everywhere() -> None:
    """The digest was recorded on Linux x86_64; another machine that differs breaks the promise of equal bytes."""
    content = "".join(f"{number}: {number * number}\n" for number in range(20_000)).encode()

    packed = build_zip.Entry.of(content).data

    assert (
        hashlib.sha256(packed).hexdigest()
        == "df22ce467ce01641c274823a1172a9b2f5cc98ee1752bd5daefff140cb2ae68d"
    )


@given(
    st.dictionaries(st.text("abc/é.", min_size=1).filter(lambda name: name[0] != "/"), st.binary()),
    st.randoms(),
)
def test_zip_bytes_can_be_read_back_and_do_not_depend_on_order(
    files: dict[str, bytes], order: random.Random
) -> None:
    entries = {name: build_zip.Entry.of(content) for name, content in files.items()}
    shuffled = list(entries.items())
    order.shuffle(shuffled)

    archive = build_zip.zip_bytes(entries)

    assert archive == build_zip.zip_bytes(dict(shuffled))
    assert {name: read_entry(archive, name) for name in files} == files


def read_entry(archive: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as content:
        return content.read(name)


def test_an_archive_that_lambda_would_refuse_is_not_built() -> None:
    half = build_zip.Entry(0, build_zip.MOST_UNZIPPED_BYTES // 2, 0, b"")
    build_zip.check_budget("f.zip", 1, {"a": half, "b": half}, build_zip.BUDGET_BYTES)
    with pytest.raises(build_zip.OverBudget, match=r"f\.zip unpacks to 393,216,000 bytes"):
        build_zip.check_budget("f.zip", 1, {"a": half, "b": half, "c": half}, build_zip.BUDGET_BYTES)
    with pytest.raises(build_zip.OverBudget, match="over its budget of 52,428,800"):
        build_zip.check_budget("f.zip", build_zip.MOST_ARCHIVE_BYTES + 1, {}, 10**12)
