"""Sheets: every card can be scanned from the page as printed, and a title that can't be printed is refused first."""

import re
from pathlib import Path

import numpy as np
import pypdfium2  # type: ignore[import-untyped]  # it brings no types
import pytest
import zxingcpp

from unit.votectl.codes.issued import PAGE, POLL, quick, terms
from votectl.codes.files import Card, link_of
from votectl.codes.minting import signed_codes, unsigned_codes
from votectl.codes.sheet import (
    MOST_CARDS,
    PIXELS_PER_MODULE,
    QUIET_MODULES,
    Fonts,
    SheetText,
    qr_image,
    renderer,
)
from votectl.codes.wording import WORDINGS, Language, Paper
from votectl.errors import OperatorError

PRINTED_DPI = 200  # less than any office printer
MM_PER_INCH = 25.4
SIZES_MM = {Paper.A4: (210, 297), Paper.LETTER: (215.9, 279.4)}


def cards(count: int, page: str = PAGE, poll_id: str = POLL.poll_id) -> list[Card]:
    made = terms()._replace(poll_id=poll_id, key_id="0f0ce3c4-1111-4222-8333-444455556666")
    codes = signed_codes(unsigned_codes(made, count), quick)
    return [Card(number, link_of(page, poll_id, code), code) for number, code in enumerate(codes, 1)]


def drawn(
    handed_out: list[Card],
    title: str = POLL.title,
    language: Language = Language.EN,
    paper: Paper = Paper.A4,
) -> pypdfium2.PdfDocument:
    text = SheetText(title, "k3j5abcd", language)
    return pypdfium2.PdfDocument(renderer(len(handed_out), text, paper, None)(handed_out))


def scanned(sheet: pypdfium2.PdfDocument) -> list[zxingcpp.Barcode]:
    """Return the QR codes of all pages."""
    pages = [page.render(scale=PRINTED_DPI / 72, grayscale=True).to_numpy() for page in sheet]
    kind = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    return [code for page in pages for code in zxingcpp.read_barcodes(np.squeeze(page), formats=kind)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("paper", "language"),
    [
        (Paper.A4, Language.EN),
        (Paper.LETTER, Language.ES),
        (Paper.A4, Language.AR),
        (Paper.LETTER, Language.AR),
    ],
)
def test_every_card_of_a_printed_sheet_can_be_scanned(paper: Paper, language: Language) -> None:
    handed_out = cards(9)
    sheet = drawn(handed_out, language=language, paper=paper)
    assert len(sheet) == 2
    size_mm = tuple(round(points / 72 * MM_PER_INCH, 1) for points in sheet[0].get_size())
    assert size_mm == SIZES_MM[paper]
    assert sorted(code.text for code in scanned(sheet)) == sorted(card.link for card in handed_out)


@pytest.mark.slow
def test_the_longest_codes_have_modules_that_a_phone_can_scan() -> None:
    handed_out = cards(8, "https://abstimmung.stadtverwaltung.example/beteiligung/vote", "p" * 64)
    codes = scanned(drawn(handed_out, title="W" * 200, paper=Paper.LETTER))
    assert sorted(code.text for code in codes) == sorted(card.link for card in handed_out)
    for code in codes:
        corner, other = code.position.top_left, code.position.top_right
        width_mm = (other.x - corner.x) / PRINTED_DPI * MM_PER_INCH
        modules = qr_image(code.text).width / PIXELS_PER_MODULE - 2 * QUIET_MODULES
        assert width_mm / modules > 0.4


def test_card_shows_its_poll_its_number_and_its_batch() -> None:
    said = " ".join(drawn(cards(9))[1].get_textpage().get_text_range().split())
    for text in (POLL.title, WORDINGS[Language.EN].scan, "do not share it", "No. 9", "k3j5abcd"):
        assert text in said


@pytest.mark.slow
def test_cards_hold_no_code_in_letters() -> None:
    handed_out = cards(8)
    said = drawn(handed_out)[0].get_textpage().get_text_range()
    assert not any(part in said for card in handed_out for part in card.code.split("."))


def test_long_title_is_shortened() -> None:
    said = drawn(cards(1), title="A very long title " * 11)[0].get_textpage().get_text_range()
    assert "…" in said
    assert said.count("A very long title") <= 4


@pytest.mark.parametrize(
    "title", ["Qui préside ?", "Кто?", "Ποιος;", "Kto będzie przewodniczył?", "من يقود؟", "Vote ✓"]
)
def test_titles_of_many_scripts_can_be_printed(title: str) -> None:
    assert len(drawn(cards(1), title=title)) == 1


def test_unprintable_letter_is_refused_with_a_remedy() -> None:
    with pytest.raises(OperatorError, match=r"'議' \(U\+8B70\).*--font.*--no-sheet"):
        Fonts(None).must_have("議長")


@pytest.mark.parametrize("content", [b"no font", b""])
def test_file_that_is_not_a_font_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "font.ttf").write_bytes(content)
    with pytest.raises(OperatorError, match=r"--font .* is not a TrueType or OpenType font file"):
        Fonts(tmp_path / "font.ttf")
    with pytest.raises(OperatorError, match="is not a TrueType"):
        Fonts(tmp_path / "missing.ttf")


@pytest.mark.slow
def test_given_font_is_used_and_dejavu_fills_its_gaps() -> None:
    import matplotlib as mpl

    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    fonts = Fonts(folder / "cmmi10.ttf")
    fonts.must_have("Кто?")
    pdf = renderer(1, SheetText("Кто?", "k3j5abcd", Language.EN), Paper.A4, folder / "cmmi10.ttf")(cards(1))
    assert {b"cmmi10", b"DejaVuSansBold"} <= set(re.findall(rb"/BaseFont /\w+\+(\w+)", pdf))


def test_sheet_that_would_fill_the_memory_is_refused_first() -> None:
    text = SheetText(POLL.title, "k3j5abcd", Language.EN)
    renderer(MOST_CARDS, text, Paper.A4, None)
    with pytest.raises(OperatorError, match=r"at most 5,000 cards.*--no-sheet"):
        renderer(MOST_CARDS + 1, text, Paper.A4, None)
