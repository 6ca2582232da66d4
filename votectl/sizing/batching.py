"""How the event source mapping forms batches.

A lane (a shard, or one of its parallel parts) invokes its function when a batch is full, when the
batching window since the end of the previous invocation is over, or, without a window, as soon as a
poll has brought records. While a window is open the mapping goes on reading. What a batch can't hold is
cut at 6 MB.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np

from votectl.settings.deployment import Consumer, LiveWrites, Writing
from votectl.sizing.demand import Array, Event
from votectl.sizing.explain import Figure, derived, given
from votectl.sizing.facts import Facts
from votectl.sizing.function_time import FunctionTime

# From this mean on, how a poll's votes fill batches is taken as evenly spread instead of counted out.
_MANY_VOTES_A_POLL = 50.0


@dataclass(frozen=True)
class Lane:
    """One consumer's lanes: how they gather, cut and run batches. Times in seconds."""

    name: str
    batch_limit: Figure  # votes in a batch at most: batch_size, or what 6 MB hold
    window: float
    poll_interval: float | None  # None: enhanced fan-out pushes
    propagation: Figure
    per_shard: int
    time: FunctionTime
    overhead: Figure

    @property
    def limit(self) -> float:
        """Votes in a batch at most."""
        return self.batch_limit.value

    @property
    def full_seconds(self) -> float:
        """How long a full batch occupies a lane."""
        return self.time.of(self.limit) + self.overhead.value

    @property
    def on_its_way(self) -> float:
        """How long a vote is under way to an open window, or to a push (s): propagation, and a poll just missed."""
        return self.propagation.value + (self.poll_interval or 0.0) * (self.window > 0)

    def batches_per_second(self, rate: Array) -> Array:
        """Return how many batches a second one lane forms while it keeps up with ``rate`` votes/s."""
        rate = np.maximum(rate, 1e-12)
        full = rate / self.limit
        if self.window > 0:
            size = self.gathered(rate)
            return np.where(size >= self.limit, full, rate / size)
        if self.poll_interval is not None:
            return batches_in_poll(rate * self.poll_interval, self.limit) / self.poll_interval
        return np.asarray(np.maximum(full, rate / self.pushed(rate)))

    def gathered(self, rate: Array) -> Array:
        """Return the votes that come from one flush to the next, with a window and no batch limit."""
        load = np.minimum(rate * self.time.slope, 0.999)
        size: Array = np.clip(rate * (self.window + self.time.mean_base(1.0)) / (1 - load), 1.0, self.limit)
        for _ in range(3):  # calls come in whole rounds, so the time is no straight line
            busy = self.time.seconds(np.minimum(size, self.limit))
            # The window waits for a first vote: where none came during the invocation, one more gap.
            size = rate * (self.window + busy) + np.exp(-np.minimum(rate * busy, 700.0))
        return size

    def pushed(self, rate: Array) -> Array:
        """Return the batch that forms under enhanced fan-out: what comes while the previous one runs."""
        load = np.minimum(rate * self.time.slope, 0.999)
        fixed = self.time.mean_base(1.0) + self.overhead.value
        size: Array = np.clip(rate * fixed / (1 - load), 1.0, self.limit)
        return size


def batches_in_poll(votes: Array, limit: float) -> Array:
    """Return the mean number of batches that a poll with so many votes on average is cut into."""
    votes = np.asarray(votes, dtype=np.float64)
    many = np.maximum(1.0, votes / limit + (limit - 1) / (2 * limit))
    few = np.minimum(votes, _MANY_VOTES_A_POLL)
    counts = np.arange(1, int(_MANY_VOTES_A_POLL * 3))
    logs = np.cumsum(np.log(counts))  # log of k!
    chances = np.exp(counts * np.log(np.maximum(few, 1e-300))[..., None] - few[..., None] - logs)
    counted = (chances * np.ceil(counts / limit)).sum(axis=-1)
    return np.where(votes < _MANY_VOTES_A_POLL, counted, many)


def envelope(event: Event, facts: Facts) -> Figure:
    """Return a record's bytes in the mapping's event: its base64 data, its key, and what is around them."""
    return derived(
        "record in the mapping's event",
        "bytes",
        "envelope + 4 * ceil(data / 3) + voter",
        envelope=facts["mapping.envelope_bytes"],
        **{key: event.figures()[f"{key}_bytes"] for key in ("data", "voter")},
    )


def batch_limit(name: str, consumer: Consumer, event: Event, facts: Facts) -> Figure:
    """Return how many votes a batch holds at most."""
    return derived(
        f"{name}: batch limit",
        "votes",
        "min(batch_size, floor(payload_mib * 1048576 / record))",
        batch_size=given("batch_size", consumer.batch_size, "votes"),
        payload_mib=facts["mapping.payload_max_mib"],
        record=envelope(event, facts),
    )


class LiveRows:
    """Which live rows a batch touches: each row's share of the votes decides its chance."""

    def __init__(self, event: Event, writing: Writing) -> None:
        """Take how votes fall on polls, and whether a poll's options have rows of their own."""
        shares = np.array(event.poll_shares)
        self._rows_per_share = 1.0
        if writing.live_writes is LiveWrites.PER_OPTION:
            shares = shares / event.options_per_poll
            self._rows_per_share = float(event.options_per_poll)
        # At most two different shares, however many polls there are.
        kinds, self._numbers = np.unique(np.round(shares, 12), return_counts=True)
        self._missed = 1 - np.minimum(kinds, 1.0)

    def in_batch(self, votes: Array) -> Array:
        """Return the mean number of different rows in batches of so many votes."""
        missed = np.power(self._missed, np.maximum(votes, 1.0)[..., None])
        return np.asarray(((1 - missed) * self._numbers).sum(axis=-1) * self._rows_per_share)


def live_row_units(event: Event, writing: Writing, facts: Facts) -> Figure:
    """Return the write units of one live write: a row of ours grows with its poll's options."""
    if writing.live_writes is LiveWrites.PER_OPTION:
        return given("units per live write", 1, "units", "a row that holds one option's number")
    return derived(
        "units per live write",
        "units",
        "ceil((row + options * (per_option + option)) / unit)",
        row=facts["votestream.live_row_bytes"],
        options=given("options per poll", event.options_per_poll, ""),
        per_option=facts["votestream.live_row_bytes_per_option"],
        option=given("option id", event.option_bytes, "bytes"),
        unit=facts["dynamodb.write_unit_bytes"],
    )


def whole(value: float) -> int:
    """Return the next whole number, forgiving what arithmetic adds behind the point."""
    return ceil(value - 1e-9)
