"""Which Terraform is used, and how the pinned release is fetched, against a file server on this machine."""

import hashlib
import io
import os
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.bootstrap import cli as command_line
from scripts.bootstrap import terraform
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import Layout

KEY = "linux_amd64"
RELEASE = f"{terraform.PINNED}/terraform_{terraform.PINNED}_{KEY}.zip"

Put = Callable[[str, str], Path]


def script(version: str) -> str:
    """A program that reports this version of Terraform."""
    return f"""#!/bin/sh
echo "Warning: something about the configuration" >&2
echo '{{"terraform_version": "{version}"}}'
"""


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Sets a PATH with only these programs."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("TERRAFORM", raising=False)

    def place(name: str, version: str) -> Path:
        program = folder / name
        program.write_text(script(version))
        program.chmod(0o755)
        return program

    return place


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "project")


class QuietHandler(SimpleHTTPRequestHandler):
    """A file server without a log."""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the base class names it so
        """Log nothing."""


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a file server that the download is aimed at, on a machine of the pinned platform."""
    folder = tmp_path / "releases"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    monkeypatch.setenv(terraform.DOWNLOAD_URL_VARIABLE, f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(terraform, "platform_key", lambda: KEY)
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def publish(releases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serves a release whose checksum is the expected one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("LICENSE.txt", "terms")
        archive.writestr("terraform", script(terraform.PINNED))
    (releases / RELEASE).parent.mkdir()
    (releases / RELEASE).write_bytes(buffer.getvalue())
    monkeypatch.setitem(terraform.SHA256, KEY, hashlib.sha256(buffer.getvalue()).hexdigest())


def test_a_terraform_on_the_path_that_is_new_enough_is_used(put: Put, layout: Layout) -> None:
    program = put("terraform", "1.11.0")
    put("tofu", "1.12.0")

    assert terraform.ensure(layout) == program


def test_opentofu_is_used_where_terraform_is_missing_or_too_old(put: Put, layout: Layout) -> None:
    program = put("tofu", "1.11.0")
    assert terraform.ensure(layout) == program

    put("terraform", "1.10.9")
    assert terraform.ensure(layout) == program


def test_module_tests_do_not_run_on_opentofu(
    put: Put, layout: Layout, releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("tofu", "1.11.0")
    publish(releases, monkeypatch)

    assert (
        terraform.ensure(layout, for_tests=True)
        == layout.tools / f"terraform-{terraform.PINNED}" / "terraform"
    )


def test_the_pinned_release_is_fetched_once_and_starts(
    put: Put,
    layout: Layout,
    releases: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put("terraform", "1.5.7")
    publish(releases, monkeypatch)

    program = terraform.ensure(layout)

    assert terraform.version_of(str(program)) == (1, 11, 4)
    assert os.access(program, os.X_OK)
    note = capsys.readouterr().err
    assert "terraform is 1.5.7; fetching 1.11.4 into .tools" in note
    (releases / RELEASE).unlink()
    assert terraform.ensure(layout) == program
    assert capsys.readouterr().err == ""
    assert [path.name for path in layout.tools.iterdir()] == [f"terraform-{terraform.PINNED}"]


@pytest.mark.usefixtures("put")
def test_a_download_with_another_checksum_is_not_installed(
    layout: Layout, releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(releases, monkeypatch)
    (releases / RELEASE).write_bytes((releases / RELEASE).read_bytes() + b"!")

    with pytest.raises(UserError, match=r"is not Terraform 1\.11\.4 .*nothing was installed"):
        terraform.ensure(layout)

    assert not layout.tools.exists()


@pytest.mark.usefixtures("put", "releases")
def test_a_missing_release_is_named(
    layout: Layout,
) -> None:

    with pytest.raises(UserError, match=r"terraform_1\.11\.4_linux_amd64\.zip answered 404"):
        terraform.ensure(layout)


@pytest.mark.usefixtures("releases", "put")
def test_without_network_one_line_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], layout: Layout
) -> None:
    monkeypatch.setenv(terraform.DOWNLOAD_URL_VARIABLE, "http://127.0.0.1:9")
    monkeypatch.setattr(command_line, "HERE", layout)

    assert command_line.main(["terraform"]) == 1

    note, error = capsys.readouterr().err.splitlines()
    assert "there is no Terraform on the PATH" in note
    assert "could not download http://127.0.0.1:9/" in error
    assert "install Terraform 1.11 or newer and put it on the PATH" in error


def test_a_named_terraform_is_used(put: Put, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    program = put("terraform-next", "1.13.0-dev")
    monkeypatch.setenv("TERRAFORM", str(program))

    assert terraform.ensure(layout) == program


@pytest.mark.parametrize(
    ("version", "message"),
    [
        pytest.param("1.10.5", r"is 1\.10\.5\): name a Terraform 1\.11 or newer", id="too-old"),
        pytest.param("next", "does not start", id="not-a-version"),
    ],
)
def test_a_named_terraform_that_does_not_fit_is_refused(
    put: Put, layout: Layout, monkeypatch: pytest.MonkeyPatch, version: str, message: str
) -> None:
    monkeypatch.setenv("TERRAFORM", str(put("terraform", version)))

    with pytest.raises(UserError, match=message):
        terraform.ensure(layout)


@pytest.mark.usefixtures("put")
def test_a_named_terraform_that_is_missing_is_refused(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERRAFORM", "/nowhere/terraform")

    with pytest.raises(UserError, match="TERRAFORM=/nowhere/terraform does not start"):
        terraform.ensure(layout)


@pytest.mark.parametrize(
    ("system", "machine", "key"),
    [
        ("Linux", "x86_64", "linux_amd64"),
        ("Linux", "aarch64", "linux_arm64"),
        ("Darwin", "x86_64", "darwin_amd64"),
        ("Darwin", "arm64", "darwin_arm64"),
    ],
)
def test_the_release_fits_the_machine(system: str, machine: str, key: str) -> None:
    assert terraform.platform_key(system, machine) == key


def test_a_machine_without_a_pinned_release_is_named() -> None:
    with pytest.raises(UserError, match="no pinned Terraform for freebsd_amd64"):
        terraform.platform_key("FreeBSD", "amd64")


def test_checksums_are_whole() -> None:
    assert all(len(bytes.fromhex(digest)) == 32 for digest in terraform.SHA256.values())
    assert len(set(terraform.SHA256.values())) == len(terraform.SHA256) == 4
