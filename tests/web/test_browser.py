"""Which browser the tests take, on machines that have one, another, or none."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from web import browser


class Machine:
    """A machine with some programs on it. An installation that works brings one more."""

    def __init__(self, tmp_path: Path) -> None:
        self.programs: set[str] = set()
        self.own = tmp_path / "playwright" / "chromium"
        self.brings: dict[str, str] = {}  # by the name of the installer: a program, or "own"
        self.ran: list[str] = []

    @property
    def playwright(self) -> Any:
        return SimpleNamespace(chromium=SimpleNamespace(executable_path=str(self.own)))

    def has_own(self) -> None:
        self.own.parent.mkdir(exist_ok=True)
        self.own.touch()

    def which(self, name: str) -> str | None:
        known = self.programs | {"apt-get"} if "apt-get" in self.brings else self.programs
        return f"/usr/bin/{name}" if name in known or "python" in name else None

    def run(self, command: list[str], **_more: object) -> None:
        installer = "apt-get" if command[0] == "apt-get" else command[2]
        self.ran.append(f"{installer} {'update' if 'update' in command else 'install'}")
        brought = self.brings.get(installer)
        if brought == "hangs":
            raise subprocess.TimeoutExpired(command, 600)
        if "update" in command or brought is None:
            return
        if installer == "apt-get" and command[-1] != brought:
            return  # this release has no such package
        if brought == "own":
            self.has_own()
        else:
            self.programs.add(brought)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.delenv("VOTESTREAM_BROWSER", raising=False)
    monkeypatch.setattr("shutil.which", machine.which)
    monkeypatch.setattr("subprocess.run", machine.run)
    return machine


def test_a_named_browser_is_used(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.programs = {"chromium"}
    monkeypatch.setenv("VOTESTREAM_BROWSER", "/opt/chrome")
    assert browser.find(machine.playwright) == "/opt/chrome"


@pytest.mark.parametrize("name", ["chromium", "google-chrome", "msedge"])
def test_an_installed_browser_is_used_and_nothing_is_installed(machine: Machine, name: str) -> None:
    machine.programs = {name}
    machine.has_own()
    assert browser.find(machine.playwright) == f"/usr/bin/{name}"
    assert machine.ran == []


def test_the_headless_browser_is_preferred(machine: Machine) -> None:
    machine.programs = {"chromium", "chromium-headless-shell"}
    assert browser.find(machine.playwright) == "/usr/bin/chromium-headless-shell"


def test_playwrights_own_browser_is_used_if_it_is_installed(machine: Machine) -> None:
    machine.has_own()
    assert browser.find(machine.playwright) == str(machine.own)
    assert machine.ran == []


def test_playwright_installs_its_own_browser(machine: Machine) -> None:
    machine.brings = {"playwright": "own", "apt-get": "chromium"}
    assert browser.find(machine.playwright) == str(machine.own)
    assert machine.ran == ["playwright install"]


@pytest.mark.parametrize("playwright", [None, "hangs"], ids=["fails", "hangs"])
@pytest.mark.parametrize(("package", "attempts"), [("chromium-headless-shell", 1), ("chromium", 2)])
def test_debians_browser_is_installed_if_playwright_cannot(
    machine: Machine, package: str, attempts: int, playwright: str | None
) -> None:
    machine.brings = {"apt-get": package} | ({"playwright": playwright} if playwright else {})
    assert browser.find(machine.playwright) == f"/usr/bin/{package}"
    assert machine.ran == ["playwright install", "apt-get update", *["apt-get install"] * attempts]


def test_without_a_browser_one_line_says_what_to_install(machine: Machine) -> None:
    with pytest.raises(browser.NoBrowserError, match="install Chromium or Chrome") as raised:
        browser.find(machine.playwright)
    assert "\n" not in str(raised.value)
    assert machine.ran == ["playwright install"]
