"""What a plan promises: read off the predicted course, with the final result's time put together."""

from dataclasses import replace

import numpy as np

from votectl.sizing.around import concurrency
from votectl.sizing.batching import whole
from votectl.sizing.course import Outcome
from votectl.sizing.desk import Desk
from votectl.sizing.errors import Impossible
from votectl.sizing.explain import Figure, computed, derived, given
from votectl.sizing.function_time import FunctionTime
from votectl.sizing.predict import flow, longest
from votectl.sizing.reading import count_units
from votectl.sizing.scenario import Scenario

LONGEST_RECORD_AGE = 604_800  # s: Lambda's


def with_retention(desk: Desk, scenario: Scenario, outcome: Outcome) -> Scenario:
    """Return the scenario with a stream that remembers four times as long as votes will wait.

    Raises:
        Impossible: Kinesis keeps no record that long.
    """
    most = desk.facts["kinesis.retention_hours_max"]
    hours = desk.decide(
        derived(
            "stream: retention_hours",
            "h",
            "max(included, ceil(4 * lag / 3600))",
            included=desk.facts["kinesis.retention_hours_included"],
            lag=computed("oldest unstored vote", outcome.storing_lag_peak, "s", "the predicted course"),
        )
    )
    if hours.value > most.value:
        raise Impossible(
            f"{most.value:,.0f} h of retention (Kinesis)",
            f"votes would wait for {outcome.storing_lag_peak / 3600:,.0f} h. An earlier deadline helps.",
        )
    desk.decide(
        derived(
            "vote_writer: maximum_record_age_seconds",
            "s",
            "min(hours * 3600 / 2, longest)",
            hours=hours,
            longest=given("longest record age", LONGEST_RECORD_AGE, "s", "Lambda's; half is for redrives"),
        )
    )
    stream = scenario.deployment.stream.model_copy(update={"retention_hours": whole(hours.value)})
    return replace(scenario, deployment=scenario.deployment.model_copy(update={"stream": stream}))


def predictions(desk: Desk, scenario: Scenario, outcome: Outcome) -> dict[str, Figure]:
    """Return what is to be expected, by name.

    Raises:
        Impossible: the final result would come too late after all.
    """
    arrivals = {"peak": desk.demand["peak"], "duration": desk.demand["duration"]}
    inputs = arrivals | scenario.writer_inputs()
    live_inputs = arrivals | scenario.aggregator_inputs()
    how = "expected flows along the arrival curve"

    def read(name: str, value: float, unit: str, words: str = how) -> Figure:
        return computed(name, value, unit, words, **inputs)

    def read_live(name: str, value: float, unit: str, words: str = how) -> Figure:
        return computed(name, value, unit, words, **live_inputs)

    shards = computed("shards", outcome.shards_peak, "shards", how)
    last_rate = float(desk.event.rate(np.array(desk.event.duration_seconds)))
    proof = longest(scenario.aggregator, last_rate / shards.value)
    drained = computed(
        "drained",
        max(outcome.storing_drain, outcome.live_drain),
        "s",
        f"{how}: when the slower consumer is done with the last vote",
        **inputs,
        live_lane_rate=live_inputs["lane_rate"],
    )
    count = _counting(desk, scenario)
    final = derived(
        "final result after the event",
        "s",
        "drained + proof + count",
        drained=drained,
        proof=computed(
            "proof", proof, "s", "what the closing markers take through the aggregator", **live_inputs
        ),
        count=count,
    )
    if final.value > desk.goals.final_deadline_seconds:
        raise Impossible(
            "read units of the votes table, and the drain before them",
            f"the final result would be proved {final.value:,.0f} s after the event "
            f"(drained {drained.value:,.0f} s, counted in {count.value:,.0f} s), "
            f"the deadline is {desk.goals.final_deadline_seconds:g} s.",
        )
    slow = _slow(scenario)
    return {
        figure.name: figure
        for figure in (
            read("votes", outcome.votes_stored, "votes"),
            read("refused votes", outcome.votes_refused_by_api + outcome.votes_refused_by_stream, "votes"),
            read("peak of the votes table's writes", outcome.vote_units_peak, "WCU/s"),
            read("writes to the votes table", outcome.vote_units, "WCU"),
            read_live("peak of the tallies table's writes", outcome.live_units_peak, "WCU/s"),
            read_live("writes to the tallies table", outcome.live_units, "WCU"),
            read("largest backlog", outcome.backlog_peak, "votes"),
            read("oldest unstored vote", outcome.storing_lag_peak, "s"),
            read("stored after the event", outcome.storing_drain, "s"),
            read_live("live-result lag", outcome.live_lag_peak, "s", f"{how}: poll + window + invocation"),
            read("votes per writer batch", outcome.writer_batch_mean, "votes"),
            read_live("votes per aggregator batch", outcome.aggregator_batch_mean, "votes"),
            final,
            computed(
                "final result if calls to the store take twice as long",
                final.value - drained.value + max(slow.storing_drain, slow.live_drain),
                "s",
                f"{how}, with twice the time per round of calls",
                final=final,
            ),
            concurrency(scenario),
        )
    }


def _counting(desk: Desk, scenario: Scenario) -> Figure:
    """Return how long reading every stored row takes."""
    table = scenario.deployment.votes_table
    if table.read_units is not None:
        rate = given("read_units", table.read_units, "units/s", "votes_table")
    else:
        rate = desk.facts["dynamodb.on_demand.initial_read_units"]
    partitions = derived(
        "units that the buckets give",
        "units/s",
        "partition * buckets * polls",
        partition=desk.facts["dynamodb.partition_read_units"],
        buckets=given("buckets per poll", scenario.surroundings.buckets_per_poll, ""),
        polls=given("polls", desk.event.polls, ""),
    )
    return derived(
        "count",
        "s",
        "units / min(rate, partitions)",
        units=count_units(desk.event.votes, desk.event, desk.facts),
        rate=rate,
        partitions=partitions,
    )


def _slow(scenario: Scenario) -> Outcome:
    """Return what comes of it when every call to the store takes twice as long."""

    def twice(time: FunctionTime) -> FunctionTime:
        slower = derived("per round, twice as long", "s", "2 * per_round", per_round=time.per_round)
        return replace(time, per_round=slower)

    return Outcome.of(
        flow(
            replace(
                scenario,
                writer_time=twice(scenario.writer_time),
                aggregator_time=twice(scenario.aggregator_time),
            )
        )
    )
