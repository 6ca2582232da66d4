"""uv and the virtual environments, with a fake pip and a fake uv."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.bootstrap import console, uv, venv
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import Layout

Program = Callable[[str, str], str]

# A fake `python -m pip`: installs a uv, or prints what a variable of the test contains.
PIP = """
case "$*" in
  *"pip --version"*) exit 0 ;;
  *" install "*)
    echo run >> "$RUNS"
    if [ -n "$FAILURE" ]; then echo "$FAILURE" >&2; exit 1; fi
    while [ "$1" != --target ]; do shift; done
    mkdir -p "$2/bin"
    printf '#!/bin/sh\\necho uv here\\n' > "$2/bin/uv"
    chmod +x "$2/bin/uv" ;;
esac
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / "project")
    found.requirements.mkdir(parents=True)
    (found.requirements / "tools.txt").write_text("uv==1")
    return found


@pytest.fixture
def program(tmp_path: Path) -> Program:
    def write(name: str, body: str) -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}")
        path.chmod(0o755)
        return str(path)

    return write


@pytest.fixture
def pip(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only Python on the machine has this pip; returns the file that lists its runs."""
    python = program("python", PIP)
    runs = tmp_path / "runs"
    runs.touch()
    monkeypatch.setenv("RUNS", str(runs))
    monkeypatch.setenv("FAILURE", "")
    monkeypatch.setattr(uv, "_PYTHONS", [python])
    return runs


@pytest.fixture
def no_pip(program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = program("python", "echo 'No module named pip' >&2; exit 1")
    monkeypatch.setattr(uv, "_PYTHONS", [python])
    monkeypatch.setenv("PATH", str(tmp_path))


def test_uv_is_installed_once_for_a_lock(layout: Layout, pip: Path) -> None:
    first, second = uv.ensure(layout), uv.ensure(layout)

    assert first == second == layout.tools / "uv" / "bin" / "uv"
    assert first.exists()
    assert len(pip.read_text().splitlines()) == 1


def test_uv_is_reinstalled_when_its_lock_changes(layout: Layout, pip: Path) -> None:
    uv.ensure(layout)
    (layout.requirements / "tools.txt").write_text("uv==2")

    uv.ensure(layout)

    assert len(pip.read_text().splitlines()) == 2
    assert [path.name for path in layout.tools.iterdir()] == ["uv"]


@pytest.mark.usefixtures("pip")
def test_without_network_the_line_says_how_to_get_uv(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILURE", "NewConnectionError: Temporary failure in name resolution")

    with pytest.raises(
        UserError, match="index is out of reach; connect to the network, or name a mirror in PIP_INDEX"
    ):
        uv.ensure(layout)

    assert not layout.tools.exists()


@pytest.mark.usefixtures("pip")
def test_a_package_that_is_not_the_locked_one_is_refused_with_pips_reason(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILURE", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n  Got 1234")

    with pytest.raises(
        UserError, match="could not install uv with pip: THESE PACKAGES DO NOT MATCH THE HASHES"
    ):
        uv.ensure(layout)

    assert "Got 1234" in (layout.logs / "uv.log").read_text()


@pytest.mark.usefixtures("no_pip")
def test_without_pip_the_error_says_how_to_install_it(layout: Layout) -> None:
    with pytest.raises(UserError, match=r"has pip or ensurepip.*apt-get install python3-pip"):
        uv.ensure(layout)


@pytest.mark.usefixtures("no_pip")
def test_a_uv_on_the_path_is_used_without_pip(layout: Layout, program: Program) -> None:
    path = Path(program("uv", "exit 0"))

    assert uv.ensure(layout) == path


def test_uv_uses_pips_index_and_certificate(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = tmp_path / "company.pem"
    certificate.touch()
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "SSL_CERT_FILE", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setattr(
        uv, "_pip_configuration", lambda: {"cert": str(certificate), "index-url": "https://other"}
    )

    settings = uv.environment(layout)

    assert settings["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert settings["SSL_CERT_FILE"] == str(certificate)


def test_uvs_own_index_wins(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX_URL", "https://uv.example/simple")
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example/simple")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)

    assert "UV_DEFAULT_INDEX" not in uv.environment(layout)


def test_pips_configuration_is_read_if_the_variable_is_not_set(
    program: Program, monkeypatch: pytest.MonkeyPatch, layout: Layout
) -> None:
    pip_config = "echo \"global.index-url='https://general.example'\"; echo \"install.index-url='https://own.example'\""
    monkeypatch.setattr(sys, "executable", program("python", pip_config))
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    uv._pip_configuration.cache_clear()
    try:
        assert uv.environment(layout)["UV_DEFAULT_INDEX"] == "https://own.example"
    finally:
        uv._pip_configuration.cache_clear()


OFFLINE = 'if [ -z "$UV_OFFLINE" ]; then echo "error: dns error: no such host" >&2; exit 2; fi'


def test_without_network_uv_works_from_its_cache(
    layout: Layout, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(program("uv", f"{OFFLINE}\necho from the cache"))
    monkeypatch.setattr(uv, "ensure", lambda _: path)

    assert uv.run_uv(layout, "pip", "sync", doing="install dev.txt") == "from the cache\n"


def test_without_network_and_cache_one_line_says_so(
    layout: Layout, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(program("uv", f"{OFFLINE}\nexit 2"))
    monkeypatch.setattr(uv, "ensure", lambda _: path)

    with pytest.raises(
        UserError, match=r"could not install dev\.txt: the package index is out of reach; connect"
    ) as failure:
        uv.run_uv(layout, "pip", "sync", doing="install dev.txt")

    assert "\n" not in str(failure.value)


def test_uvs_error_is_shown_in_one_line(
    layout: Layout, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(program("uv", "echo Resolving; echo 'error: Hash mismatch for x' >&2; echo hint >&2; exit 1"))
    monkeypatch.setattr(uv, "ensure", lambda _: path)

    with pytest.raises(
        UserError, match=r"could not install dev\.txt: Hash mismatch for x \(the whole output: .*\.log\)$"
    ):
        uv.run_uv(layout, "pip", "sync", doing="install dev.txt")


@pytest.fixture
def uv_runs(monkeypatch: pytest.MonkeyPatch, layout: Layout) -> list[str]:
    """Records the commands of uv; `uv venv` makes a folder with a Python that does not work elsewhere."""
    runs: list[str] = []

    def record(_layout: Layout, *arguments: object, doing: str, cwd: Path | None = None) -> str:
        assert doing
        runs.append(" ".join(str(word) for word in arguments).replace(str(cwd or layout.root), "ROOT"))
        return ""

    monkeypatch.setattr(uv, "run_uv", record)
    return runs


def test_an_environment_contains_its_locked_packages_and_this_project(
    layout: Layout, uv_runs: list[str]
) -> None:
    venv.ensure(layout, ".venv", "dev", editable=True)

    create, sync, install = uv_runs
    assert create == f"venv --clear --python {sys.executable} ROOT/.venv"
    assert sync == "pip sync --python ROOT/.venv/bin/python --require-hashes ROOT/requirements/dev.txt"
    assert "--no-build-isolation --no-deps --offline --editable ROOT" in install


def test_an_environment_whose_python_is_gone_is_rebuilt(layout: Layout, uv_runs: list[str]) -> None:
    remains = layout.root / ".venv" / "bin" / "python"
    remains.parent.mkdir(parents=True)
    remains.symlink_to("/nowhere/python")

    venv.ensure(layout, ".venv", "localcloud", editable=False)

    assert [run.split()[0] for run in uv_runs] == ["venv", "pip"]


def test_the_right_python_comes_from_pyenv_or_uv(
    layout: Layout, uv_runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 8, 20))
    monkeypatch.setenv("HOME", str(layout.root))

    venv.ensure(layout, ".venv", "dev", editable=False)
    of_pyenv = layout.root / ".pyenv/versions/3.13.9/bin/python"
    of_pyenv.parent.mkdir(parents=True)
    of_pyenv.touch()
    venv.ensure(layout, ".venv", "dev", editable=False)

    created = [run for run in uv_runs if run.startswith("venv")]
    assert created == [
        "venv --clear --python 3.13 ROOT/.venv",
        "venv --clear --python ROOT/.pyenv/versions/3.13.9/bin/python ROOT/.venv",
    ]


def test_an_environment_that_works_is_kept(
    layout: Layout, uv_runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(venv, "_works", lambda _home, _python: True)

    venv.ensure(layout, ".venv", "dev", editable=True)

    assert [run.split()[1] for run in uv_runs] == ["sync", "install"]


def test_locks_are_compiled_in_the_order_of_their_dependencies(layout: Layout, uv_runs: list[str]) -> None:
    venv.lock_all(layout, upgrade=True)

    compiled = [run.split()[-1] for run in uv_runs]
    assert compiled == ["lambda.in", "dev.in", "localcloud.in", "scan.in", "tools.in"]
    assert all("--generate-hashes --no-header" in run and "--upgrade" in run for run in uv_runs)


def test_a_command_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not do it: /nowhere/tool: No such file"):
        console.run(["/nowhere/tool"], doing="do it", log=tmp_path / "log")


def test_paths_are_shown_relative_to_the_checkout(layout: Layout) -> None:
    assert layout.shown(layout.root / "dist" / "host") == "dist/host"
    assert layout.shown(Path("/elsewhere")) == "/elsewhere"
