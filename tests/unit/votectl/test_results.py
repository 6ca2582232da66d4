import csv
import io
from collections import Counter

import pytest

from results_api.results import Result, result_of
from unit.results_api.conftest import AFTER, DURING, Tables, a_contradiction, a_final, a_poll
from votectl.results import CSV_COLUMNS, as_document, as_picture, csv_rows
from votectl.terminal import PlainConsole, as_csv
from voting.live import LiveCounts
from voting.polls import Visibility
from voting.unique import UniqueCounts


@pytest.fixture
def tables() -> Tables:
    tables = Tables()
    tables.live_rows["poll-1"] = LiveCounts(
        received=1_005,
        total=1_004,
        options=Counter({"choice-a": 251, "choice-b": 753}),
        rejected=Counter({"closed": 1}),
        as_of=1_700_000_000_123,
    )
    return tables


def drawn(result: Result) -> str:
    console = PlainConsole(width=140, record=True, file=io.StringIO())
    console.print(as_picture(result, DURING))
    return console.export_text()


def test_a_live_result_is_drawn_with_its_shares_and_what_was_rejected(tables: Tables) -> None:
    picture = drawn(result_of(a_poll(), tables, DURING))
    assert "A poll (poll-1), open" in picture
    assert "25.0%" in picture
    assert "1,004 votes received, repeated votes included" in picture
    assert "rejected: 1 closed; as of 2023-11-14 22:13:20+00:00" in picture
    assert "Hidden" not in picture


def test_votes_and_voters_are_drawn_with_shares_of_voters(tables: Tables) -> None:
    tables.unique_rows["poll-1"] = UniqueCounts(
        Counter({"choice-a": 100, "choice-b": 100}), 1_700_000_000_000
    )
    picture = drawn(result_of(a_poll(), tables, DURING))
    assert "votes received" in picture
    assert "voters counted once" in picture
    assert "50.0%" in picture
    assert "200 voters counted once, as of 2023-11-14 22:13:20+00:00" in picture


@pytest.mark.parametrize(
    ("visibility", "until"),
    [(Visibility.NEVER, "until it is final"), (Visibility.AFTER_CLOSE, "until it has closed")],
)
def test_operators_see_that_counts_are_hidden_from_viewers(
    visibility: Visibility, until: str, tables: Tables
) -> None:
    picture = drawn(result_of(a_poll(visibility=visibility), tables, DURING, show_hidden=True))
    assert "1,004 votes received, repeated votes included" in picture
    assert f"Hidden from viewers {until}" in picture


def test_a_final_result_is_drawn_with_its_proof(tables: Tables) -> None:
    tables.finals["poll-1"] = a_final()
    picture = drawn(result_of(a_poll(), tables, AFTER))
    assert "3 voters, one vote each; 2 changes of mind and repeats" in picture
    assert a_final().digest in picture
    assert "recount" not in picture


def test_a_recount_is_drawn_below_the_final_result(tables: Tables) -> None:
    tables.finals["poll-1"] = a_final()
    tables.recounted["poll-1"] = [a_final(certified_at=30_000)]
    picture = drawn(result_of(a_poll(), tables, AFTER))
    assert "the same votes for every option" in picture
    assert "CONTRADICTS" not in picture
    tables.recounted["poll-1"] += [a_contradiction()]
    picture = drawn(result_of(a_poll(), tables, AFTER))
    assert "CONTRADICTS this result: 1 votes differ; arrived: 1 at 1970-01-01" in picture
    assert "`votectl audit poll-1`" in picture


def test_markup_in_a_title_is_shown_as_text(tables: Tables) -> None:
    assert "[red]A[/red]" in drawn(result_of(a_poll(title="[red]A[/red]"), tables, DURING))


def test_no_shares_are_shown_before_the_first_vote(tables: Tables) -> None:
    tables.live_rows.clear()
    picture = drawn(result_of(a_poll(), tables, DURING))
    assert "0.0%" in picture
    assert "nothing counted yet" in picture


def test_json_output_equals_the_apis_answer(tables: Tables) -> None:
    result = result_of(a_poll(visibility=Visibility.NEVER), tables, DURING, show_hidden=True)
    document = as_document(result)
    assert (document["status"], document["total"]) == ("open", 1_004)
    rows = list(csv.DictReader(as_csv(CSV_COLUMNS, csv_rows(result)).splitlines()))
    assert [row["votes"] for row in rows] == ["251", "753"]
    assert {row["as_of"] for row in rows} == {"2023-11-14T22:13:20.123Z"}
    assert {row["counted_at"] for row in rows} == {""}
    tables.unique_rows["poll-1"] = UniqueCounts(Counter({"choice-a": 9}), 1_700_000_000_000)
    counted = result_of(a_poll(), tables, DURING)
    assert as_document(counted)["unique"]["voters"] == 9
    rows = list(csv.DictReader(as_csv(CSV_COLUMNS, csv_rows(counted)).splitlines()))
    assert [row["unique_votes"] for row in rows] == ["9", "0"]
    assert {row["counted_at"] for row in rows} == {"2023-11-14T22:13:20.000Z"}


@pytest.mark.parametrize(("minutes", "expected"), [(1, False), (3, True)])
def test_the_advice_about_a_tally_that_does_not_start_is_shown(
    tables: Tables, minutes: int, expected: bool
) -> None:
    poll = a_poll()
    now = poll.closes_at + minutes * 60_000
    console = PlainConsole(width=140, record=True, file=io.StringIO())
    console.print(as_picture(result_of(poll, tables, now), now))
    assert ("start the tally with `votectl tally poll-1`" in console.export_text()) is expected
