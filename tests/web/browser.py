"""Which browser the tests use, and how it is started."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, Playwright

# Chromium without a window comes first: with the same engine, it needs less than half of the CPU.
SHELL = "chromium-headless-shell"
INSTALLED = (
    SHELL,
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "msedge",
)
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NO_BROWSER = (
    "no browser for the tests of the pages: install Chromium or Chrome (Debian: apt-get install chromium), "
    "or name one in VOTESTREAM_BROWSER"
)


class NoBrowserError(RuntimeError):
    """There is no browser, and none could be installed."""


def find(playwright: Playwright) -> str:
    """Return the path of a browser: an installed one, Playwright's own, or Debian's, installed now.

    Raises:
        NoBrowserError: none of these works here.
    """
    if named := os.environ.get("VOTESTREAM_BROWSER"):
        return named
    for name in (*INSTALLED, MAC):
        if path := shutil.which(name):
            return path
    own = Path(playwright.chromium.executable_path)
    if own.exists():
        return str(own)
    for command in (
        [sys.executable, "-m", "playwright", "install", "chromium"],
        ["apt-get", "update"],  # a fresh machine knows no packages
        ["apt-get", "install", "-y", "--no-install-recommends", SHELL],
        ["apt-get", "install", "-y", "--no-install-recommends", "chromium"],  # for releases without it
    ):
        if shutil.which(command[0]):
            quiet = subprocess.DEVNULL
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(command, check=False, timeout=600, stdout=quiet, stderr=quiet)
        if own.exists():
            return str(own)
        if path := shutil.which(SHELL) or shutil.which("chromium"):
            return path
    raise NoBrowserError(NO_BROWSER)


@contextmanager
def started(playwright: Playwright) -> Iterator[Browser]:
    """Start the browser; each of its contexts is as a browser that nobody has used."""
    chromium = playwright.chromium.launch(executable_path=find(playwright), args=list(FLAGS))
    try:
        yield chromium
    finally:
        chromium.close()
