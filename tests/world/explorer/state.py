"""The state of a small world: immutable values, so that copies are cheap."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from world.dynamodb import Item, Key
from world.kinesis import HASH_KEYS, NUMBERS_PER_GENERATION, StreamRecord, hash_key_of

type Records = tuple[StreamRecord, ...]
type Rows = Mapping[Key, Item]
type Memory = tuple[tuple[tuple[str, str], tuple[str, int]], ...]  # what a writer's container remembers


class Ballot(NamedTuple):
    """A vote to be sent. ``off_by_ms``: its stamp's distance from the clock. ``late``: it may arrive after the end."""

    voter: str
    option: str
    off_by_ms: int = 0
    poll_id: str = "poll-1"
    late: bool = False


class ShardState(NamedTuple):
    """A shard: hash keys ``first`` to ``end``, the positions of its parents, and its records."""

    first: int
    end: int
    parents: tuple[int, ...]
    last_number: int
    records: Records = ()
    closed: bool = False


class Answer(NamedTuple):
    """The answer to a call. ``time_up``: the invocation's time is over after it."""

    value: Any = None
    error: Exception | None = None
    time_up: bool = False

    def __repr__(self) -> str:
        """Return everything by which the code can distinguish answers."""
        return f"{self.value} {type(self.error)} {getattr(self.error, 'response', None)} {self.time_up}"


class Call(NamedTuple):
    """A boto3 call that the code is about to make."""

    name: str
    arguments: Mapping[str, Any]


class Run(NamedTuple):
    """An invocation in progress. Its code up to the next call follows from these values."""

    consumer: str
    records: Records
    memory: Memory
    answers: tuple[Answer, ...]
    call: Call


class LanePlace(NamedTuple):
    """A lane of a shard, for one consumer."""

    consumer: str
    shard: int
    number: int
    factor: int


class LaneState(NamedTuple):
    """How many of a lane's records are settled, and the invocation with the next ones."""

    done: int = 0
    run: Run | None = None


class TallyRun(NamedTuple):
    """A tally: its next step, the previous step's result, and the calls of a step in progress."""

    step: str
    state: str  # JSON
    to_count: tuple[int, ...] = ()
    lanes: int = 1  # as its settings say
    answers: tuple[Answer, ...] = ()
    call: Call | None = None


@dataclass(frozen=True)
class State:
    """The state at one moment."""

    now_ms: int
    to_put: tuple[int, ...]  # positions of the world's ballots that have not been sent
    shards: tuple[ShardState, ...]
    factor: int
    faults_left: int
    tally: TallyRun | None
    votes: Rows
    tallies: Rows
    lanes: Mapping[LanePlace, LaneState]
    floating: tuple[int, ...] = ()  # ballots of puts that timed out, and may be stored later
    memory: Memory = ()  # of the writer's container that ended last
    zombies: tuple[Run, ...] = ()  # invocations that were taken for dead
    bucket: tuple[Records, ...] = ()  # batches in the failure destination
    late: tuple[Records, ...] = ()  # on their way there
    lost: tuple[tuple[int, Records], ...] = ()  # that never get there, and when they were given up
    factor_changes: int = 0
    reshards_left: int = 0
    children_early: bool = False
    cancelled: int = (
        0  # how far an operator's command is: 1: the certificate's place is taken, 2: the poll says so
    )

    def then(self, **changes: Any) -> "State":
        """Return the state with these changes."""
        after = object.__new__(State)  # as ``dataclasses.replace``, which would take much of a search's time
        after.__dict__.update(self.__dict__, **changes)
        return after

    def lane(self, place: LanePlace) -> LaneState:
        """Return a lane's progress."""
        return self.lanes.get(place, LaneState())

    def with_lane(self, place: LanePlace, lane: LaneState, **changes: Any) -> "State":
        """Return the state with another state of a lane."""
        return self.then(lanes={**self.lanes, place: lane}, **changes)


def put(
    shards: tuple[ShardState, ...],
    partition_key: str,
    data: str,
    arrived_at: int,
    hash_key: int | None = None,
) -> tuple[tuple[ShardState, ...], StreamRecord]:
    """Store a record; return the shards and the record."""
    position = hash_key_of(partition_key) if hash_key is None else hash_key
    (at,) = (n for n, shard in enumerate(shards) if not shard.closed and shard.first <= position < shard.end)
    shard = shards[at]
    number = shard.last_number + 1
    record = StreamRecord(shard_id(at), str(number), partition_key, data, arrived_at)
    changed = shard._replace(last_number=number, records=(*shard.records, record))
    return (*shards[:at], changed, *shards[at + 1 :]), record


def lane_of(partition_key: str, factor: int) -> int:
    """Return the number of the lane that a record goes to."""
    return hash_key_of(partition_key) % factor


def shard_id(position: int) -> str:
    """Return the id of a shard."""
    return f"shardId-{position:012d}"


def first_shards(first_number: int) -> tuple[ShardState, ...]:
    """Return a stream of one shard."""
    return (ShardState(0, HASH_KEYS, (), first_number),)


def split(shards: tuple[ShardState, ...], at: int, first_number: int) -> tuple[ShardState, ...]:
    """Close a shard and open two for the halves of its range."""
    old = shards[at]
    middle = (old.first + old.end) // 2
    number = first_number + len(shards) * NUMBERS_PER_GENERATION
    children = (
        ShardState(old.first, middle, (at,), number),
        ShardState(middle, old.end, (at,), number),
    )
    return (*shards[:at], old._replace(closed=True), *shards[at + 1 :], *children)


def text_of(rows: Rows) -> str:
    """Return rows as text; the order of attributes does not count."""
    return json.dumps([[key, row] for key, row in sorted(rows.items())], sort_keys=True)
