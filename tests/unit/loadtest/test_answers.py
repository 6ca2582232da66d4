"""The journal."""

from pathlib import Path

import pytest

from loadtest.answers import Answer, Entry, Reading, from_line, read_journal, split, to_line
from votectl.errors import OperatorError
from votectl.traffic import NO_ANSWER

ENTRIES: list[Entry] = [
    Answer(4_294_967_296, 2, 1_800_000_000_000, 1_234, 202, "shardId-000000000001", "4" * 56),
    Answer(7, 0, 1_800_000_000_001, 30_000_000, NO_ANSWER),
    Reading(1_800_000_000_002, 55, 200, went_back=True),
]


def test_written_entries_are_read_back(tmp_path: Path) -> None:
    journal = tmp_path / "journal.csv"
    journal.write_text("".join(map(to_line, ENTRIES)), "ascii")
    assert list(read_journal(journal)) == ENTRIES
    assert split(read_journal(journal)) == (ENTRIES[:2], ENTRIES[2:])


@pytest.mark.parametrize(
    "line", ["", "vote,1,2\n", "vote,a,0,0,0,202,s,1\n", "read,1,2,200\n", to_line(ENTRIES[0]).rstrip("\n")]
)
def test_an_incomplete_line_is_not_an_entry(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - int's own or ours
        from_line(line)


def test_a_truncated_journal_is_reported_with_its_line(tmp_path: Path) -> None:
    journal = tmp_path / "journal.csv"
    journal.write_text(to_line(ENTRIES[0]) + to_line(ENTRIES[1])[:20], "ascii")
    with pytest.raises(OperatorError, match=r"line 2, is not an entry"):
        list(read_journal(journal))
    with pytest.raises(OperatorError, match="cannot be read"):
        list(read_journal(tmp_path / "missing.csv"))


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        pytest.param(202, "acknowledged", id="stored"),
        pytest.param(400, "refused", id="malformed"),
        pytest.param(403, "refused", id="not-allowed"),
        pytest.param(429, "refused", id="throttled"),
        pytest.param(200, "unknown", id="no-202"),
        pytest.param(500, "unknown", id="broken"),
        pytest.param(503, "unknown", id="not-confirmed"),
        pytest.param(504, "unknown", id="too-late"),
        pytest.param(NO_ANSWER, "unknown", id="no-answer"),
    ],
)
def test_an_answer_tells_whether_the_vote_is_stored_refused_or_unknown(status: int, fate: str) -> None:
    answer = Answer(1, 0, 0, 0, status)
    fates = {"acknowledged": answer.acknowledged, "refused": answer.refused, "unknown": answer.unknown}
    assert [name for name, holds in fates.items() if holds] == [fate]
