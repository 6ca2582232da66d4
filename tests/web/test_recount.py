"""The check page recounts a results pack in the browser."""

from pathlib import Path

import pytest

from unit.votectl.pack.packs import SIGNER, change_lines, make, votes
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
    visitor.open("check")
    visitor.page.get_by_text("Recount a results pack yourself").click()
    visitor.platform.requests.clear()
    recount(visitor, pack, SIGNER.fingerprint)
    visitor.see("The result is the sum of the lines in this pack.")
    visitor.see("The key's fingerprint is the one that you gave.")
    visitor.see("The lines add up to the certificate: ada 834, grace 1666, linus 0.")
    assert [request.path for request in visitor.platform.requests] == ["/assets/verify_pack.js"]
    visitor.fits()
    visitor.accessible()


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
