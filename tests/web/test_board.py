"""The screen in the hall."""

from itertools import combinations, pairwise

import pytest

from web.conftest import Visitor
from web.platform import POLL


def test_board_follows_the_votes_every_second(visitor: Visitor) -> None:
    visitor.page.clock.install()
    page = visitor.open("board")
    visitor.see("16,250 votes")
    visitor.platform.votes = [4812, 7301, 2950, 4937]
    visitor.let_pass(2)
    visitor.see("20,000 votes")
    cells = page.locator("tbody tr").nth(3).locator("th, td").all_inner_texts()
    assert cells == ["Margaret", "4,937", "24.7%"]
    width = (
        page.locator("tbody tr").nth(3).evaluate("row => getComputedStyle(row).getPropertyValue('--share')")
    )
    assert width == "0.24685"


@pytest.mark.parametrize(
    ("title", "labels"),
    [
        pytest.param("W" * 200, ("W" * 200, "x y " * 50), id="longest-texts"),
        pytest.param(
            "Which of these songs should open the second half of the show? " * 3, ("Ada", "Grace"), id="title"
        ),
        pytest.param("Who wins?", tuple(f"Option {number}" for number in range(30)), id="many-options"),
    ],
)
@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720)], ids=["full-hd", "projector"])
def test_no_part_of_the_screen_covers_another(
    visitor: Visitor, title: str, labels: tuple[str, ...], size: tuple[int, int]
) -> None:
    visitor.platform.set_poll(title=title, labels=labels)
    page = visitor.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    visitor.open("board")
    page.locator(".results").wait_for()
    boxes = {part: page.locator(part).bounding_box() for part in ("header", "h1", ".until", ".bars", "aside")}
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        assert a
        assert b
        apart = (
            a["x"] + a["width"] <= b["x"] + 1
            or b["x"] + b["width"] <= a["x"] + 1
            or a["y"] + a["height"] <= b["y"] + 1
            or b["y"] + b["height"] <= a["y"] + 1
        )
        assert apart, f"{one} and {other} overlap"


def test_board_shows_where_to_vote(visitor: Visitor) -> None:
    page = visitor.open("board")
    link = page.locator("aside a")
    link.wait_for()
    assert link.get_attribute("href") == f"{visitor.platform.origin}/vote#poll={POLL}"
    assert page.locator("canvas").evaluate("canvas => canvas.width") >= 21


def test_held_result_is_shown_by_a_key(visitor: Visitor) -> None:
    visitor.platform.set_poll(closes_in=-60)
    visitor.platform.status = "final"
    page = visitor.open("board", query="?hold")
    page.get_by_text("The result is ready").wait_for()
    assert "7,301" not in page.content()
    page.keyboard.press("Space")
    visitor.see("Winner")


def test_overlay_is_transparent_and_shows_only_the_bars(visitor: Visitor) -> None:
    page = visitor.open("board", query="?overlay")
    visitor.see("16,250 votes")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert page.locator("header, aside").count() == 0


def test_screen_readers_hear_at_most_one_result_in_ten_seconds(visitor: Visitor) -> None:
    visitor.page.clock.install()
    page = visitor.open("board")
    visitor.see("16,250 votes")
    page.evaluate(
        "window.heard = []; new MutationObserver(() => heard.push(Date.now())).observe("
        "document.getElementById('status'), { childList: true })"
    )
    for step in range(30):
        visitor.platform.votes = [4812 + step, 7301, 2950, 1187]
        visitor.let_pass(1)
    heard = page.evaluate("heard")
    assert 2 <= len(heard) <= 4
    assert all(later - earlier >= 10_000 for earlier, later in pairwise(heard))


def test_bars_move_only_without_reduced_motion(visitor: Visitor) -> None:
    page = visitor.open("board")
    visitor.see("16,250 votes")
    bar = page.locator("tbody tr").first
    assert bar.evaluate("row => getComputedStyle(row, '::after').transitionProperty") == "none"
    page.emulate_media(reduced_motion="no-preference")
    assert bar.evaluate("row => getComputedStyle(row, '::after').transitionProperty") == "width"
