"""What the results must be: the rules written a second time, for the whole history of a stream at once.

It shares no code with the functions. The results follow from the stream's history and from the polls as they are at the
end, whatever failed in between.
"""

import base64
import binascii
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from world.dynamodb import Item
from world.kinesis import StreamRecord

UNATTRIBUTED = "_unattributed"


@dataclass(frozen=True)
class PollRow:
    """A poll as an operator writes it; times in epoch ms."""

    poll_id: str
    option_ids: tuple[str, ...]
    announced_at: int
    opens_at: int
    closes_at: int
    bucket_count: int = 4
    version: int = 1
    cancelled_at: int | None = None

    def closing_at(self, closes_at: int) -> "PollRow":
        """Return the poll with another closing time."""
        return replace(self, closes_at=closes_at, version=self.version + 1)

    def cancelling_at(self, cancelled_at: int) -> "PollRow":
        """Return the poll cancelled."""
        return replace(self, cancelled_at=cancelled_at, version=self.version + 1)

    def as_item(self) -> Item:
        """Return the row of the polls table."""
        options = [{"M": {"id": {"S": name}, "label": {"S": f"Option {name}"}}} for name in self.option_ids]
        item: Item = {
            "poll_id": {"S": self.poll_id},
            "title": {"S": f"Poll {self.poll_id}"},
            "options": {"L": options},
            "announced_at": {"N": str(self.announced_at)},
            "opens_at": {"N": str(self.opens_at)},
            "closes_at": {"N": str(self.closes_at)},
            "bucket_count": {"N": str(self.bucket_count)},
            "visibility": {"S": "always"},
            "status": {"S": "open"},
            "version": {"N": str(self.version)},
        }
        if self.cancelled_at is not None:
            item["cancelled_at"] = {"N": str(self.cancelled_at)}
        return item


class StoredVote(NamedTuple):
    """What the votes table must hold for one poll and voter."""

    option: str
    version: int
    arrived_at: int


@dataclass
class LiveRow:
    """What one live row must hold."""

    received: int = 0
    total: int = 0
    options: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    last_version: int = -1
    arrivals: set[int] = field(default_factory=set, compare=False)  # a row shows one of them


class Expected(NamedTuple):
    """All results: votes by poll bucket and voter, live rows by poll and shard."""

    votes: dict[tuple[str, str], StoredVote]
    live: dict[tuple[str, str], LiveRow]


def expected(records: Iterable[StreamRecord], polls: Iterable[PollRow]) -> Expected:
    """Return what a history of records must lead to."""
    by_id = {poll.poll_id: poll for poll in polls}
    votes: dict[tuple[str, str], StoredVote] = {}
    live: dict[tuple[str, str], LiveRow] = {}
    for record in records:
        if _is_marker(record):
            continue  # a tally's, and no vote
        number = int(record.sequence)
        body = _read(record)
        poll = by_id.get(body[0]) if body else None
        reason = _reason_to_reject(record, body, poll)
        row_of = poll.poll_id if poll and reason not in ("malformed", "unknown_poll") else UNATTRIBUTED
        row = live.setdefault((row_of, record.shard_id), LiveRow())
        row.received += 1
        row.last_version = max(row.last_version, number)
        row.arrivals.add(record.arrived_at)
        if reason is not None:
            row.rejected[reason] += 1
            continue
        assert poll is not None
        assert body is not None
        row.total += 1
        row.options[body[1]] += 1
        bucket = zlib.crc32(record.partition_key.encode()) % poll.bucket_count
        key = (f"{poll.poll_id}#{bucket}", record.partition_key)
        if key not in votes or votes[key].version < number:
            votes[key] = StoredVote(body[1], number, record.arrived_at)
    return Expected(votes, live)


def _is_marker(record: StreamRecord) -> bool:
    try:
        body = json.loads(base64.b64decode(record.data, validate=True).decode("utf-8"))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return (
        isinstance(body, dict)
        and set(body) == {"marker", "poll_id"}
        and all(isinstance(value, str) for value in body.values())
        and bool(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", body["marker"]))
        and bool(re.fullmatch(r"[a-z0-9-]{1,64}", body["poll_id"]))
    )


def _read(record: StreamRecord) -> tuple[str, str] | None:
    """Return a record's poll and option, or None when it can't be a vote."""
    if not re.fullmatch(r"[A-Za-z0-9_.:@|+=/-]{1,128}", record.partition_key):
        return None
    try:
        body = json.loads(base64.b64decode(record.data, validate=True).decode("utf-8"))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or set(body) != {"poll_id", "option"}:
        return None
    poll_id, option = body["poll_id"], body["option"]
    if not isinstance(poll_id, str) or not re.fullmatch(r"[a-z0-9-]{1,64}", poll_id):
        return None
    if not isinstance(option, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", option):
        return None
    return poll_id, option


def _reason_to_reject(record: StreamRecord, body: tuple[str, str] | None, poll: PollRow | None) -> str | None:
    if body is None:
        return "malformed"
    if poll is None or record.arrived_at < poll.announced_at:
        return "unknown_poll"
    if record.arrived_at < poll.opens_at:
        return "not_open_yet"
    if record.arrived_at >= poll.closes_at:
        return "closed"
    if poll.cancelled_at is not None and record.arrived_at >= poll.cancelled_at:
        return "closed"
    if body[1] not in poll.option_ids:
        return "unknown_option"
    return None
