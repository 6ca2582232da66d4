"""Errors that an operator reads: one clear line that says what to do."""

import shlex
from collections.abc import Mapping

from pydantic import ValidationError

from scripts.bootstrap.console import UserError

# The models' patterns in words.
_PATTERNS = {
    "poll_id": "takes 1-64 of a-z, 0-9 and -",
    "id": "takes 1-64 of A-Z, a-z, 0-9, _ . -",
}


class OperatorError(UserError):
    """A command cannot do its work. The text is printed without a traceback."""


def command(words: str, *arguments: str, options: str = "") -> str:
    """Return a votectl command for a message.

    Args:
        words: its name, as in "poll show".
        arguments: its arguments. One that begins with a dash is not read as an option.
        options: its options, as typed.
    """
    given = [shlex.quote(argument) for argument in arguments]
    behind = any(argument.startswith("-") for argument in arguments)
    parts = [words, options, "--", *given] if behind else [words, *given, options]
    return f"`votectl {' '.join(part for part in parts if part)}`"


def problem_of(error: ValidationError, names: Mapping[str, str] | None = None) -> str:
    """Return the first problem of a model in words, with the option that caused it.

    Args:
        error: the model's error.
        names: the option to name for a field, ``{"closes_at": "--closes"}``.
    """
    problem = error.errors()[0]
    context = problem.get("ctx", {})
    fields = [str(part) for part in problem["loc"] if not isinstance(part, int)]
    field = fields[-1] if fields else ""
    match problem["type"]:
        case "value_error":
            text = str(context["error"])
            for name, option in (names or {}).items():
                text = text.replace(name, option)
        case "string_too_short":
            text = "the text is blank"
        case "string_too_long":
            text = (
                f"it takes at most {context['max_length']} characters, and this has {len(problem['input'])}"
            )
        case "too_short" | "too_long" if field == "options":
            text = "a poll takes 2 to 200 options"
        case "string_pattern_mismatch" if field in _PATTERNS:
            text = f"{problem['input']!r} is not valid: it {_PATTERNS[field]}"
        case "missing":
            text = "it is missing"
        case _:
            text = (
                problem["msg"].replace("Input should be", "it must be").replace("String should", "it should")
            )
    where = (names or {}).get(fields[0], ".".join(fields)) if fields else ""
    return f"{where}: {text}" if where else text
