"""An event on a deployment: everything that prediction and simulation both start from."""

from dataclasses import dataclass
from functools import cached_property

from votectl.settings.deployment import (
    Consumer,
    Deployment,
    StreamMode,
    Surroundings,
    Table,
    Writing,
)
from votectl.sizing.batching import Lane, batch_limit, live_row_units
from votectl.sizing.capacity import Growth
from votectl.sizing.demand import Event
from votectl.sizing.explain import Figure, derived, given
from votectl.sizing.facts import Facts
from votectl.sizing.function_time import FunctionTime, expected_aggregator, expected_writer


@dataclass(frozen=True)
class Scenario:
    """What is played: by ``predict`` as expected flows, by ``simulate`` step by step."""

    event: Event
    deployment: Deployment
    facts: Facts
    surroundings: Surroundings
    writing: Writing
    writer_time: FunctionTime
    aggregator_time: FunctionTime

    @classmethod
    def expected(
        cls,
        event: Event,
        deployment: Deployment,
        facts: Facts,
        *,
        surroundings: Surroundings | None = None,
        writing: Writing | None = None,
        writer_time: FunctionTime | None = None,
        aggregator_time: FunctionTime | None = None,
    ) -> "Scenario":
        """Return a scenario with our own functions, new tables and raised quotas where nothing is said."""
        return cls(
            event,
            deployment,
            facts,
            surroundings or Surroundings(),
            writing or our_writing(facts),
            writer_time or expected_writer(deployment.vote_writer, event, facts),
            aggregator_time or expected_aggregator(deployment.vote_aggregator, event, facts),
        )

    # The front door

    @cached_property
    def requests_per_second(self) -> float:
        """What the stage's throttle and the account's quota let through."""
        limit = self.deployment.api.throttling_rate_limit
        quota = self.surroundings.account_requests_per_second
        return limit if quota is None else min(limit, quota)

    # The stream

    @cached_property
    def records_per_shard(self) -> Figure:
        """Records that one shard takes in a second: their number binds, or their bytes."""
        figures = self.event.figures()
        return derived(
            "records per shard",
            "records/s",
            "min(records, mib * 1048576 / (data + voter))",
            records=self.facts["kinesis.shard_write_records_per_second"],
            mib=self.facts["kinesis.shard_write_mib_per_second"],
            data=figures["data_bytes"],
            voter=figures["voter_bytes"],
        )

    @cached_property
    def stream_growth(self) -> Growth | None:
        """How an on-demand stream grows, in records per second; None when it is provisioned."""
        if self.deployment.stream.mode is StreamMode.PROVISIONED:
            return None
        factor = self.facts.value("kinesis.on_demand.growth_factor")
        initial = self.facts.value("kinesis.on_demand.initial_records_per_second")
        ceiling = self.facts.value("kinesis.on_demand.max_records_per_second")
        previous = factor * (self.surroundings.stream_previous_peak or 0.0)
        return Growth(
            initial=min(max(initial, previous), ceiling),
            factor=factor,
            seconds=self.facts.value("kinesis.on_demand.growth_seconds"),
            ceiling=ceiling,
        )

    def shards_for(self, records_per_second: float) -> int:
        """Return the shards of an on-demand stream that takes so many records."""
        return max(1, round(records_per_second / self.facts.value("kinesis.shard_write_records_per_second")))

    @cached_property
    def shards(self) -> int:
        """Shards at the beginning."""
        if self.stream_growth is not None:
            return self.shards_for(self.stream_growth.initial)
        return self.deployment.stream.shard_count or 1

    # The consumers

    @cached_property
    def concurrency_share(self) -> float:
        """The share of lanes that may run at once under the account's concurrency."""
        limit = self.surroundings.account_concurrency
        lanes = self.shards * (self.deployment.vote_writer.parallelization_factor + 1)
        return 1.0 if limit is None else min(1.0, limit / lanes)

    @cached_property
    def writer(self) -> Lane:
        """The vote writer's lanes."""
        return self._lane("writer", self.deployment.vote_writer, self.writer_time.paced(self.pace))

    @cached_property
    def pace(self) -> Figure | None:
        """Seconds per vote that each of the writer's lanes is held back to; None when it is not."""
        writer, table = self.deployment.vote_writer, self.deployment.votes_table
        if writer.write_share is None or table.provisioned is None:
            return None
        return derived(
            "writer: least time per vote",
            "s per vote",
            "units_per_vote * shards * lanes / (write_units * share)",
            units_per_vote=self.units_per_vote,
            shards=given("shards", self.shards, "shards", "stream"),
            lanes=given("parallelization_factor", writer.parallelization_factor, "lanes"),
            write_units=given("write_units", table.provisioned[0], "units/s", "votes_table"),
            share=given("write_share", writer.write_share, "", "vote_writer"),
        )

    @cached_property
    def aggregator(self) -> Lane:
        """The vote aggregator's lanes."""
        return self._lane("aggregator", self.deployment.vote_aggregator, self.aggregator_time)

    def _lane(self, name: str, consumer: Consumer, time: FunctionTime) -> Lane:
        pushed = consumer.enhanced_fan_out
        interval = self.surroundings.mapping_poll_interval_seconds
        if interval is None:
            interval = self.facts.value("mapping.poll_interval_seconds")
        overhead = self.facts["mapping.overhead_seconds"]
        if self.surroundings.mapping_overhead_seconds is not None:
            overhead = given(
                "between invocations", self.surroundings.mapping_overhead_seconds, "s", "surroundings"
            )
        key = "kinesis.fan_out_propagation_seconds" if pushed else "kinesis.propagation_seconds"
        return Lane(
            name=name,
            batch_limit=batch_limit(name, consumer, self.event, self.facts),
            window=float(consumer.batching_window_seconds),
            poll_interval=None if pushed else interval,
            propagation=self.facts[key],
            per_shard=consumer.parallelization_factor,
            time=time,
            overhead=overhead,
        )

    @cached_property
    def readable_per_shard(self) -> Figure:
        """Records that a consumer can read from one shard in a second, among those that share it."""
        sharing = sum(
            not consumer.enhanced_fan_out
            for consumer in (self.deployment.vote_writer, self.deployment.vote_aggregator)
        )
        figures = self.event.figures()
        return derived(
            "readable per shard and consumer",
            "records/s",
            "mib * 1048576 / (data + voter) / max(1, sharing)",
            mib=self.facts["kinesis.shard_read_mib_per_second"],
            data=figures["data_bytes"],
            voter=figures["voter_bytes"],
            sharing=given("consumers on standard iterators", sharing, ""),
        )

    def lane_rate(self, lane: Lane) -> Figure:
        """Return what one saturated lane does: full batches, one after the other."""
        return derived(
            f"{lane.name}: rate of a lane",
            "votes/s",
            "min(batch / (time + overhead) * (1 - errors) * allowed, readable / lanes_per_shard)",
            batch=lane.batch_limit,
            time=lane.time.figure(f"{lane.name}: time of a full batch", lane.batch_limit),
            overhead=lane.overhead,
            errors=given(
                "share of failing invocations", self.surroundings.function_error_share, "", "surroundings"
            ),
            allowed=given("share of lanes that may run", self.concurrency_share, "", "account concurrency"),
            readable=self.readable_per_shard,
            lanes_per_shard=given("parallelization_factor", lane.per_shard, "lanes"),
        )

    def writer_inputs(self) -> dict[str, Figure]:
        """Return what a course's numbers about storing rest on, besides the arrivals."""
        return {"lane_rate": self.lane_rate(self.writer), "units_per_vote": self.units_per_vote}

    def aggregator_inputs(self) -> dict[str, Figure]:
        """Return what a course's numbers about counting rest on, besides the arrivals."""
        return {
            "lane_rate": self.lane_rate(self.aggregator),
            "window": given("batching_window_seconds", self.aggregator.window, "s", "vote_aggregator"),
            "poll": given(
                "poll interval", self.aggregator.poll_interval or 0.0, "s", "0 with enhanced fan-out"
            ),
            "propagation": self.aggregator.propagation,
            "polls": given("polls", self.event.polls, ""),
            "units_per_row": live_row_units(self.event, self.writing, self.facts),
        }

    # The tables

    @cached_property
    def units_per_vote(self) -> Figure:
        """Write units of the votes table per vote, on average."""
        first = given("units of a first vote", self.writing.first_vote_units, "units", "writing rules")
        repeated = given(
            "units of a repeated vote", self.writing.repeated_vote_units, "units", "writing rules"
        )
        if self.writing == our_writing(self.facts):
            first = self.facts["votestream.first_vote_write_units"]
            repeated = self.facts["votestream.repeated_vote_write_units"]
        return derived(
            "write units per vote",
            "units",
            "(1 - repeats) * first + repeats * repeated",
            repeats=self.event.figures()["repeats"],
            first=first,
            repeated=repeated,
        )

    @cached_property
    def partition_units(self) -> Figure:
        """Units per second that the votes table's partition keys can take, as votes spread over them."""
        return derived(
            "units that the buckets take",
            "units/s",
            "partition * buckets / busiest",
            partition=self.facts["dynamodb.partition_write_units"],
            buckets=given(
                "buckets per poll", self.surroundings.buckets_per_poll, "", "bucket_count of the polls"
            ),
            busiest=given("share of the busiest poll", self.event.poll_shares[0], ""),
        )

    def table_growth(self, table: Table) -> Growth:
        """Return how an on-demand table grows, in units per second."""
        factor = self.facts.value("dynamodb.on_demand.growth_factor")
        ceilings = [table.max_write_units, self.surroundings.table_write_units]
        ceiling = min([float(value) for value in ceilings if value is not None], default=float("inf"))
        initial = self.facts.value("dynamodb.on_demand.initial_write_units")
        previous = 0.0
        if table is self.deployment.votes_table:
            previous = factor * (self.surroundings.votes_table_previous_peak or 0.0)
        return Growth(
            initial=min(max(initial, previous), ceiling),
            factor=factor,
            seconds=self.facts.value("dynamodb.on_demand.growth_seconds"),
            ceiling=ceiling,
        )

    @cached_property
    def key_units(self) -> float:
        """Units per second that the busiest poll's live rows can take: they share one partition key."""
        return self.facts.value("dynamodb.partition_write_units") / self.event.poll_shares[0]


def our_writing(facts: Facts) -> Writing:
    """Return what our writer and aggregator write."""
    return Writing(
        first_vote_units=facts.value("votestream.first_vote_write_units"),
        repeated_vote_units=facts.value("votestream.repeated_vote_write_units"),
    )
