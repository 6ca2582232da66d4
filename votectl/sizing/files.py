"""Reading the JSON files that a person hands in."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from votectl.sizing.errors import BadFile


def load[Model: BaseModel](model: type[Model], path: Path, what: str) -> Model:
    """Return what a file holds.

    Args:
        model: what it has to be.
        path: where it is.
        what: what a person calls it.

    Raises:
        BadFile: it can't be read, is no JSON, or is something else; the first wrong field is named.
    """
    try:
        return model.model_validate_json(path.read_text("utf-8"))
    except OSError as error:
        raise BadFile(f"{what}: {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadFile(f"{what}: {path} is no text in UTF-8") from None
    except ValidationError as error:
        raise BadFile(f"{what}: {path}: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """Return the first thing that is wrong, as one line."""
    return problems(error)[0]


def problems(error: ValidationError) -> list[str]:
    """Return everything that is wrong, one line each: the field's name and what is wrong with it."""
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "there is no such field; is it misspelt?"
        lines.append(f"{where}: {message}" if where else message)
    return lines
