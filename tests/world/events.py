"""Events as AWS sends them to functions."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from world.clock import START_MS
from world.kinesis import USUAL_FIRST_NUMBER, StreamRecord, event_of
from world.poison import vote_body

EVENTS = Path(__file__).parents[1] / "events"


def raw_event(name: str) -> dict[str, Any]:
    """Load an event by its file's name in tests/events."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def kinesis_event(
    votes: Iterable[tuple[str, str, str]] = (),
    *,
    records: Iterable[tuple[str, str]] = (),
    shard_id: str = "shardId-000000000000",
    first: int = USUAL_FIRST_NUMBER,
    arrived_at: int = START_MS,
) -> dict[str, Any]:
    """Make the event for votes ``(voter, poll_id, option)``, or for ``records`` ``(partition key, data)``.

    Records are numbered from ``first`` and arrive one a millisecond from ``arrived_at``.
    """
    contents = [(voter, vote_body(poll_id, option)) for voter, poll_id, option in votes]
    contents += records
    return event_of(
        [
            StreamRecord(shard_id, str(first + position), key, data, arrived_at + position)
            for position, (key, data) in enumerate(contents)
        ]
    )
