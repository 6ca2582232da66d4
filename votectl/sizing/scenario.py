"""An event on a deployment: the common input of prediction and simulation."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import Any

import numpy as np

from votectl.settings import deployment as settings
from votectl.sizing import consumer as consumers
from votectl.sizing.capacity import Bucket, FrontDoor, GrowingCapacity, WriteMeter
from votectl.sizing.consumer import MIB, ConsumerLane, FunctionTime, live_row_bytes
from votectl.sizing.event import VotingEvent
from votectl.sizing.explain import Figure, ceil, derived, given, maximum, minimum
from votectl.sizing.facts import Facts


@dataclass(frozen=True)
class EventScenario:
    """The input of ``predict`` (expected flows) and of ``simulate`` (step by step)."""

    event: VotingEvent
    deployment: settings.DeploymentSettings
    facts: Facts
    surroundings: settings.Surroundings
    writing: settings.Writing
    writer_time: FunctionTime
    aggregator_time: FunctionTime

    @classmethod
    def expected(
        cls, event: VotingEvent, deployment: settings.DeploymentSettings, facts: Facts, **known: Any
    ) -> "EventScenario":
        """Return a scenario. What is not known of it is as expected: our functions, new tables and raised quotas."""
        expected: dict[str, Any] = {
            "surroundings": settings.Surroundings(),
            "writing": our_writing(facts),
            "writer_time": consumers.expected_writer(deployment.vote_writer, event, facts),
            "aggregator_time": consumers.expected_aggregator(deployment.vote_aggregator, event, facts),
        }
        return cls(event, deployment, facts, **expected | known)

    def front_door(self) -> FrontDoor:
        """Return the door that votes come through, as it is when the event begins."""
        api, ingress, value = self.deployment.api, self.deployment.ingress, self.facts.value
        throttle = Bucket(api.throttling_rate_limit, api.throttling_burst_limit)
        if api.vote_door is settings.Door.REST:
            return FrontDoor(throttle)
        seconds = consumers.ingress_times(ingress, self.facts)[0].value
        burst = value("lambda.scaling_per_10_seconds")
        if api.vote_door is settings.Door.URL:
            throttle = Bucket(inf, inf)
        ready = max(ingress.provisioned_concurrency or 0, self.surroundings.ingress_ready)
        most = inf if ingress.reserved_concurrency is None else ingress.reserved_concurrency
        each = min(value("lambda.requests_per_concurrency"), 1 / seconds)
        return FrontDoor(throttle, Bucket(burst / 10, burst), ready, most, each)

    @cached_property
    def records_per_shard(self) -> Figure:
        """Records that one shard takes in a second: their number is the limit, or their bytes."""
        by_bytes = self.facts["kinesis.shard_write_mib_per_second"] * MIB / self.event.figures["record_bytes"]
        limit = minimum(self.facts["kinesis.shard_write_records_per_second"], by_bytes)
        return derived("records per shard", "records/s", limit)

    def stream_growth(self) -> GrowingCapacity | None:
        """Return an on-demand stream's capacity in records per second; None when it is provisioned."""
        if self.deployment.stream.mode is settings.StreamMode.PROVISIONED:
            return None
        initial = self.facts.value("kinesis.on_demand.initial_records_per_second")
        return self._growing("kinesis", initial, self.facts.value("kinesis.on_demand.max_records_per_second"))

    def _growing(self, service: str, initial: float, ceiling: float) -> GrowingCapacity:
        value, growth = self.facts.value, f"{service}.on_demand.growth_"
        factor, seconds = value(f"{growth}factor"), value(f"{growth}seconds")
        return GrowingCapacity(min(initial, ceiling), factor, seconds, ceiling)

    def shards_for(self, records_per_second: float) -> int:
        """Return the shards of an on-demand stream that takes so many records."""
        return max(1, round(records_per_second / self.facts.value("kinesis.shard_write_records_per_second")))

    @cached_property
    def shards(self) -> int:
        """Shards at the beginning."""
        growth, provisioned = self.stream_growth(), self.deployment.stream.shard_count or 1
        return provisioned if growth is None else self.shards_for(growth.initial)

    @cached_property
    def pace(self) -> Figure | None:
        """The least seconds per write unit in a lane of a paced writer; None: it is not paced."""
        writer, table = self.deployment.vote_writer, self.deployment.votes_table
        if writer.write_share is None or table.provisioned is None:
            return None
        shards = given("shards", self.shards, "shards", "stream")
        lanes = given("parallelization_factor", writer.parallelization_factor, "lanes")
        units = given("write_units", table.provisioned[0], "units/s", "votes_table")
        share = given("write_share", writer.write_share, "", "vote_writer")
        return derived("writer: least time per unit", "s per unit", shards * lanes / (units * share))

    @cached_property
    def writer(self) -> ConsumerLane:
        """The vote writer's lanes. A paced writer has a least number of seconds per vote and lane."""
        pace = self.pace
        if pace is not None:
            pace = derived("writer: least time per vote", "s per vote", self.units_per_vote * pace)
        return self._lane(self.deployment.vote_writer, replace(self.writer_time, pace=pace))

    @cached_property
    def aggregator(self) -> ConsumerLane:
        """The vote aggregator's lanes."""
        return self._lane(self.deployment.vote_aggregator, self.aggregator_time)

    def _lane(self, consumer: settings.Consumer, time: FunctionTime) -> ConsumerLane:
        return ConsumerLane(consumer, time, self.event, self.surroundings, self.facts)

    @cached_property
    def readable_per_shard(self) -> Figure:
        """Records that a consumer can read from one shard in a second, among those that share it."""
        both = (self.deployment.vote_writer, self.deployment.vote_aggregator)
        polling = sum(not consumer.enhanced_fan_out for consumer in both)
        sharing = maximum(1, given("consumers on standard iterators", polling))
        readable = self.facts["kinesis.shard_read_mib_per_second"] * MIB / self.event.figures["record_bytes"]
        return derived("readable per shard and consumer", "records/s", readable / sharing)

    def lane_rate(self, lane: ConsumerLane) -> Figure:
        """Return the rate of one saturated lane: full batches in sequence."""
        lanes = given("parallelization_factor", lane.per_shard, "lanes")
        batches = lane.batch_limit / (lane.full_time + lane.overhead)
        rate = minimum(batches, self.readable_per_shard / lanes)
        return derived(f"{lane.name}: rate of a lane", "votes/s", rate)

    def writer_inputs(self) -> tuple[Figure, ...]:
        """Return the inputs of a course's numbers about storing, besides the arrivals."""
        return (self.lane_rate(self.writer), self.units_per_vote)

    def aggregator_inputs(self) -> tuple[Figure, ...]:
        """Return the inputs of a course's numbers about counting, besides the arrivals."""
        lane = self.aggregator
        window = given("batching_window_seconds", lane.window, "s", "vote_aggregator")
        polls = given("polls", self.event.polls)
        return (self.lane_rate(lane), window, lane.poll, lane.propagation, polls, self.live_row_units)

    @cached_property
    def live_row_units(self) -> Figure:
        """Write units of one live write."""
        name, unit = "units per live write", "units"
        if self.writing.row_per_option:
            return given(name, 1, unit, "a row that holds one option's number")
        size = live_row_bytes(self.event, self.facts)
        return derived(name, unit, ceil(size / self.facts["dynamodb.write_unit_bytes"]))

    @cached_property
    def units_per_vote(self) -> Figure:
        """Write units of the votes table per vote, on average."""
        first = self.facts["votestream.first_vote_write_units"]
        repeated, rules = self.facts["votestream.repeated_vote_write_units"], "writing rules"
        if self.writing != our_writing(self.facts):
            first = given("units of a first vote", self.writing.first_vote_units, "units", rules)
            repeated = given("units of a repeated vote", self.writing.repeated_vote_units, "units", rules)
        repeats = self.event.figures["repeats"]
        return derived("write units per vote", "units", (1 - repeats) * first + repeats * repeated)

    def meters(self) -> tuple[WriteMeter, WriteMeter]:
        """Return the write capacity of both tables at the beginning: of votes by buckets, of tallies by polls."""
        value, around, deployment = self.facts.value, self.surroundings, self.deployment
        units, busiest = value("dynamodb.partition_write_units"), self.event.poll_shares[0]
        grown = (around.votes_table_previous_peak or 0.0) * value("dynamodb.on_demand.growth_factor")
        of_buckets = units * around.buckets_per_poll / busiest
        votes = WriteMeter(self._capacity(deployment.votes_table, grown), of_buckets)
        return votes, WriteMeter(self._capacity(deployment.tallies_table), units / busiest)

    def _capacity(self, table: settings.Table, grown: float = 0.0) -> Bucket | GrowingCapacity:
        """Return a table's write units; an on-demand one may have grown before the event."""
        if table.provisioned is not None:
            units = table.provisioned[0]
            return Bucket(units, self.facts.value("dynamodb.burst_seconds") * units)
        initial = max(self.facts.value("dynamodb.on_demand.initial_write_units"), grown)
        return self._growing("dynamodb", initial, table.max_write_units or inf)


def our_writing(facts: Facts) -> settings.Writing:
    """Return the write units of our writer and aggregator."""
    names = ("first_vote", "repeated_vote")
    units = {f"{name}_units": facts.value(f"votestream.{name}_write_units") for name in names}
    return settings.Writing.model_validate(units)


def count_units(votes_stored: float, event: VotingEvent, facts: Facts) -> Figure:
    """Return the read units of the final count: every stored row once, strongly consistent."""
    rows = given("votes stored", votes_stored, "votes", "the course") * (1 - event.figures["repeats"])
    units = rows * facts["votestream.vote_row_bytes"] / facts["dynamodb.read_unit_bytes"]
    return derived("read units of the final count", "units", units)


def unique_units(votes_stored: float, event: VotingEvent, refresh_seconds: int, facts: Facts) -> Figure:
    """Return the read units of all unique counts: every row stored so far in each refresh, and once at the end."""
    times = np.arange(refresh_seconds, event.duration, refresh_seconds)
    passes = given("refreshes", len(times), "", "duration / refresh_seconds")
    mean = float(np.mean(event.sent(times)) / event.votes) if len(times) else 0.0
    share = given("mean share of the rows", mean, "", "the arrival curve")
    units = count_units(votes_stored, event, facts) * (passes * share + 1)
    return derived("read units of the unique counts", "units", units)


def asked_per_second(event: VotingEvent, facts: Facts, *, by_cdn: bool) -> Figure:
    """Return the requests for results that reach the API: a CDN keeps each answer for a second."""
    refresh = given("viewer_refresh", event.viewer_refresh, "s")
    asked = given("viewers", event.viewers) / refresh
    if by_cdn:
        asked = minimum(asked, given("polls", event.polls) / facts["votestream.result_fresh_seconds"])
    return derived("requests for results", "requests/s", asked)


def answer_units(event: VotingEvent, shards: Figure, facts: Facts) -> Figure:
    """Return the read units of one answer: every live row of a poll, strongly consistent."""
    units = ceil(shards * live_row_bytes(event, facts) / facts["dynamodb.read_unit_bytes"])
    return derived("read units of an answer", "units", units)
