"""A browser, a stand-in for the platform, and pages that fail the test if they break a promise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from web import browser
from web.platform import POLL, Platform, served

HERE = Path(__file__).parent
SCREENSHOTS = HERE.parents[1] / ".state" / "screenshots"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
AXE = (HERE / "vendor" / "axe.js").read_text(encoding="utf-8")
NOISE = "Failed to load resource"  # the browser's own line for a 429, 503 or 404 that a test asked for


class Visitor:
    """A page in the browser, and what went wrong in it."""

    def __init__(self, page: Page, platform: Platform) -> None:
        self.page = page
        self.platform = platform
        self.problems: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("request", self._request)

    def _console(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind in {"error", "warning"} and NOISE not in text:
            self.problems.append(f"{kind}: {text}")

    def _request(self, request: object) -> None:
        address = urlsplit(getattr(request, "url", ""))
        if address.scheme != "data" and f"{address.scheme}://{address.netloc}" != self.platform.origin:
            self.problems.append(f"request to another origin: {address.geturl()}")

    def open(self, name: str = "vote", query: str = "", poll: str = POLL, more: str = "") -> Page:
        self.page.goto(f"{self.platform.origin}/{name}{query}#poll={poll}{more}")
        return self.page

    def vote(self, label: str = "Grace") -> None:
        self.page.get_by_label(label, exact=True).check()
        self.page.get_by_role("button", name="Vote", exact=True).click()

    def text(self) -> str:
        return self.page.locator("#app").inner_text()

    def see(self, text: str) -> None:
        self.page.get_by_text(text, exact=True).first.wait_for(timeout=20_000)

    def let_pass(self, seconds: float, step: float = 1) -> None:
        """Move the page's clock on in steps of seconds, with time for answers to come."""
        for _ in range(int(seconds / step)):
            self.page.clock.run_for(int(step * 1000))
            self.page.wait_for_timeout(8)

    def accessible(self) -> None:
        """Fail on anything that axe finds in light, and on colours in dark: the other rules see no colours."""
        # As a browser extension would: the page's own policy lets no script of others in.
        self.page.evaluate(AXE)
        checks: dict[Literal["light", "dark"], list[str]] = {"light": STANDARDS, "dark": COLOURS}
        for scheme, rules in checks.items():
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = self.page.evaluate(
                "rules => axe.run(document, { runOnly: rules }).then(r => r.violations.map("
                "v => v.id + ': ' + v.nodes.map(n => n.target + ' ' + n.failureSummary).join('; ')))",
                rules,
            )
            assert not found, f"{scheme}: {found}"

    def fits(self) -> None:
        """Fail if the page is wider than the window."""
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"the page is {wide} px wider than the window"

    def picture(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright, browser.started(playwright) as chromium:
        yield chromium


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """The browser of a phone, with an empty store."""
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="light", reduced_motion="reduce"
    )
    # Without jitter, so that waits are exactly those that the server asked for.
    context.add_init_script("Math.random = () => 0")
    yield context
    context.close()


@pytest.fixture(scope="session")
def _served() -> Iterator[Platform]:
    with served() as platform:
        yield platform


@pytest.fixture
def platform(_served: Platform) -> Platform:
    _served.reset()
    return _served


@pytest.fixture
def another(context: BrowserContext, platform: Platform) -> Iterator[Visitor]:
    """A second tab of the same browser."""
    visitor = Visitor(context.new_page(), platform)
    yield visitor
    visitor.page.close()
    assert not visitor.problems


@pytest.fixture
def visitor(context: BrowserContext, platform: Platform) -> Iterator[Visitor]:
    """A page; it must be free of errors and of requests to other origins."""
    visitor = Visitor(context.new_page(), platform)
    platform.requests.clear()
    yield visitor
    visitor.page.close()
    assert not visitor.problems
