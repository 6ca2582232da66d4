"""The pages of the local cloud in a real browser, as a person would use them."""

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect, sync_playwright

from e2e.doors import PASSWORD, Doors
from e2e.observing import wait_for
from scripts.bootstrap.layout import HERE
from scripts.deploying.publish import publish
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
    """The browser's errors, such as violations of the security policy; must stay empty."""
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

    # Live counts have both votes, until voters are counted once: then the first one is gone from the screen.
    wait_for(lambda: reader.live(poll.poll_id).total == 2, seconds=30)
    expect(screen.locator("tbody .count")).to_have_text([re.compile("^[01]$"), "1"], timeout=15_000)
    wait_for(lambda: reader.stored(poll) == {"Grace": 1}, seconds=30)
    phone.get_by_role("link", name="Check my vote").click()
    expect(phone.get_by_text("Your vote is stored. It is the one that counts.")).to_be_visible(timeout=15_000)


@pytest.fixture
def cognito_on_aws(context: BrowserContext, doors: Doors) -> list[Request]:
    """Redirect the pool's two AWS addresses to the local cloud, and return the browser's requests there."""
    asked: list[Request] = []
    endpoint = os.environ["AWS_ENDPOINT_URL"].rstrip("/")

    def answer(route: Route) -> None:
        request = route.request
        asked.append(request)
        parts = urlsplit(request.url)
        address = f"{endpoint}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        # The local cloud refuses forms of origins that it does not know; on AWS this one is its own.
        headers = {
            name: value for name, value in request.headers.items() if name not in {"origin", "referer"}
        }
        got = route.fetch(url=address, headers=headers, max_redirects=0)
        # On AWS the discovery document names the pages' own address.
        body = got.body().replace(f"{endpoint}/oauth2".encode(), f"{doors.pages.sign_in_url}/oauth2".encode())
        route.fulfill(response=got, body=body)

    context.route("https://cognito-idp.*.amazonaws.com/**", answer)
    context.route("https://*.amazoncognito.com/**", answer)
    return asked


def sign_in(phone: Page, name: str, password: str = PASSWORD) -> None:
    phone.get_by_placeholder("username").fill(name)
    phone.get_by_placeholder("password").fill(password)
    phone.get_by_role("button", name="Sign in").click()


@pytest.mark.local_cloud
@pytest.mark.cognito
@pytest.mark.usefixtures("problems")
def test_a_voter_signs_in_to_the_pool_votes_renews_the_token_and_signs_out(
    doors: Doors,
    reader: CountReader,
    open_poll: Callable[..., Poll],
    phone: Page,
    cognito_on_aws: list[Request],
) -> None:
    poll = open_poll("Ada", "Grace")
    publish(boto3.client("s3"), doors.pages.bucket, HERE.root / "web" / "site", datetime.now(UTC))
    name = doors.pool.user()
    phone.goto(f"{doors.pages.url}/vote#poll={poll.poll_id}")
    phone.get_by_role("button", name="Sign in").click()
    sign_in(phone, name, "Wrong-password-1")
    expect(phone.get_by_text("Incorrect username or password.")).to_be_visible()
    sign_in(phone, name)
    phone.get_by_label("Ada", exact=True).check()
    phone.get_by_role("button", name="Vote", exact=True).click()
    expect(phone.get_by_text("Received", exact=True)).to_be_visible()
    assert phone.url == f"{doors.pages.url}/vote#poll={poll.poll_id}"

    # As if the token had expired: the next vote renews it first.
    phone.evaluate(
        "key => sessionStorage.setItem(key, JSON.stringify({...JSON.parse(sessionStorage.getItem(key)), ends: 0}))",
        "votestream:tokens",
    )
    phone.get_by_role("button", name="Change vote").click()
    phone.get_by_label("Grace", exact=True).check()
    with phone.expect_request(lambda request: request.url.endswith("/votes")) as sent:
        phone.get_by_role("button", name="Vote", exact=True).click()
    expect(phone.get_by_text("Received", exact=True)).to_be_visible()
    assert sent.value.headers["authorization"].startswith("Bearer ")
    assert sent.value.post_data == '{"option":"Grace"}'
    grants = [request.post_data for request in cognito_on_aws if request.url.endswith("/oauth2/token")]
    first, renewal = [parse_qs(grant or "") for grant in grants]
    assert first["grant_type"] == ["authorization_code"]
    assert "code_verifier" in first
    assert renewal["grant_type"] == ["refresh_token"]

    # Both votes are of one voter.
    wait_for(lambda: reader.stored(poll) == {"Grace": 1}, seconds=30)
    phone.get_by_role("link", name="Check my vote").click()
    expect(phone.get_by_text("Your vote is stored. It is the one that counts.")).to_be_visible(timeout=15_000)

    phone.get_by_role("link", name="Open the poll").click()
    phone.get_by_role("button", name="Sign out").click()
    phone.wait_for_url(f"{doors.pages.url}/vote")
    assert cognito_on_aws[-1].url.startswith(f"{doors.pages.sign_in_url}/logout?")
    assert phone.evaluate("sessionStorage.getItem('votestream:tokens')") is None
    phone.goto(f"{doors.pages.url}/vote#poll={poll.poll_id}")
    expect(phone.get_by_role("button", name="Sign in")).to_be_visible()
