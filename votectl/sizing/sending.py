"""Sending an event's votes into a stream, by chance as the event says, and what it came to."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from votectl.sizing.demand import Event
from votectl.sizing.errors import RehearsalFailed
from voting.polls import Poll

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

_TICK_SECONDS = 0.1
_RECORDS_PER_CALL = 500
_BIN_SECONDS = 1.0  # of the rate as it was sent
_STEEP = 1e-6  # share of an event in which a rate goes from one bin's to the next


class Ballot(NamedTuple):
    """A vote to be sent: polls and options are numbers here."""

    poll: int
    option: int
    voter: str


@dataclass(frozen=True)
class Sent:
    """What was put into the stream."""

    rows: int  # votes that are the first of their voter in their poll
    seconds: float
    put: Sequence[tuple[float, int]]  # when (s from the beginning), and how many votes

    @property
    def votes(self) -> int:
        """All votes."""
        return sum(votes for _, votes in self.put)


def ballots(event: Event, seed: int) -> Iterator[list[Ballot]]:
    """Yield the votes of each tick: by chance, as many as the arrival curve says, repeats among them."""
    random = np.random.default_rng(seed)
    edges = np.arange(0, event.duration_seconds + _TICK_SECONDS, _TICK_SECONDS)
    shares = np.array(event.poll_shares)
    voters = 0
    earlier: list[tuple[int, str]] = []
    for mean in np.diff(event.sent(edges)):
        tick = []
        for _ in range(random.poisson(mean)):
            if earlier and random.random() < event.repeats:
                poll, voter = earlier[random.integers(len(earlier))]
            else:
                poll, voter = int(random.choice(len(shares), p=shares)), f"rehearsal-{seed}-{voters}"
                voters += 1
                earlier.append((poll, voter))
            tick.append(Ballot(poll, int(random.integers(event.options_per_poll)), voter))
        yield tick


def send(client: "KinesisClient", stream: str, polls: Sequence[Poll], ticks: Iterable[list[Ballot]]) -> Sent:
    """Put votes into the stream, a tenth of a second's at a time, as the front door would.

    Raises:
        RehearsalFailed: the stream does not take them.
    """
    put, rows = [], set()
    began = time.monotonic()
    for number, tick in enumerate(ticks, 1):
        put.append((time.monotonic() - began, len(tick)))
        for part in batched(tick, _RECORDS_PER_CALL, strict=False):
            _put(client, stream, [_record(polls[ballot.poll], ballot) for ballot in part])
        rows |= {(ballot.poll, ballot.voter) for ballot in tick}
        time.sleep(max(0.0, began + number * _TICK_SECONDS - time.monotonic()))
    return Sent(len(rows), time.monotonic() - began, put)


def as_sent(event: Event, sent: Sent) -> Event:
    """Return an event with the rate, length and repeats that it really had: a busy machine sends in bursts."""
    bins = max(1, round(sent.seconds / _BIN_SECONDS))
    times, votes = np.array(sent.put).T
    counts, edges = np.histogram(times, bins=bins, range=(0.0, sent.seconds), weights=votes)
    rates = counts / (sent.seconds / bins)
    shares = edges / sent.seconds
    points = []
    for level, begins, ends in zip(rates / rates.max(), shares, shares[1:], strict=False):
        points += [(float(begins), float(level)), (float(ends) * (1 - _STEEP), float(level))]
    points[-1] = (1.0, points[-1][1])
    changed = {
        "shape": tuple(points),
        "duration_seconds": sent.seconds,
        "peak_votes_per_second": float(rates.max()),
        "votes_per_voter": None,
        "changed_minds": 1 - sent.rows / sent.votes,
    }
    return Event.model_validate(event.model_dump() | changed)


def _record(poll: Poll, ballot: Ballot) -> "PutRecordsRequestEntryTypeDef":
    data = {"poll_id": poll.poll_id, "option": poll.options[ballot.option].id}
    return {"PartitionKey": ballot.voter, "Data": json.dumps(data).encode()}


def _put(client: "KinesisClient", stream: str, records: "list[PutRecordsRequestEntryTypeDef]") -> None:
    answer = client.put_records(StreamName=stream, Records=records)
    if answer["FailedRecordCount"]:
        raise RehearsalFailed(
            f"the stream refused {answer['FailedRecordCount']} of {len(records)} votes: rehearse a lower rate"
        )
