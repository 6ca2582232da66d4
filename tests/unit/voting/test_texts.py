import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from voting.texts import MAX_LENGTH, STORED, Text, problem_with

TEXT = TypeAdapter(Text)
LETTERS = st.characters(categories=["L", "N"], exclude_characters="\u115f\u1160\u3164\uffa0")
CONTROLS = st.characters(categories=["Cc", "Zl", "Zp"])
BIDI = st.sampled_from("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Which soup?", id="ascii"),
        pytest.param("מרק עדשים", id="hebrew"),
        pytest.param("حساء", id="arabic"),
        pytest.param("नमस्ते", id="combining-marks"),
        pytest.param("👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿", id="joined-emoji"),
        pytest.param("\u2067כלב\u2069 (hello)", id="closed-isolate"),
        pytest.param("\u202bכלב\u202c", id="closed-embedding"),
        pytest.param("[red]Gouda[/red] :b: Rock [/roll]", id="looks-like-markup"),
        pytest.param("=1+1", id="looks-like-a-formula"),
        pytest.param("?", id="punctuation"),
    ],
)
def test_readable_text_is_accepted(text: str) -> None:
    assert TEXT.validate_python(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("   ", "blank", id="spaces"),
        pytest.param("\u200b\u200d\ufeff", "blank", id="zero-width"),
        pytest.param("\u3164", "blank", id="filler-that-is-a-letter"),
        pytest.param("\u00a0\u3000", "blank", id="other-spaces"),
        pytest.param("\u0301", "blank", id="a-mark-without-a-letter"),
        pytest.param("\x1b[31mred", "U\\+001B", id="escape"),
        pytest.param("two\nlines", "U\\+000A", id="newline"),
        pytest.param("nul\x00", "U\\+0000", id="nul"),
        pytest.param("c1 \x9b31m", "U\\+009B", id="c1-control"),
        pytest.param("para\u2029graph", "U\\+2029", id="paragraph-separator"),
        pytest.param("\u202egnorw", "no partner", id="override-left-open"),
        pytest.param("\u2067open", "no partner", id="isolate-left-open"),
        pytest.param("closes\u2069 another's", "no partner", id="stray-end"),
        pytest.param("\u2067\u202ecrossed\u2069\u202c", "no partner", id="crossed"),
        pytest.param("a" * (MAX_LENGTH + 1), "200 characters", id="too-long"),
        pytest.param("", "1 character", id="empty"),
    ],
)
def test_misleading_text_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TEXT.validate_python(text)


@given(st.text(LETTERS, max_size=20), CONTROLS, st.text(LETTERS, max_size=20))
def test_no_control_character_is_accepted(before: str, control: str, after: str) -> None:
    assert f"U+{ord(control):04X}" in (problem_with(before + control + after) or "")


@given(st.text(st.characters(categories=["Cf", "Zs", "M"]), max_size=20))
def test_no_invisible_text_is_accepted(text: str) -> None:
    assert problem_with(text) is not None


@given(st.lists(st.one_of(LETTERS, BIDI), min_size=1, max_size=12).map("".join))
def test_accepted_text_does_not_change_the_direction_of_following_text(text: str) -> None:
    """Every direction that is set is ended, in order, and nothing is ended that the text did not set."""
    if problem_with(text) is not None:
        return
    depth = 0
    for character in text:
        direction = unicodedata.bidirectional(character)
        depth += direction in {"LRE", "RLE", "LRO", "RLO", "LRI", "RLI", "FSI"}
        depth -= direction in {"PDF", "PDI"}
        assert depth >= 0
    assert depth == 0


@given(st.text(min_size=1, max_size=MAX_LENGTH))
def test_any_stored_text_can_be_read(text: str) -> None:
    assert TEXT.validate_python(text, context=STORED) == text
