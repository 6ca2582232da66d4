"""Other people's text is printed and written unchanged, and never acts as markup, control character or formula."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from results_api.results import Status, result_of
from unit.results_api.conftest import AFTER, DURING, Tables, a_final, a_poll
from votectl import display
from votectl.auditing import Audit, AuditCheck, audit_tables
from votectl.demo import Check, checks_table
from votectl.doctor.findings import wrong
from votectl.doctor.screen import table as doctor_table
from votectl.ledger import Ledger
from votectl.results import CSV_COLUMNS, as_document, as_picture, csv_rows
from votectl.tallying import final_card
from votectl.terminal import BYTE_ORDER_MARK, PlainConsole, as_csv, as_json, literal, table, visible
from voting.live import LiveCounts
from voting.polls import Poll

# Text with a special meaning to Rich, to a terminal or to a spreadsheet.
MEANINGFUL = st.lists(
    st.sampled_from(
        [
            "[red]",
            "[/red]",
            "[/roll]",
            "[",
            "]",
            ":b:",
            ":smile:",
            "\\[",
            "{}",
            "a",
            "é",
            "עד",
            "日本",
            " ",
            "=",
        ]
    ),
    min_size=1,
    max_size=12,
).map("".join)
ANYTHING = st.text(min_size=1, max_size=40)


def stored_poll(text: str, poll_id: str = "p") -> Poll:
    """Return a poll whose texts are as an older release may have stored them."""
    options = [{"id": "choice-a", "label": text}, {"id": "choice-b", "label": "B"}]
    return Poll.from_stored(a_poll(poll_id=poll_id).model_dump() | {"title": text, "options": options})


def a_result(poll: Poll) -> Any:
    return result_of(poll, Tables(), DURING, show_hidden=True)


PICTURES: dict[str, Callable[[str], list[Any]]] = {
    "poll list": lambda text: [display.poll_table([(stored_poll(text), Status.OPEN)], DURING)],
    "poll show": lambda text: [display.poll_card(stored_poll(text), Status.OPEN, DURING)],
    "results": lambda text: [as_picture(a_result(stored_poll(text)), DURING)],
    "demo": lambda text: [display.live_result(stored_poll(text), LiveCounts())],
    "tally": lambda text: [final_card(stored_poll(text), a_final())],
    "audit": lambda text: [
        *audit_tables(
            Audit(stored_poll(text), Counter(), LiveCounts(), None, [AuditCheck("holds", False, text)])
        )
    ],
    "doctor": lambda text: [doctor_table("dev", [wrong(text, text, text)])],
    "checks": lambda text: [checks_table([Check("", text, 1, 2)])],
    "ledger": lambda text: [display.ledger(Ledger(text, 0, 0, Counter(), 0))],
    "message": lambda text: [text],
}


def drawn(renderables: list[Any], width: int = 1_000) -> str:
    console = PlainConsole(width=width, file=io.StringIO(), force_terminal=False)
    for renderable in renderables:
        console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
@given(MEANINGFUL)
def test_every_text_is_shown_unchanged(picture: Callable[[str], list[Any]], text: str) -> None:
    # Without white space: the title above a narrow table may be folded anywhere.
    shown = "".join(drawn(picture(text)).split())
    assert "".join(text.split()) in shown


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
@given(ANYTHING)
def test_no_text_controls_the_terminal(picture: Callable[[str], list[Any]], text: str) -> None:
    shown = drawn(picture(text))
    assert not set("\x1b\x9b\x07\x08\r\u202e") & set(shown)


@given(MEANINGFUL)
def test_cells_do_not_depend_on_the_console_that_shows_them(text: str) -> None:
    """Another console than ours reads markup in strings: cells must not be strings."""
    console = Console(width=1_000, file=io.StringIO(), highlight=False)
    shown = table("column", title=text)
    shown.add_row(literal(text))
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    assert " ".join(console.file.getvalue().split()).count(" ".join(text.split())) >= 2 - (not text.strip())


@pytest.mark.parametrize("width", [30, 50, 80])
def test_copyable_text_is_never_cut(width: int) -> None:
    poll_id, digest = "p" * 64, a_final().digest
    finding = AuditCheck("certificates match their digests", holds=True, detail=digest)
    audit = Audit(stored_poll("Lunch"), Counter(), LiveCounts(), None, [finding])
    for picture, copied in (
        ([display.poll_table([(stored_poll("Lunch", poll_id), Status.OPEN)], DURING)], poll_id),
        ([final_card(stored_poll("Lunch"), a_final())], digest),
        (audit_tables(audit), digest),
        ([doctor_table("dev", [wrong("a queue", poll_id)])], poll_id),
    ):
        shown = drawn(picture, width)
        assert "…" not in shown
        assert max(map(len, shown.splitlines())) <= width
        folded = "".join(character for character in shown if character.isalnum())
        for character in set(copied):
            assert folded.count(character) >= copied.count(character)


def test_a_list_of_polls_fits_80_columns_with_its_status_and_title() -> None:
    shown = drawn([display.poll_table([(stored_poll("Lunch?", "p" * 64), Status.OPEN)], DURING)], 80)
    assert "Lunch?" in shown
    assert "open" in shown
    assert "closes in" in shown


def test_piped_output_is_wider_than_any_table() -> None:
    shown = drawn([display.poll_table([(stored_poll("L" * 200, "p" * 64), Status.FINAL)], DURING)], 100_000)
    assert "L" * 200 in shown
    assert "p" * 64 in shown
    assert "final" in shown


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_no_line_ends_with_spaces(picture: Callable[[str], list[Any]]) -> None:
    for line in drawn(picture("Lunch?"), 100_000).splitlines():
        assert line == line.rstrip()


def test_piped_tables_without_lines_have_no_trailing_spaces() -> None:
    screen = PlainConsole(width=100, file=io.StringIO())
    rows = Table("name", "value", box=None, title="a title")
    rows.add_row("short", "a value")
    rows.add_row("longer", "")
    screen.print(rows, "text  ")
    assert isinstance(screen.file, io.StringIO)
    assert [line for line in screen.file.getvalue().splitlines() if line != line.rstrip()] == []


@given(st.lists(st.lists(ANYTHING, min_size=2, max_size=2), max_size=4))
def test_csv_for_programs_contains_texts_unchanged(rows: list[list[str]]) -> None:
    text = as_csv(("a", "b"), rows)
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["a", "b"], *rows]
    assert text.splitlines(keepends=True)[0] == "a,b\r\n"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_for_spreadsheets_contains_no_formula(start: str) -> None:
    text = as_csv(("label", "votes"), [(f"{start}HYPERLINK(1)", -1)], excel=True)
    assert text.startswith(BYTE_ORDER_MARK)
    assert list(csv.reader(io.StringIO(text[1:], newline="")))[1] == [f"'{start}HYPERLINK(1)", "-1"]


def test_a_result_for_programs_has_its_time_in_utc() -> None:
    tables = Tables(finals={"poll-1": a_final()})
    result = result_of(a_poll(), tables, AFTER)
    rows = list(csv.DictReader(io.StringIO(as_csv(CSV_COLUMNS, csv_rows(result)))))
    assert {row["as_of"] for row in rows} == {"1970-01-01T00:00:24.000Z"}
    assert json.loads(as_json(as_document(result)))["as_of"] == 24_000


@given(ANYTHING)
def test_hidden_characters_are_made_visible(text: str) -> None:
    shown = visible(text)
    assert not any(ord(character) < 32 and character != "\n" for character in shown)
    if text.isprintable():
        assert shown == text
