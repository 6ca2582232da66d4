"""The sheet: cards with QR codes on A4 or Letter, eight to a page, to print, cut and hand out."""

import importlib.util
import unicodedata
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import segno
from fontTools.ttLib import TTFont, TTLibError  # type: ignore[import-untyped]  # it brings no types
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from PIL import Image

from votectl.codes.files import Card
from votectl.codes.wording import WORDINGS, Language, Paper, Wording
from votectl.errors import OperatorError

# About a minute of drawing, and 40 MB that are kept in memory until the file is written.
MOST_CARDS = 5_000
COLUMNS, ROWS = 2, 4
MARGIN_MM = 8.0
PADDING_MM = 5.0
GAP_MM = 4.0
TITLE_MM = 13.0
QUIET_MODULES = 4  # the white margin that ISO/IEC 18004 requires around a code
PIXELS_PER_MODULE = 6
INK, GREY, FAINT = 20, 100, 190

_FONT = "sheet"
_FALLBACKS = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"


class SheetText(NamedTuple):
    """The texts that all cards of a sheet share."""

    title: str
    batch: str
    language: Language

    @property
    def wording(self) -> Wording:
        """The fixed texts in the sheet's language."""
        return WORDINGS[self.language]


class Fonts:
    """Fonts by preference: the operator's, if one is named, and DejaVu Sans, which comes with matplotlib."""

    def __init__(self, chosen: Path | None) -> None:
        """Take the operator's font file, or None.

        Raises:
            OperatorError: it is not a font.
        """
        regular, bold = (_dejavu() / name for name in _FALLBACKS)
        self._files = [(regular, bold)] if chosen is None else [(chosen, chosen), (regular, bold)]
        self._letters = frozenset(letter for file, _ in self._files for letter in _letters_of(file))

    def must_have(self, text: str) -> None:
        """Make sure that a text can be printed.

        Raises:
            OperatorError: no font has one of its letters.
        """
        for letter in text:
            if ord(letter) not in self._letters and letter.isprintable():
                raise OperatorError(
                    f"no font of the sheet has {letter!r} (U+{ord(letter):04X}), which is in the poll's title: name a "
                    "font file that has it with --font, or leave the sheet out with --no-sheet"
                )

    def add_to(self, pdf: FPDF) -> None:
        """Add the fonts to a document."""
        for number, (regular, bold) in enumerate(self._files):
            pdf.add_font(f"{_FONT}{number}", "", regular)
            pdf.add_font(f"{_FONT}{number}", "B", bold)
        pdf.set_fallback_fonts(
            [f"{_FONT}{number}" for number in range(1, len(self._files))], exact_match=False
        )
        pdf.set_font(f"{_FONT}0")


def _letters_of(font: Path) -> Collection[int]:
    try:
        with font.open("rb") as file, TTFont(file, fontNumber=0, lazy=True) as opened:
            return frozenset(opened.getBestCmap())
    except (OSError, TTLibError, TypeError):
        raise OperatorError(f"--font {str(font)!r} is not a TrueType or OpenType font file") from None


def _dejavu() -> Path:
    # Found, not imported: loading matplotlib takes half a second.
    found = importlib.util.find_spec("matplotlib")
    assert found is not None  # noqa: S101 - requirements lock it together with fpdf2
    assert found.origin is not None  # noqa: S101
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"


def qr_image(text: str) -> Image.Image:
    """Return a QR code with its white margin, large enough for sharp print."""
    # A code is random letters, so all masks are alike: trying all eight would take most of the time.
    code = segno.make(text, error="l", boost_error=True, micro=False, mask=0)
    rows = [bytes(0 if dark else 255 for dark in row) for row in code.matrix_iter(border=QUIET_MODULES)]
    image = Image.frombytes("L", (len(rows[0]), len(rows)), b"".join(rows))
    size = len(rows) * PIXELS_PER_MODULE
    return image.resize((size, size), Image.Resampling.NEAREST).convert("1", dither=Image.Dither.NONE)


def renderer(
    count: int, text: SheetText, paper: Paper, font: Path | None
) -> Callable[[Sequence[Card]], bytes]:
    """Return a function that draws a sheet.

    Raises:
        OperatorError: it would have too many cards, or the fonts lack a letter.
    """
    if count > MOST_CARDS:
        raise OperatorError(
            f"a sheet takes at most {MOST_CARDS:,} cards, and this batch has {count:,}: add --no-sheet and print from "
            "the CSV file, or make several batches"
        )
    fonts = Fonts(font)
    fonts.must_have(text.title)
    return lambda cards: sheet_of(cards, text, paper, fonts)


def sheet_of(cards: Sequence[Card], text: SheetText, paper: Paper, fonts: Fonts) -> bytes:
    """Return the sheet as PDF."""
    pdf = FPDF(unit="mm", format=paper.value)
    pdf.set_auto_page_break(auto=False)
    pdf.set_margin(0)
    pdf.c_margin = 0
    pdf.set_title(text.title)
    pdf.set_creator("votectl")
    # For letters that join or run from right to left. Others look the same without, in half the time.
    pdf.set_text_shaping(use_shaping_engine=text.wording.right_to_left or _needs_shaping(text.title))
    fonts.add_to(pdf)
    for place, card in enumerate(cards):
        row, column = divmod(place % (COLUMNS * ROWS), COLUMNS)
        if row == column == 0:
            pdf.add_page()
            _cutting_lines(pdf)
        if text.wording.right_to_left:
            column = COLUMNS - 1 - column
        width, height = _card_size(pdf)
        _draw(pdf, card, text, MARGIN_MM + column * width, MARGIN_MM + row * height)
    return bytes(pdf.output())


def _card_size(pdf: FPDF) -> tuple[float, float]:
    return (pdf.w - 2 * MARGIN_MM) / COLUMNS, (pdf.h - 2 * MARGIN_MM) / ROWS


def _needs_shaping(text: str) -> bool:
    return any(
        unicodedata.bidirectional(letter) in {"R", "AL"} or unicodedata.category(letter).startswith("M")
        for letter in text
    )


def _cutting_lines(pdf: FPDF) -> None:
    width, height = _card_size(pdf)
    pdf.set_draw_color(FAINT)
    pdf.set_line_width(0.15)
    pdf.set_dash_pattern(dash=1.5, gap=1.5)
    for row in range(ROWS + 1):
        pdf.line(MARGIN_MM, MARGIN_MM + row * height, pdf.w - MARGIN_MM, MARGIN_MM + row * height)
    for column in range(COLUMNS + 1):
        pdf.line(MARGIN_MM + column * width, MARGIN_MM, MARGIN_MM + column * width, pdf.h - MARGIN_MM)
    pdf.set_dash_pattern()


def _draw(pdf: FPDF, card: Card, text: SheetText, x: float, y: float) -> None:
    """Draw one card: the title above, and below it the QR code where reading begins, with the words beside it."""
    words = text.wording
    width, height = _card_size(pdf)
    left, right = x + PADDING_MM, x + width - PADDING_MM
    align = "R" if words.right_to_left else "L"

    def paragraph(content: str, size: float, most_lines: int, style: str = "", grey: int = INK) -> None:
        pdf.set_font(f"{_FONT}0", style, size)
        pdf.set_text_color(grey)
        fitting = _shortened(pdf, content, space, most_lines)
        pdf.multi_cell(space, size * 0.45, fitting, align=align, new_x=XPos.LEFT, new_y=YPos.NEXT)

    space = right - left
    pdf.set_xy(left, y + PADDING_MM)
    paragraph(text.title, 12, 2, "B")

    side = height - 2 * PADDING_MM - TITLE_MM
    top = y + PADDING_MM + TITLE_MM
    image = qr_image(card.link)
    # Its dark modules end where the title begins. The white around them reaches into the padding.
    module = side / (image.width / PIXELS_PER_MODULE - 2 * QUIET_MODULES)
    quiet = module * QUIET_MODULES
    code_x = right - side if words.right_to_left else left
    pdf.image(
        image, x=code_x - quiet, y=top - quiet, w=side + 2 * quiet, h=side + 2 * quiet, alt_text=words.scan
    )

    space = right - left - side - GAP_MM
    beside = left if words.right_to_left else left + side + GAP_MM
    pdf.set_xy(beside, top - 0.8)
    paragraph(words.scan, 9, 4)
    pdf.set_xy(beside, pdf.get_y() + 1.5)
    paragraph(words.secret, 7, 9, grey=GREY)
    pdf.set_xy(beside, y + height - PADDING_MM - 6.8)
    paragraph(f"{words.number} {card.number}", 9, 1, "B")
    paragraph(text.batch, 7, 1, grey=GREY)


def _shortened(pdf: FPDF, content: str, space: float, lines: int) -> str:
    """Return a text that takes at most so many lines."""
    wrapped = pdf.multi_cell(space, 1, content, dry_run=True, output="LINES")
    assert isinstance(wrapped, list)  # noqa: S101 - what output="LINES" returns
    if len(wrapped) <= lines:
        return content
    kept = " ".join(wrapped[:lines]).rstrip()
    return _shortened(pdf, f"{kept[:-2].rstrip()}…", space, lines)
