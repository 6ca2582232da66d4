"""How the event source mapping forms batches, and how long an invocation takes: docs/sizing.md has the model.

A round is a set of concurrent calls to the store, so it takes one call's latency. The writer's rounds grow with its
statements, the aggregator's with the polls in its batch. Measured times have no rounds, only a base and a slope.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from votectl.settings.deployment import Consumer, Ingress, ResultsApi, Surroundings, Writer, Writing
from votectl.sizing.event import Array, VotingEvent
from votectl.sizing.explain import Figure, ceil, computed, derived, floor, given, maximum, minimum
from votectl.sizing.facts import Facts

MIB = 1_048_576
_MANY_VOTES_A_POLL = 50.0  # a smaller mean's batches are summed over the Poisson distribution


@dataclass(frozen=True)
class FunctionTime:
    """Seconds per invocation; rounds = min(most_rounds, ceil(statements / statements_per_round))."""

    base: Figure  # s
    per_vote: Figure  # s per vote
    per_round: Figure  # s per round
    statements_per_round: float = np.inf
    statements_per_vote: float = 1.0
    most_rounds: float = np.inf
    pace: Figure | None = None  # s per vote at least, where the function holds its writes back
    memory_mb: int | None = None  # that was measured

    @property
    def slope(self) -> float:
        """Seconds that one more vote takes in a large batch."""
        return max(self.per_vote.value, 0.0 if self.pace is None else self.pace.value)

    def seconds(self, votes: Array) -> Array:
        """Return the time of invocations with so many votes each."""
        rounds = np.ceil(votes * self.statements_per_vote / self.statements_per_round - 1e-9)
        rounds = np.minimum(rounds, self.most_rounds)
        unpaced: Array = self.base.value + self.per_vote.value * votes + self.per_round.value * rounds
        return unpaced if self.pace is None else np.maximum(unpaced, self.pace.value * votes)

    def of(self, votes: float) -> float:
        """Return the time of one invocation."""
        return float(self.seconds(np.asarray(votes, dtype=np.float64)))

    def figure(self, name: str, votes: Figure) -> Figure:
        """Return the time of one invocation with so many votes, explained."""
        if self.pace is not None:
            unpaced = replace(self, pace=None).figure(f"{name}, unpaced", votes)
            return derived(name, "s", maximum(unpaced, self.pace * votes))
        time = self.base + self.per_vote * votes
        if not math.isinf(self.statements_per_round):
            statements = given("statements per vote", self.statements_per_vote)
            per_round = given("statements in a round", self.statements_per_round, "", "concurrent statements")
            limit = "no limit" if math.isinf(self.most_rounds) else "polls"
            most = given("most rounds", self.most_rounds, "", limit)
            time = time + self.per_round * minimum(most, ceil(votes * statements / per_round))
        return derived(name, "s", time)

    @cached_property
    def fixed(self) -> float:
        """The seconds that do not grow with the batch, in small batches."""
        return max(self.of(1.0) - self.slope, 0.0)


type FunctionTimes = Mapping[str, FunctionTime]  # measured ones, as "writer_time" and "aggregator_time"


def vcpu(memory_mb: int, facts: Facts) -> Figure:
    """Return the share of a core: Lambda gives CPU by memory, and Python uses one core at most."""
    memory = given("memory_mb", memory_mb, "MB")
    return derived("processor share", "vCPU", minimum(1, memory / facts["lambda.memory_mb_per_vcpu"]))


def expected_writer(writer: Writer, event: VotingEvent, facts: Facts) -> FunctionTime:
    """Return the vote writer's time: measured CPU times and an assumed latency, as if they never overlapped."""
    each = 1 + event.repeats  # the INSERT of a repeated vote is refused, and an UPDATE follows
    statements = given("statements per vote", each, "", "1 + share of repeated votes")
    read_us = facts["cpu.event_decode_us"] + facts["cpu.vote_check_us"]
    cpu_us = read_us + statements * facts["cpu.statement_us"]
    base = derived("writer: base", "s", facts["lambda.invocation_ms"] / 1000)
    per_vote = derived("writer: per vote", "s", cpu_us / 1e6 / vcpu(writer.memory_mb, facts))
    per_round = derived("writer: per round of calls", "s", facts["dynamodb.call_ms"] / 1000)
    in_a_round = facts.value("dynamodb.statements_per_call") * writer.write_concurrency
    return FunctionTime(base, per_vote, per_round, in_a_round, statements_per_vote=each)


def expected_aggregator(aggregator: Consumer, event: VotingEvent, facts: Facts) -> FunctionTime:
    """Return the vote aggregator's time: decoding, counting, and one update per poll in sequence."""
    share = vcpu(aggregator.memory_mb, facts)
    cpu_us = facts["cpu.event_decode_us"] + facts["cpu.vote_check_us"]
    row_ms = facts["dynamodb.call_ms"] + facts["cpu.update_item_ms"] / share
    base = derived("aggregator: base", "s", facts["lambda.invocation_ms"] / 1000)
    per_vote = derived("aggregator: per vote", "s", cpu_us / 1e6 / share)
    per_round = derived("aggregator: per live row", "s", row_ms / 1000)
    return FunctionTime(base, per_vote, per_round, statements_per_round=1, most_rounds=event.polls)


def expected_answer(results_api: ResultsApi, facts: Facts) -> Figure:
    """Return the seconds that the results API takes to answer: its reads in sequence."""
    read_ms = facts["dynamodb.call_ms"] + facts["cpu.update_item_ms"] / vcpu(results_api.memory_mb, facts)
    total_ms = facts["lambda.invocation_ms"] + facts["votestream.result_reads"] * read_ms
    return derived("time of an answer", "s", total_ms / 1000)


def ingress_times(ingress: Ingress, facts: Facts) -> tuple[Figure, Figure]:
    """Return the seconds of a vote in the ingress function (a put to the stream, and CPU), and of a cold start."""
    share = vcpu(ingress.memory_mb, facts)
    vote_ms, start_ms = (
        facts["kinesis.put_ms"] + facts["cpu.ingress_ms"] / share,
        facts["cpu.ingress_start_ms"] / share,
    )
    vote = derived("ingress: time of a vote", "s", vote_ms / 1000)
    return vote, derived("ingress: time of a cold start", "s", start_ms / 1000)


def measured(name: str, line: Sequence[float], source: str, memory_mb: int) -> FunctionTime:
    """Return a straight line through measured times: base and slope in seconds."""
    how = f"least squares over {source}"
    base = computed(f"{name}: base", line[0], "s", how)
    per_vote = computed(f"{name}: per vote", line[1], "s", how)
    per_round = given(f"{name}: per round of calls", 0.0, "s", "part of the measured times")
    return FunctionTime(base, per_vote, per_round, memory_mb=memory_mb)


class ConsumerLane:
    """How one consumer's lanes gather, cut and run batches. Times in seconds."""

    def __init__(
        self, consumer: Consumer, time: FunctionTime, event: VotingEvent, around: Surroundings, facts: Facts
    ) -> None:
        self.name = name = "writer" if isinstance(consumer, Writer) else "aggregator"
        self.time, self.per_shard = time, consumer.parallelization_factor
        self.batch_limit = batch_limit(name, consumer, event, facts)
        self.limit = self.batch_limit.value  # votes in a batch at most
        self.window, pushed = float(consumer.batching_window_seconds), consumer.enhanced_fan_out
        self.propagation = facts[
            "kinesis.fan_out_propagation_seconds" if pushed else "kinesis.propagation_seconds"
        ]
        interval = around.mapping_poll_interval_seconds or facts.value("mapping.poll_interval_seconds")
        self.poll = given("poll interval", 0.0 if pushed else interval, "s", "0 with enhanced fan-out")
        self.overhead = facts["mapping.overhead_seconds"]
        if around.mapping_overhead_seconds is not None:
            held = around.mapping_overhead_seconds
            self.overhead = given("between invocations", held, "s", "surroundings")
        # An invocation with a full batch, and how long the batch occupies a lane.
        self.full_time = time.figure(f"{name}: time of a full batch", self.batch_limit)
        self.full_seconds = time.of(self.limit) + self.overhead.value
        # Until a vote reaches an open window, or a push: propagation, and a poll just missed.
        self.on_its_way = self.propagation.value + self.poll.value * (self.window > 0)

    def batches_per_second(self, rate: Array) -> Array:
        """Return the batches a second that one lane forms while it keeps up with ``rate`` votes/s."""
        rate = np.maximum(rate, 1e-12)
        full = rate / self.limit
        if self.window > 0:
            size = self.gathered(rate)
            return np.where(size >= self.limit, full, rate / size)
        if poll := self.poll.value:
            return batches_in_poll(rate * poll, self.limit) / poll
        return np.asarray(np.maximum(full, rate / self.pushed(rate)))

    def gathered(self, rate: Array) -> Array:
        """Return the votes between two flushes, with a window and no batch limit."""
        size = self._gathered_in(self.window + self.time.fixed, rate)
        for _ in range(3):  # rounds of calls are whole, so the time is not linear
            busy = self.time.seconds(np.minimum(size, self.limit))
            # The window waits for a first vote. If no vote came during the invocation, add one gap.
            size = rate * (self.window + busy) + np.exp(-np.minimum(rate * busy, 700.0))
        return size

    def pushed(self, rate: Array) -> Array:
        """Return the batch under enhanced fan-out: the votes that come while the previous one runs."""
        return self._gathered_in(self.time.fixed + self.overhead.value, rate)

    def _gathered_in(self, seconds: float, rate: Array) -> Array:
        load = np.minimum(rate * self.time.slope, 0.999)
        return np.asarray(np.clip(rate * seconds / (1 - load), 1.0, self.limit))


def batches_in_poll(votes: Array, limit: float) -> Array:
    """Return the mean number of batches that a poll with this mean number of votes is cut into."""
    votes = np.asarray(votes, dtype=np.float64)
    many = np.maximum(1.0, votes / limit + (limit - 1) / (2 * limit))
    few = np.minimum(votes, _MANY_VOTES_A_POLL)
    counts = np.arange(1, int(_MANY_VOTES_A_POLL * 3))
    logs = np.cumsum(np.log(counts))  # log of k!
    chances = np.exp(counts * np.log(np.maximum(few, 1e-300))[..., None] - few[..., None] - logs)
    counted = (chances * np.ceil(counts / limit)).sum(axis=-1)
    return np.where(votes < _MANY_VOTES_A_POLL, counted, many)


def batch_limit(name: str, consumer: Consumer, event: VotingEvent, facts: Facts) -> Figure:
    """Return the most votes that a batch holds: a record in the mapping's event is base64, key and metadata."""
    size, told = given("batch_size", consumer.batch_size, "votes"), event.figures
    each = facts["mapping.envelope_bytes"] + 4 * ceil(told["data_bytes"] / 3) + told["voter_bytes"]
    record = derived("record in the mapping's event", "bytes", each)
    fits = floor(facts["mapping.payload_max_mib"] * MIB / record)
    return derived(f"{name}: batch limit", "votes", minimum(size, fits))


class LiveRowModel:
    """The number of live rows in a batch: a row's probability is its share of the votes."""

    def __init__(self, event: VotingEvent, writing: Writing) -> None:
        self._rows_per_share = float(event.options) if writing.row_per_option else 1.0
        shares = np.array(event.poll_shares) / self._rows_per_share
        # At most two different shares, whatever the number of polls.
        kinds, self._numbers = np.unique(np.round(shares, 12), return_counts=True)
        self._missed = 1 - np.minimum(kinds, 1.0)

    def in_batch(self, votes: Array) -> Array:
        """Return the mean number of different rows in batches of so many votes."""
        missed = np.power(self._missed, np.maximum(votes, 1.0)[..., None])
        return np.asarray(((1 - missed) * self._numbers).sum(axis=-1) * self._rows_per_share)


def live_row_bytes(event: VotingEvent, facts: Facts) -> Figure:
    """Return a live row's bytes: it grows with its poll's options."""
    each = facts["votestream.live_row_bytes_per_option"] + given("option id", event.option_bytes, "bytes")
    options = given("options per poll", event.options)
    return derived("live row", "bytes", facts["votestream.live_row_bytes"] + options * each)


def whole(value: float) -> int:
    """Return the next whole number, tolerating rounding errors of floating point."""
    return math.ceil(value - 1e-9)
