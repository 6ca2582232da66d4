"""Answers of a run: one line per request that was started, kept in the run's journal.

The journal names voters by number. What they chose follows from the seed, and is not in it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from votectl.errors import OperatorError
from votectl.traffic import is_acknowledged, is_refused


class Answer(NamedTuple):
    """The answer to one vote.

    Attributes:
        voter: the voter's number.
        number: the position of the request among the voter's requests.
        sent_ms: start of the request, epoch ms by the worker's estimate of the cloud's clock.
        micros: duration in µs.
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
        """Whether the front door acknowledged the vote: 202 with a receipt."""
        return is_acknowledged(self.status)

    @property
    def refused(self) -> bool:
        """Whether the vote is certainly not stored, because the front door refused it."""
        return is_refused(self.status)

    @property
    def unknown(self) -> bool:
        """Whether the vote may be stored or not: no answer, or a failure behind the front door."""
        return not self.acknowledged and not self.refused


class Reading(NamedTuple):
    """One read of a result by a viewer. ``went_back``: votes or voters were fewer than at the previous read."""

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
        ValueError: the line is not an entry.
    """
    match line.rstrip("\n").split(","):
        case ["vote", voter, number, sent_ms, micros, status, shard, sequence] if line.endswith("\n"):
            return Answer(int(voter), int(number), int(sent_ms), int(micros), int(status), shard, sequence)
        case ["read", sent_ms, micros, status, went_back] if line.endswith("\n"):
            return Reading(int(sent_ms), int(micros), int(status), went_back == "1")
        case _:
            raise ValueError("not a line of a journal")


def read_journal(path: Path) -> Iterator[Entry]:
    """Yield a journal's entries.

    Raises:
        OperatorError: the file cannot be read, or is not a journal.
    """
    try:
        with path.open(encoding="ascii") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield from_line(line)
                except ValueError:
                    raise OperatorError(
                        f"{path}, line {number}, is not an entry: a killed run leaves half a line at the end; "
                        "remove that line; its votes are then reported as votes that were never sent"
                    ) from None
    except OSError as error:
        raise OperatorError(f"the journal {path} cannot be read: {error.strerror}") from None


def split(entries: Iterable[Entry]) -> tuple[list[Answer], list[Reading]]:
    """Split a journal into votes and readings."""
    answers: list[Answer] = []
    readings: list[Reading] = []
    for entry in entries:
        if isinstance(entry, Answer):
            answers.append(entry)
        else:
            readings.append(entry)
    return answers, readings
