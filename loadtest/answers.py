"""What was answered: one line for each request that was begun, kept in the run's journal.

The journal names voters by number. What they chose follows from the seed, and is not in it.
"""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from votectl.errors import OperatorError

# No answer came: a timeout, a broken connection, or the run's end in the middle of the request.
NO_ANSWER = 0


class Answer(NamedTuple):
    """The answer to one vote.

    Attributes:
        voter: the voter's number.
        number: which of the voter's requests.
        sent_ms: when it was begun, epoch ms by the cloud's clock as the worker knows it.
        micros: how long it took, in µs.
        status: HTTP status, or NO_ANSWER.
        shard: of the receipt; empty without one.
        sequence: of the receipt; empty without one.
    """

    voter: int
    number: int
    sent_ms: int
    micros: int
    status: int
    shard: str = ""
    sequence: str = ""

    @property
    def acknowledged(self) -> bool:
        """Whether the front door vouches for it: 202 with a receipt."""
        return self.status == HTTPStatus.ACCEPTED

    @property
    def refused(self) -> bool:
        """Whether it is certainly not stored: the front door said so, and that sending again may help or not."""
        return HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def unknown(self) -> bool:
        """Whether nobody knows what became of it: no answer, or a failure behind the front door."""
        return not self.acknowledged and not self.refused


class Reading(NamedTuple):
    """A viewer's look at a result. ``went_back``: a count was lower than the same viewer had seen before."""

    sent_ms: int
    micros: int
    status: int
    went_back: bool


type Entry = Answer | Reading


def to_line(entry: Entry) -> str:
    """Return an entry as a line of the journal."""
    if isinstance(entry, Answer):
        return "vote," + ",".join(map(str, entry)) + "\n"
    return f"read,{entry.sent_ms},{entry.micros},{entry.status},{int(entry.went_back)}\n"


def from_line(line: str) -> Entry:
    """Return the entry in a line.

    Raises:
        ValueError: it is none.
    """
    match line.rstrip("\n").split(","):
        case ["vote", voter, number, sent_ms, micros, status, shard, sequence] if line.endswith("\n"):
            return Answer(int(voter), int(number), int(sent_ms), int(micros), int(status), shard, sequence)
        case ["read", sent_ms, micros, status, went_back] if line.endswith("\n"):
            return Reading(int(sent_ms), int(micros), int(status), went_back == "1")
        case _:
            raise ValueError("no line of a journal")


def read_journal(path: Path) -> Iterator[Entry]:
    """Yield a journal's entries.

    Raises:
        OperatorError: it can't be read, or is no journal.
    """
    try:
        with path.open(encoding="ascii") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield from_line(line)
                except ValueError:
                    raise OperatorError(
                        f"{path}, line {number}, is no entry: a run that was killed leaves half a line at the end; "
                        "remove it, and what was sent then is found as votes that nobody sent"
                    ) from None
    except OSError as error:
        raise OperatorError(f"the journal {path} can't be read: {error.strerror}") from None


def split(entries: Iterable[Entry]) -> tuple[list[Answer], list[Reading]]:
    """Return votes and readings apart."""
    answers: list[Answer] = []
    readings: list[Reading] = []
    for entry in entries:
        if isinstance(entry, Answer):
            answers.append(entry)
        else:
            readings.append(entry)
    return answers, readings
