"""Cards, their list as CSV, and files that are either complete or absent."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from votectl.errors import OperatorError
from votectl.terminal import as_csv

COLUMNS = ("number", "link", "code")


class Card(NamedTuple):
    """One voter's card. ``link`` opens the page to vote on, with the code in its fragment."""

    number: int
    link: str
    code: str


# Takes all cards and returns the bytes of a file.
type Render = Callable[[Sequence[Card]], bytes]


def csv_of(cards: Sequence[Card]) -> bytes:
    """Return the list of cards for a mail merge (RFC 4180, UTF-8)."""
    return as_csv(COLUMNS, cards).encode()


class NewFiles:
    """Files that only their owner may read. They get their names when all of them are complete."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """Create them, empty and under other names, to find out first whether the folder takes files.

        Raises:
            OperatorError: a file exists already, or can't be created.
        """
        self._paths = list(paths)
        self._named: list[Path] = []
        for path in self._paths:
            if path.exists():
                raise OperatorError(f"{path} exists already: move it away, or name another folder with --out")
        try:
            for path in self._paths:
                path.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(_unfinished(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            self.discard()
            raise OperatorError(
                f"{error.filename} can't be written: {error.strerror}; name another folder with --out"
            ) from None

    def fill(self, contents: Iterable[bytes]) -> None:
        """Write the files, and give them their names.

        Raises:
            OSError: one can't be written.
        """
        for path, content in zip(self._paths, contents, strict=True):
            _unfinished(path).write_bytes(content)
        for path in self._paths:
            _unfinished(path).rename(path)
            self._named.append(path)

    def discard(self) -> None:
        """Remove the files, finished or not."""
        for path in [*map(_unfinished, self._paths), *self._named]:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def link_of(page: str, poll_id: str, code: str) -> str:
    """Return the address that a card shows. Browsers never send the part after the ``#`` to a server."""
    return f"{page}#poll={poll_id}&code={code}"
