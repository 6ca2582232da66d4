"""The pages of the local cloud in a real browser, as a person would use them."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from e2e.observing import wait_for
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.links import links
from voting.polls import Poll
from web import browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright, browser.started(playwright) as chromium:
        yield chromium


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context()
    yield context
    context.close()


@pytest.fixture
def problems(context: BrowserContext) -> Iterator[list[str]]:
    """What the browser complains of, a breach of the security policy among it; must stay empty."""
    found: list[str] = []
    context.on("weberror", lambda error: found.append(str(error.error)))
    context.on("console", lambda line: found.append(line.text) if line.type == "error" else None)
    yield found
    assert not found


@pytest.fixture
def phone(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    yield page
    page.close()


@pytest.fixture
def screen(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    page.set_viewport_size({"width": 1920, "height": 1080})
    yield page
    page.close()


@pytest.mark.usefixtures("problems")
def test_a_phone_votes_and_changes_its_vote_while_the_screen_follows(
    deployment: Deployment,
    reader: CountReader,
    open_poll: Callable[..., Poll],
    phone: Page,
    screen: Page,
) -> None:
    poll = open_poll("Ada", "Grace")
    addresses = links(deployment, poll.poll_id)
    screen.goto(addresses["screen"])
    expect(screen.locator("h1")).to_have_text(poll.title)
    expect(screen.get_by_role("link")).to_have_attribute("href", addresses["vote"])

    phone.goto(addresses["vote"])
    for choice in ("Ada", "Grace"):
        phone.get_by_label(choice, exact=True).check()
        phone.get_by_role("button", name="Vote", exact=True).click()
        expect(phone.get_by_text("Received", exact=True)).to_be_visible()
        if choice == "Ada":
            phone.get_by_role("button", name="Change vote").click()

    # Live counts have both votes: which of them counts, the tally decides.
    wait_for(lambda: reader.live(poll.poll_id).total == 2, seconds=30)
    expect(screen.locator("tbody .count")).to_have_text(["1", "1"], timeout=15_000)
    wait_for(lambda: reader.stored(poll) == {"Grace": 1}, seconds=30)
    phone.get_by_role("link", name="Check my vote").click()
    expect(phone.get_by_text("Your vote is stored. It is the one that counts.")).to_be_visible(timeout=15_000)
