"""Rules for text that people read, such as titles and labels, so that it cannot mislead a page or a terminal."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints, ValidationInfo

MAX_LENGTH = 200

# Validation context for rows that are stored already. A consumer must read each poll that an older release
# wrote: a row that it refuses would block the stream. Nothing new is written with this context.
STORED = {"stored": True}

_OPENS_EMBEDDING = frozenset("\u202a\u202b\u202d\u202e")
_CLOSES_EMBEDDING = "\u202c"
_OPENS_ISOLATE = frozenset("\u2066\u2067\u2068")
_CLOSES_ISOLATE = "\u2069"
# Letters and symbols by their category, but invisible.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def is_stored(info: ValidationInfo) -> bool:
    """Return whether a stored row is being read, and not new input."""
    return bool(info.context and info.context.get("stored"))


def problem_with(text: str) -> str | None:
    """Return the reason to refuse this text, or None if people can read it."""
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            return f"the character U+{ord(character):04X} is not allowed: leave out control characters and line breaks"
    if not any(_is_visible(character) for character in text):
        return "the text is blank"
    if not _bidi_is_closed(text):
        return "a bidirectional control character (U+202A-U+202E, U+2066-U+2069) has no partner in this text"
    return None


def _is_visible(character: str) -> bool:
    # Spaces, format characters (zero width) and marks without a letter show nothing.
    return unicodedata.category(character)[0] in "LNPS" and character not in _BLANK


def _bidi_is_closed(text: str) -> bool:
    """Return whether each direction that the text sets ends in the text, and it ends no other one."""
    expected: list[str] = []
    for character in text:
        if character in _OPENS_EMBEDDING:
            expected.append(_CLOSES_EMBEDDING)
        elif character in _OPENS_ISOLATE:
            expected.append(_CLOSES_ISOLATE)
        elif character in {_CLOSES_EMBEDDING, _CLOSES_ISOLATE} and (
            not expected or expected.pop() != character
        ):
            return False
    return not expected


def _check(text: str, info: ValidationInfo) -> str:
    problem = None if is_stored(info) else problem_with(text)
    if problem is not None:
        raise ValueError(problem)
    return text


Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH), AfterValidator(_check)]
