"""The check page recounts a results pack in the browser."""

import json
from pathlib import Path

import pytest

from unit.votectl.pack.packs import SIGNER, change_lines, make, opening_of, votes
from web.conftest import Visitor


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return make(tmp_path / "pack", votes(2_500))


def recount(visitor: Visitor, pack: Path, fingerprint: str = "") -> None:
    visitor.page.get_by_label("All files of the pack").set_input_files(sorted(pack.iterdir()))
    visitor.page.get_by_label("Fingerprint of the key").fill(fingerprint)
    visitor.page.get_by_role("button", name="Recount").click()


def test_pack_is_recounted_without_a_request(visitor: Visitor, pack: Path) -> None:
    visitor.page.set_viewport_size({"width": 320, "height": 640})
    # The page asks for the results of a poll that is not final.
    visitor.platform.set_poll(closes_in=-60)
    visitor.platform.status = "final"
    visitor.open("check")
    visitor.page.get_by_text("The published result matches its certificate.").wait_for()
    visitor.page.get_by_text("Recount a results pack yourself").click()
    visitor.platform.requests.clear()
    recount(visitor, pack, SIGNER.fingerprint)
    visitor.see("The result is the sum of the lines in this pack.")
    visitor.see("The key's fingerprint is the one that you gave.")
    visitor.see("The lines add up to the certificate: ada 834, grace 1666, linus 0.")
    assert [request.path for request in visitor.platform.requests] == ["/assets/verify_pack.js"]
    visitor.fits()
    visitor.accessible()


def with_receipt(visitor: Visitor, openings: bool = True) -> None:
    """Open the page of a voter who came with a code, and voted in this browser."""
    visitor.platform.config |= {"identity": {"mode": "codes"}, "openings": openings}
    receipt = '{"shard": "shardId-000000000001", "sequence": "1", "time": 1, "title": "Finale"}'
    visitor.page.add_init_script(f"localStorage.setItem('votestream:receipt:finale', {json.dumps(receipt)})")
    visitor.open("check")
    visitor.page.get_by_text("Recount a results pack yourself").click()


def test_own_line_is_found_with_an_opening(visitor: Visitor, pack: Path) -> None:
    vote = votes(2_500)[7]
    visitor.platform.opening = json.loads(opening_of(vote))
    visitor.page.set_viewport_size({"width": 320, "height": 640})
    with_receipt(visitor)
    visitor.page.get_by_label("Find my own line").check()
    recount(visitor, pack)
    visitor.page.get_by_text(f"It is a vote for {vote[2]}.").wait_for()
    visitor.see("The result is the sum of the lines in this pack.")
    visitor.fits()
    visitor.accessible()


def test_opening_is_asked_for_only_on_request(visitor: Visitor, pack: Path) -> None:
    visitor.platform.opening = json.loads(opening_of(votes(2_500)[7]))
    with_receipt(visitor)
    recount(visitor, pack)
    visitor.see("The result is the sum of the lines in this pack.")
    assert not any("opening" in request.query for request in visitor.platform.requests)


def test_page_says_that_there_is_no_opening(visitor: Visitor, pack: Path) -> None:
    with_receipt(visitor)
    visitor.page.get_by_label("Find my own line").check()
    recount(visitor, pack)
    visitor.page.get_by_text("there is no opening of your vote").wait_for()


def test_opening_of_another_vote_is_refused(visitor: Visitor, pack: Path) -> None:
    visitor.platform.opening = json.loads(opening_of(votes(2_500)[7], salt="00" * 32))
    with_receipt(visitor)
    visitor.page.get_by_label("Find my own line").check()
    recount(visitor, pack)
    visitor.see("This pack does not prove the result.")
    visitor.page.get_by_text("no line of this pack belongs to the opening").wait_for()


def test_no_opening_is_offered_where_openings_are_off(visitor: Visitor) -> None:
    with_receipt(visitor, openings=False)
    assert visitor.page.get_by_label("Find my own line").count() == 0


def test_tampered_pack_says_what_is_wrong(visitor: Visitor, pack: Path) -> None:
    visitor.open("check")
    visitor.page.get_by_text("Recount a results pack yourself").click()
    recount(visitor, pack, "00" * 32)
    visitor.see("This pack does not prove the result.")
    visitor.page.get_by_text("not the one that you gave").wait_for()
    change_lines(pack, 0, lambda lines: lines[1:])
    recount(visitor, pack)
    visitor.page.get_by_text("lines-0000.bin has another length than its lines").wait_for()
    visitor.accessible()
