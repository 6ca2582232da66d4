"""The pages inside other things: a frame on a broadcaster's site, and a browser source in OBS."""

import io
from collections.abc import Iterator

import pytest
from matplotlib import image
from playwright.sync_api import BrowserContext, Page

from web.conftest import Visitor
from web.platform import POLL, Platform


@pytest.fixture
def elsewhere(platform: Platform) -> str:
    """Another origin of this machine, because browsers let no site of the internet embed its pages."""
    return platform.origin.replace("localhost", "127.0.0.1")


@pytest.fixture
def site(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()


def test_an_allowed_site_takes_votes_in_a_frame(site: Page, platform: Platform, elsewhere: str) -> None:
    platform.embedded_in = elsewhere
    site.goto(f"{elsewhere}/site")
    frame = site.frame_locator("iframe")
    frame.get_by_label("Grace", exact=True).check()
    frame.get_by_role("button", name="Vote", exact=True).click()
    frame.get_by_text("Received", exact=True).wait_for()
    (post,) = platform.posts()
    assert post.vote["option"] == "o1"


def test_another_site_shows_nothing_of_the_page(site: Page, platform: Platform, elsewhere: str) -> None:
    platform.embedded_in = "https://www.example.org"
    with site.expect_event("console", lambda line: "frame-ancestors" in line.text):
        site.goto(f"{elsewhere}/site")
    assert not platform.asked("/config.json")
    assert not platform.asked(f"/polls/{POLL}")


def test_overlay_is_transparent_outside_the_bars(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 1920, "height": 1080})
    page = visitor.open("board", query="?overlay")
    visitor.see("16,250 votes")
    # As OBS does: the browser draws no background of its own.
    opacity = image.imread(io.BytesIO(page.screenshot(omit_background=True)))[..., 3]
    assert opacity[-1, -1] == 0
    assert opacity.max() == 1
    assert 0.1 < (opacity == 0).mean() < 0.9
