"""Kinesis events as the event source mapping delivers them, and the polls that their votes are for."""

import base64
import itertools
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

# Lambda hands a function at most 6 MB, and the mapping at most 10,000 records.
MAX_EVENT_BYTES = 6 * 1024 * 1024
MAX_RECORDS = 10_000

# Kinesis numbers records with 56 digits.
_FIRST_SEQUENCE = 49_650_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000

_MS_PER_DAY = 86_400_000


@dataclass(frozen=True)
class Polls:
    """The polls that a run's votes are spread over, all open: ``count`` of them with ``options`` answers each."""

    count: int = 1
    options: int = 4

    @property
    def ids(self) -> list[str]:
        """The polls' ids. Polls with other numbers of options have other ids."""
        return [f"poll-{number}-of-{self.options}-options" for number in range(self.count)]

    def option(self, number: int) -> str:
        """Return the id of an option."""
        return f"option-{number % self.options}"

    def rows(self) -> list[dict[str, Any]]:
        """Return the polls as rows of the polls table."""
        now_ms = time.time_ns() // 1_000_000
        return [
            {
                "poll_id": poll_id,
                "title": "Which way is the fastest?",
                "options": [{"id": self.option(n), "label": f"Answer {n}"} for n in range(self.options)],
                "announced_at": now_ms - _MS_PER_DAY,
                "opens_at": now_ms - _MS_PER_DAY,
                "closes_at": now_ms + _MS_PER_DAY,
                "bucket_count": 64,
            }
            for poll_id in self.ids
        ]


@dataclass
class EventSource:
    """One shard. Sequence numbers grow with every record, and every new voter has a new name."""

    shard: int = 0
    _voters: Iterator[int] = field(default_factory=itertools.count)
    _name: uuid.UUID = field(default_factory=uuid.uuid4)

    # Of all shards together: a new shard continues after the live rows of the old one.
    _sequences: ClassVar[Iterator[int]] = itertools.count(_FIRST_SEQUENCE, 7)

    def new_voters(self, count: int) -> list[str]:
        """Return voters who have never voted, in any run: names as long as a UUID, the usual subject claim."""
        return [str(uuid.uuid5(self._name, str(number))) for number in itertools.islice(self._voters, count)]

    def event(self, voters: Sequence[str], polls: Polls) -> bytes:
        """Return an invocation's payload with one vote of each voter, the polls and options taking turns."""
        arrival = round(time.time(), 3)
        records = [
            self._record(voter, polls.ids[n % polls.count], polls.option(n // polls.count), arrival)
            for n, voter in enumerate(voters)
        ]
        return json.dumps({"Records": records}, separators=(",", ":")).encode()

    def _record(self, voter: str, poll_id: str, option: str, arrival: float) -> dict[str, Any]:
        sequence = str(next(self._sequences))
        # The same bytes as from the front door's template.
        data = f'{{"poll_id":"{poll_id}","option":"{option}"}}'.encode()
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": voter,
                "sequenceNumber": sequence,
                "data": base64.b64encode(data).decode(),
                "approximateArrivalTimestamp": arrival,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"shardId-{self.shard:012}:{sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/votestream-bench-vote-writer",
            "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/votestream-bench-votes",
        }
