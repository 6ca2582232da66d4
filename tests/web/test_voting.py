"""Voting in a browser: a vote is received once, and a page that cannot deliver it waits as the server asks."""

import json
import re

import pytest

from web.conftest import Visitor
from web.platform import POLL, Platform, code, wait_for

RECEIPT = f"votestream:receipt:{POLL}"


def test_voter_votes_changes_the_vote_and_checks_the_receipt(visitor: Visitor) -> None:
    visitor.open()
    visitor.vote("Grace")
    visitor.see("Received")
    assert visitor.page.evaluate("document.activeElement.textContent") == "Received"
    visitor.page.get_by_role("button", name="Change vote").click()
    visitor.vote("Linus")
    visitor.see("Received")
    first, second = [request.vote for request in visitor.platform.posts()]
    assert (first["option"], second["option"]) == ("o1", "o2")
    assert first["voter"] == second["voter"]
    assert len(first["voter"]) == 32
    visitor.page.get_by_role("link", name="Check my vote").click()
    visitor.page.get_by_text("Your vote is stored.").wait_for()
    visitor.platform.receipt_state = "superseded"
    visitor.page.get_by_role("button", name="Look again").click()
    visitor.page.get_by_text("You voted again later.").wait_for()


def test_check_page_follows_a_vote_until_it_is_stored_and_certified(visitor: Visitor) -> None:
    visitor.page.clock.install()
    visitor.platform.receipt_state = "pending"
    visitor.open()
    visitor.vote()
    visitor.see("Received")
    visitor.page.get_by_role("link", name="Check my vote").click()
    visitor.page.get_by_text("Your vote has arrived and is being stored.").wait_for()
    visitor.page.get_by_text("So far").wait_for()
    visitor.platform.receipt_state = "stored"
    visitor.platform.set_poll(closes_in=-60)
    visitor.platform.status = "final"
    visitor.let_pass(30)
    visitor.page.get_by_text("Your vote is stored.").wait_for()
    visitor.see("The published result matches its certificate. This browser computed the SHA-256 itself.")
    asked = len(visitor.platform.asked("/results"))
    visitor.let_pass(60, step=5)
    assert len(visitor.platform.asked("/results")) == asked


def test_confirmation_is_scrolled_to_its_top(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 320, "height": 480})
    visitor.open()
    visitor.page.get_by_text("So far").wait_for()
    visitor.page.mouse.wheel(0, 2_000)
    visitor.page.wait_for_function("scrollY > 0")
    visitor.vote("Margaret")
    visitor.see("Received")
    assert visitor.page.evaluate("scrollY") == 0


def test_receipt_never_holds_the_choice(visitor: Visitor) -> None:
    visitor.open()
    visitor.vote()
    visitor.see("Received")
    stored = visitor.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert sorted(json.loads(json.loads(stored)[0][RECEIPT])) == [
        "sequence",
        "shard",
        "time",
        "title",
        "voter",
    ]
    assert "o1" not in stored


def test_second_tab_supersedes_the_first(visitor: Visitor, another: Visitor) -> None:
    visitor.open()
    visitor.vote("Ada")
    visitor.see("Received")
    another.open()
    another.page.get_by_role("button", name="Change vote").click()
    another.vote("Linus")
    another.see("Received")
    visitor.see("You voted again in another window. Your later vote counts.")
    assert len({request.vote["voter"] for request in visitor.platform.posts()}) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_throttled_vote_waits_as_long_as_the_server_asks(visitor: Visitor, status: int) -> None:
    # The page's clock also runs by itself: a loaded machine may add seconds to each wait.
    visitor.platform.failures = [(status, {"Retry-After": "30"}, {}), (status, {"Retry-After": "60"}, {})]
    visitor.page.clock.install()
    visitor.open()
    visitor.vote()
    visitor.see("Not received yet")
    posts = visitor.platform.posts
    visitor.let_pass(15)
    assert len(posts()) == 1
    visitor.let_pass(16)
    wait_for(lambda: len(posts()) == 2)
    visitor.page.get_by_text(re.compile(r"^(1:00|0:[45]\d)$")).first.wait_for()
    visitor.let_pass(40)
    assert len(posts()) == 2
    visitor.let_pass(21)
    visitor.see("Received")
    assert len({request.body for request in posts()}) == 1


@pytest.mark.parametrize("path", [f"/{POLL}", "/results", "/votes", "/votes/me"])
def test_interrupted_answer_is_requested_again(visitor: Visitor, path: str) -> None:
    visitor.platform.cut_off = path
    visitor.open()
    visitor.vote("Grace")
    visitor.see("Received")
    visitor.page.get_by_text("So far").wait_for()
    visitor.page.get_by_role("link", name="Check my vote").click()
    visitor.page.get_by_text("Your vote is stored.").wait_for()
    assert visitor.platform.cut_off == ""
    assert {post.vote["option"] for post in visitor.platform.posts()} == {"o1"}


def test_vote_continues_when_the_network_returns(visitor: Visitor) -> None:
    visitor.page.clock.install()
    visitor.open()
    visitor.see("Choose one")
    visitor.page.context.set_offline(True)
    try:
        visitor.vote()
        visitor.see("Not received yet")
    finally:
        visitor.page.context.set_offline(False)
    visitor.let_pass(1.5)
    visitor.see("Received")


def test_reload_continues_the_vote_and_keeps_the_wait(visitor: Visitor) -> None:
    visitor.platform.failures = [(429, {"Retry-After": "2"}, {})]
    visitor.open()
    visitor.vote()
    visitor.see("Not received yet")
    visitor.page.reload()
    visitor.see("Not received yet")
    assert len(visitor.platform.posts()) == 1
    visitor.see("Received")
    first, second = visitor.platform.posts()
    assert first.body == second.body
    assert second.at - first.at >= 2
    assert visitor.page.evaluate("sessionStorage.length") == 0


def test_late_vote_is_reported_as_not_arrived(visitor: Visitor) -> None:
    visitor.platform.set_poll(closes_in=20)
    visitor.platform.failures = [(429, {"Retry-After": "60"}, {})]
    visitor.page.clock.install()
    visitor.open()
    visitor.vote()
    visitor.let_pass(25)
    visitor.page.get_by_text("Voting ended before your vote arrived.").wait_for()
    assert len(visitor.platform.posts()) == 1


def test_refused_vote_is_not_sent_again(visitor: Visitor) -> None:
    visitor.platform.failures = [(400, {}, {"error": "malformed", "message": "Send the two fields."})]
    visitor.page.clock.install()
    visitor.open()
    visitor.vote()
    visitor.see("Your vote was not accepted.")
    visitor.let_pass(120, step=5)
    assert len(visitor.platform.posts()) == 1


def test_form_appears_at_the_opening_time_without_a_request(visitor: Visitor) -> None:
    visitor.platform.set_poll(opens_in=90, closes_in=600, visibility="after_close")
    visitor.page.clock.install()
    visitor.open()
    visitor.page.get_by_text("Opens in").wait_for()
    assert visitor.page.locator("#app li").all_inner_texts() == ["Ada", "Grace", "Linus", "Margaret"]
    assert visitor.page.get_by_role("radio").count() == 0
    asked = len(visitor.platform.requests)
    visitor.let_pass(92)
    visitor.see("Choose one")
    assert len(visitor.platform.requests) == asked


def test_phone_reads_every_five_seconds_and_never_while_hidden_or_final(visitor: Visitor) -> None:
    visitor.page.clock.install()
    visitor.open()
    visitor.see("Choose one")
    visitor.let_pass(40)
    assert 7 <= len(visitor.platform.asked("/results")) <= 11  # without jitter: every 4 s
    visitor.platform.status = "final"
    visitor.let_pass(10)
    asked = len(visitor.platform.asked("/results"))
    visitor.let_pass(60, step=5)
    assert len(visitor.platform.asked("/results")) == asked


def test_vote_works_with_the_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.open()
    visitor.see("Choose one")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    visitor.see("Received")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    visitor.see("Choose one")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    visitor.see("Received")
    assert [request.vote["option"] for request in visitor.platform.posts()] == ["o1", "o0"]


@pytest.mark.parametrize("mode", ["cognito", "oidc"])
def test_voter_signs_in_votes_renews_the_token_and_signs_out(visitor: Visitor, mode: str) -> None:
    platform = visitor.platform
    platform.config["identity"] = {
        "mode": mode,
        "authority": f"{platform.origin}/issuer",
        "client_id": "pages",
        "token": "id",
        "logout_url": f"{platform.origin}/issuer/logout" if mode == "cognito" else None,
    }
    platform.expires_in = 1  # so each use renews it
    page = visitor.open()
    page.get_by_role("button", name="Sign in").click()
    visitor.see("Choose one")
    assert page.url == f"{platform.origin}/vote#poll={POLL}"
    visitor.vote()
    visitor.see("Received")
    (post,) = platform.posts()
    assert post.vote == {"option": "o1"}
    assert post.headers["Authorization"].startswith("Bearer ey")
    grants = [request.body.decode() for request in platform.asked("/token")]
    assert "code_verifier" in grants[0]
    assert any("grant_type=refresh_token" in grant for grant in grants)
    assert not any("voter-7" in request.path + request.query for request in platform.requests)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{platform.origin}/vote")
    assert page.evaluate("sessionStorage.getItem('votestream:tokens')") is None
    assert platform.asked("/logout")


def test_answer_to_another_sign_in_is_refused(visitor: Visitor, platform: Platform) -> None:
    platform.config["identity"] = {
        "mode": "oidc",
        "authority": f"{platform.origin}/issuer",
        "client_id": "pages",
    }
    visitor.page.goto(f"{platform.origin}/vote?code=stolen&state=another")
    visitor.page.get_by_text("This link does not name a poll.").wait_for()
    assert "stolen" not in visitor.page.url
    assert not platform.asked("/token")


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"claims": {"nonce": "another"}}, id="nonce"),
        pytest.param({"claims": {"iss": "https://evil.example"}}, id="issuer-of-the-token"),
        pytest.param({"claims": {"aud": "another"}}, id="audience"),
        pytest.param({"returns": {"iss": "https://evil.example"}}, id="issuer-of-the-answer"),
        pytest.param({"returns": {"state": "another"}}, id="state"),
        pytest.param({"names": {"issuer": "https://evil.example"}}, id="issuer-of-the-document"),
    ],
)
def test_forged_sign_in_answer_is_refused(
    visitor: Visitor, platform: Platform, wrong: dict[str, dict[str, str]]
) -> None:
    platform.config["identity"] = {
        "mode": "oidc",
        "authority": f"{platform.origin}/issuer",
        "client_id": "pages",
    }
    for name, values in wrong.items():
        setattr(platform, name, values)
    page = visitor.open()
    page.get_by_role("button", name="Sign in").click()
    visitor.see("Signing in did not work. Try again.")
    assert page.evaluate("sessionStorage.getItem('votestream:tokens')") is None
    assert page.evaluate("sessionStorage.getItem('votestream:sign-in')") is None
    assert "c0de" not in page.url


def test_vote_survives_an_expired_sign_in(visitor: Visitor) -> None:
    platform = visitor.platform
    platform.config["identity"] = {
        "mode": "oidc",
        "authority": f"{platform.origin}/issuer",
        "client_id": "pages",
    }
    platform.failures = [(401, {}, {"error": "unauthorized", "message": "Sign in."})]
    page = visitor.open()
    page.get_by_role("button", name="Sign in").click()
    visitor.vote("Linus")
    visitor.see("Sign in to vote. You come back to this page.")
    page.get_by_role("button", name="Sign in").click()
    visitor.see("Received")
    assert [request.vote for request in platform.posts()] == [{"option": "o2"}, {"option": "o2"}]


def test_code_leaves_the_address_and_works_for_votes_changes_and_receipts(visitor: Visitor) -> None:
    visitor.platform.config["identity"] = {"mode": "codes"}
    secret = code()
    page = visitor.open(more=f"&code={secret}")
    visitor.see("Choose one")
    assert page.url.endswith(f"#poll={POLL}")
    visitor.vote()
    visitor.see("Received")
    page.reload()  # the tab still knows the code
    visitor.see("Received")
    page.get_by_role("button", name="Change vote").click()
    visitor.vote("Linus")
    visitor.see("Received")
    posts = visitor.platform.posts()
    assert [post.vote for post in posts] == [{"option": "o1"}, {"option": "o2"}]
    assert {post.headers["Authorization"] for post in posts} == {f"Bearer {secret}"}
    page.get_by_role("link", name="Check my vote").click()
    page.get_by_text("Your vote is stored.").wait_for()
    (asked,) = [request for request in visitor.platform.requests if request.path.endswith("/votes/me")]
    assert "voter=k3j5abcd.0123456789abcdefghijkl&" in asked.query
    assert not any(secret in request.path + request.query for request in visitor.platform.requests)
    assert not any(
        secret in value
        for request in visitor.platform.requests
        for name, value in request.headers.items()
        if name != "Authorization"
    )
    assert page.evaluate("JSON.stringify({...localStorage})").count(secret) == 0


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "This code is not accepted here. Scan it again, or ask the organiser for help."),
        (403, "This code is not valid any more. Ask the organiser for a new one."),
    ],
)
def test_refused_code_is_forgotten_and_the_next_one_sends_nothing_by_itself(
    visitor: Visitor, status: int, sentence: str
) -> None:
    platform = visitor.platform
    platform.config["identity"] = {"mode": "codes"}
    platform.failures = [
        (status, {}, {"error": "forbidden", "message": "These credentials may not do this."})
    ]
    page = visitor.open(more=f"&code={code()}")
    visitor.vote()
    visitor.see(sentence)
    assert page.evaluate("document.activeElement.textContent") == sentence
    assert page.evaluate("sessionStorage.length") == 0
    page.reload()
    visitor.see("Scan the code on your invitation to vote.")
    another = code(voter="zzzzzzzz.0123456789abcdefghijkl")
    page.evaluate(f"location.hash = 'poll={POLL}&code={another}'")
    visitor.see("Choose one")
    assert len(platform.posts()) == 1
    visitor.vote("Ada")
    visitor.see("Received")
    assert platform.posts()[-1].headers["Authorization"] == f"Bearer {another}"


def test_code_that_cannot_vote_is_never_sent(visitor: Visitor) -> None:
    visitor.platform.config["identity"] = {"mode": "codes"}
    for wrong in (code(poll="other"), code(exp=1_000), "odd", "a.b.c"):
        visitor.page.goto("about:blank")
        page = visitor.open(more=f"&code={wrong}")
        page.locator(".panel.bad").wait_for()
        assert page.get_by_role("button", name="Vote", exact=True).count() == 0
        assert wrong not in page.url
    assert visitor.platform.posts() == []


def test_throttled_code_waits_like_any_vote(visitor: Visitor) -> None:
    visitor.platform.config["identity"] = {"mode": "codes"}
    visitor.platform.failures = [(429, {"Retry-After": "1"}, {})]
    visitor.open(more=f"&code={code()}")
    visitor.vote()
    visitor.see("Received")
    assert len(visitor.platform.posts()) == 2


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("de", "Dieser Code ist abgelaufen."),
        ("es", "Este código ha caducado."),
        ("fr", "Ce code a expiré."),
        ("ar", "انتهت صلاحية هذا الرمز."),
    ],
)
def test_code_problems_are_explained_in_every_language(
    visitor: Visitor, language: str, sentence: str
) -> None:
    visitor.platform.config["identity"] = {"mode": "codes"}
    visitor.open(query=f"?lang={language}", more=f"&code={code(exp=1_000)}")
    visitor.see(sentence)
    visitor.accessible()


def test_receipt_of_another_issuers_voter_is_kept_and_not_checked(visitor: Visitor) -> None:
    visitor.platform.config["identity"] = {"mode": "oidc", "authority": f"{visitor.platform.origin}/issuer"}
    receipt = {
        "shard": "shardId-000000000001",
        "sequence": "17",
        "time": 1,
        "title": "Finale",
        "voter": "ann",
    }
    visitor.page.add_init_script(f"localStorage.setItem('{RECEIPT}', {json.dumps(json.dumps(receipt))})")
    visitor.open("check")
    visitor.page.get_by_text("Receipts cannot be checked in this poll.").wait_for()
    assert not any(request.path.endswith("/votes/me") for request in visitor.platform.requests)
