"""Every state of every page, at its narrowest: what it says, that it fits, and that it is accessible."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from web.conftest import Visitor
from web.platform import POLL, Platform, code

TIED = ("A", "B")
HOSTILE = (
    '<img src=x onerror="fail()">',
    "<script>fail()</script>",
    "${fail()}",
    "&lt;b&gt; \u202e reversed",
)
MODES = {
    "none": {"mode": "none"},
    "iam": {"mode": "iam"},
    "cognito": {"mode": "cognito", "client_id": "pages", "logout_url": "/issuer/logout"},
    "oidc": {"mode": "oidc", "client_id": "pages", "token": "access"},
    "codes": {"mode": "codes"},
}


@dataclass(frozen=True)
class State:
    """How to bring a page into this state, and one of its texts."""

    name: str
    text: str
    prepare: Callable[[Platform], None] = lambda _: None
    act: Callable[[Visitor], None] = lambda _: None
    pages: tuple[str, ...] = ("vote", "board")
    poll: str = POLL
    modes: tuple[str, ...] = ("none",)
    more: str = ""
    board_text: str = field(default="")


def poll(status: str | None = None, **about: object) -> Callable[[Platform], None]:
    def prepare(platform: Platform) -> None:
        platform.set_poll(**about)  # type: ignore[arg-type]
        platform.status = status

    return prepare


def throttled(platform: Platform) -> None:
    platform.failures = [(429, {"Retry-After": "30"}, {})]


def void(platform: Platform) -> None:
    platform.failures = [(403, {}, {"error": "forbidden", "message": "These credentials may not do this."})]


def down(platform: Platform) -> None:
    platform.down = True


def tie(platform: Platform) -> None:
    platform.set_poll(closes_in=-60, labels=TIED)
    platform.status, platform.votes = "final", [7, 7]


def tampered(platform: Platform) -> None:
    platform.set_poll(closes_in=-60)
    platform.status, platform.tampered = "final", True


def vote_for_nothing(visitor: Visitor) -> None:
    visitor.page.get_by_role("button", name="Vote", exact=True).click()


def vote_and_check(visitor: Visitor) -> None:
    visitor.vote()
    visitor.page.get_by_role("link", name="Check my vote").click()


def unique(platform: Platform) -> None:
    votes = (4801, 7300, 2950, 1150)
    counts = [
        {"option": option["id"], "label": option["label"], "votes": count}
        for option, count in zip(platform.poll["options"], votes, strict=True)
    ]
    platform.unique = {"voters": sum(votes), "counts": counts, "counted_at": platform.poll["opens_at"]}


SIGNED_OUT = ("cognito", "oidc")
ALL = tuple(MODES)
VOTE = Visitor.vote
SCHEDULED = poll(opens_in=600, closes_in=900)
EXPIRED = f"&code={code(exp=1_000)}"
STATES = (
    State("open", "Choose one", pages=("vote",)),
    State("open-code", "Choose one", modes=("codes",), more=f"&code={code()}", pages=("vote",)),
    State("expired-code", "This code has expired.", modes=("codes",), more=EXPIRED, pages=("vote",)),
    State(
        "expired-code-early",
        "This code has expired.",
        SCHEDULED,
        modes=("codes",),
        more=EXPIRED,
        pages=("vote",),
    ),
    State(
        "code-of-another-poll",
        "This code is for another poll.",
        modes=("codes",),
        more=f"&code={code(poll='other')}",
        pages=("vote",),
    ),
    State("odd-code", "This code is not accepted here.", modes=("codes",), more="&code=odd", pages=("vote",)),
    State(
        "void-code",
        "This code is not valid any more.",
        void,
        VOTE,
        modes=("codes",),
        more=f"&code={code()}",
        pages=("vote",),
    ),
    State("open", "Vote now", pages=("board",), modes=("none", "cognito", "oidc", "codes")),
    State(
        "open-elsewhere",
        "Votes in this poll come through the organiser's own pages.",
        pages=("vote",),
        modes=("iam",),
    ),
    State("signed-out", "Sign in to vote. You come back to this page.", pages=("vote",), modes=SIGNED_OUT),
    State("no-code", "Scan the code on your invitation to vote.", pages=("vote",), modes=("codes",)),
    State(
        "empty-choice",
        "Choose an option first.",
        act=vote_for_nothing,
        pages=("vote",),
    ),
    State("received", "Received", act=VOTE, pages=("vote",)),
    State("throttled", "Not received yet", throttled, VOTE, pages=("vote",)),
    State("scheduled", "Opens in", SCHEDULED, modes=ALL),
    State("scheduled-later", "Opens on", poll(opens_in=200_000, closes_in=300_000)),
    State(
        "hidden",
        "Results appear after voting ends.",
        poll(visibility="after_close"),
        board_text="Results after voting ends",
    ),
    State(
        "hidden-to-the-end",
        "Results appear when all votes are counted.",
        poll(visibility="never"),
        board_text="Results when all votes are counted",
    ),
    State("closing", "Voting has ended", poll(closes_in=-1), modes=ALL),
    State("counting", "Voting has ended", poll("counting", closes_in=-20), board_text="Counting the votes"),
    State(
        "counting-hidden",
        "Voting has ended",
        poll("counting", closes_in=-20, visibility="never"),
        board_text="Results when all votes are counted",
    ),
    State("final", "Winner", poll("final", closes_in=-60), modes=ALL),
    State("tie", "Tie", tie),
    State("counted-once", "16,201 voters", unique),
    State("cancelled", "This poll was cancelled", poll("cancelled")),
    State("unknown", "There is no poll with this name.", poll="other"),
    State(
        "no-poll",
        "This link does not name a poll.",
        poll="Not a poll",
        board_text="This address does not name a poll",
    ),
    State("down", "The poll cannot be reached. This page tries again by itself.", down),
    State("hostile", HOSTILE[0], poll(title=HOSTILE[1], labels=HOSTILE)),
    State("long", "W" * 40, poll(title="W" * 200, labels=("W" * 200, "x y " * 50))),
    State(
        "arrived",
        "Your vote is stored.",
        act=vote_and_check,
        pages=("vote",),
    ),
    State("no-receipt", "This browser has no receipt.", pages=("check",)),
    State(
        "certified",
        "The published result matches its certificate.",
        poll("final", closes_in=-60),
        pages=("check",),
    ),
    State(
        "tampered",
        "The published result does not match its certificate.",
        tampered,
        pages=("check",),
    ),
)


def cases() -> list[object]:
    return [
        pytest.param(state, page, mode, id=f"{page}-{state.name}-{mode}")
        for state in STATES
        for page in state.pages
        for mode in state.modes
    ]


def settle(visitor: Visitor, state: State, page: str, mode: str) -> None:
    identity = MODES[mode]
    if mode in SIGNED_OUT:
        identity = identity | {"authority": f"{visitor.platform.origin}/issuer"}
    visitor.platform.config["identity"] = identity
    state.prepare(visitor.platform)
    visitor.open(page, poll=state.poll, more=state.more)
    if state.act is not State.act:
        visitor.page.locator("#app h1").first.wait_for()
        state.act(visitor)
    text = state.board_text if page == "board" and state.board_text else state.text
    visitor.page.get_by_text(text, exact=False).first.wait_for(timeout=20_000)


@pytest.mark.parametrize(("state", "page", "mode"), cases())
def test_each_state_is_shown_and_accessible_at_320_px(
    visitor: Visitor, state: State, page: str, mode: str
) -> None:
    visitor.page.set_viewport_size({"width": 320, "height": 640})
    settle(visitor, state, page, mode)
    visitor.fits()
    visitor.accessible()
    visitor.picture(f"{page}-{state.name}-{mode}-320-dark")


@pytest.mark.parametrize("language", ["de", "es", "fr", "ar"])
@pytest.mark.parametrize("page", ["vote", "board", "check"])
def test_page_is_complete_in_every_language(visitor: Visitor, language: str, page: str) -> None:
    visitor.platform.set_poll(closes_in=-60)
    visitor.platform.status = "final"
    visitor.page.set_viewport_size({"width": 320, "height": 640})
    visitor.open(page, query=f"?lang={language}")
    visitor.page.locator(".standing, .bars table").first.wait_for()
    assert visitor.page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
    assert visitor.page.evaluate("document.documentElement.lang") == language
    # A key without a text is shown as the key.
    assert "_" not in visitor.text().replace("https://", "")
    visitor.fits()
    visitor.accessible()


def test_hostile_titles_and_labels_are_shown_as_text(visitor: Visitor) -> None:
    visitor.platform.set_poll(title=HOSTILE[1], labels=HOSTILE)
    visitor.open()
    visitor.see(HOSTILE[0])
    assert visitor.page.locator("h1").inner_text() == HOSTILE[1]
    assert [label.inner_text() for label in visitor.page.locator(".option").all()] == list(HOSTILE)
    assert visitor.page.locator("main img, main script").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1920, 1080)])
@pytest.mark.parametrize("name", ["open", "received", "scheduled", "final"])
def test_reviewers_get_pictures_of_every_state(
    visitor: Visitor, name: str, width: int, height: int, scheme: str
) -> None:
    visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    visitor.page.set_viewport_size({"width": width, "height": height})
    for state, page in [(found, page) for found in STATES if found.name == name for page in found.pages]:
        settle(visitor, state, page, "none")
        visitor.page.wait_for_function(
            "document.querySelector('.results') || !document.querySelector('.until')"
            if name == "final"
            else "true"
        )
        visitor.fits()
        visitor.picture(f"{page}-{name}-{width}-{scheme}")
