"""Small measurements: counts are exact, so they can be compared with expected numbers."""

from collections.abc import Mapping

import pytest

from benchmarks import scenarios, subjects
from benchmarks.doors import doors
from benchmarks.scenarios import Bench, Series

pytestmark = pytest.mark.slow


def counted(results: list[Series], subject: str) -> Mapping[tuple[int, str], tuple[float, float]]:
    """Requests and write units per vote, by batch size and condition."""
    return {
        (row.batch_size, row.condition): (row.requests / row.votes, row.write_units / row.votes)
        for row in results
        if row.subject == subject
    }


def test_first_votes_cost_one_unit_each_and_a_batch_of_ten_one_request(bench: Bench) -> None:
    results = scenarios.batch_sizes(bench)

    condition = (10, scenarios.FIRST_VOTES)
    assert counted(results, subjects.VOTE_WRITER) == {condition: (0.1, 1.0)}
    assert counted(results, subjects.BATCH_WRITE_ITEM) == {condition: (0.1, 1.0)}
    assert counted(results, subjects.PUT_ITEM) == {condition: (1.0, 1.0)}
    assert counted(results, subjects.VOTE_AGGREGATOR) == {condition: (0.1, 0.1)}
    assert counted(results, subjects.NOTHING) == {condition: (0.0, 0.0)}
    assert {row.subject for row in results} == {*subjects.FUNCTIONS, subjects.JSON_LOADS}
    assert all(row.cpu_us_per_vote[0] > 0 for row in results)


def test_a_changed_vote_costs_one_unit_if_its_row_is_remembered_and_two_otherwise(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenarios, "BATCH_SIZE", 30)

    results = counted(scenarios.changed_votes(bench), subjects.VOTE_WRITER)

    assert {condition: units for (_, condition), (_, units) in results.items()} == {
        scenarios.FIRST_VOTES: 1.0,
        scenarios.changed_cold(0.5): 1.5,
        scenarios.changed_cold(1.0): 2.0,
        scenarios.CHANGED_WARM: 1.0,
        scenarios.REDELIVERED_COLD: 2.0,
        scenarios.REDELIVERED_WARM: 0.0,
        scenarios.FOLDED: 0.5,
    }


def test_live_rows_are_written_once_for_each_poll_of_a_batch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenarios, "BATCH_SIZE", 30)
    monkeypatch.setattr(scenarios, "AGGREGATOR_BATCH_SIZE", 60)

    results = counted(scenarios.scales(bench), subjects.VOTE_AGGREGATOR)

    rows = {condition: requests * size for (size, condition), (requests, _) in results.items()}
    assert rows == pytest.approx(
        {
            scenarios.scaled(dimension, factor): factor if dimension == "polls" else 1
            for dimension in scenarios.DIMENSIONS
            for factor in (1, 3)
        }
    )


def test_a_lane_waits_for_a_slow_store(bench: Bench) -> None:
    lanes = scenarios.lanes(bench)

    assert [(lane.subject, lane.write_concurrency) for lane in lanes] == [
        (subjects.VOTE_WRITER, 1),
        (subjects.VOTE_WRITER, subjects.DEFAULT_WRITE_CONCURRENCY),
        (subjects.PUT_ITEM, 1),
    ]
    *_, put_item = lanes
    assert put_item.votes_per_second[0] < 1000 / put_item.store_latency_ms


def test_a_function_takes_longer_to_start_than_boto3_alone(bench: Bench) -> None:
    *functions, boto3_alone = scenarios.starts(bench)

    assert [start.subject for start in functions] == [subjects.VOTE_WRITER, subjects.VOTE_AGGREGATOR]
    assert all(start.cpu_ms[0] > boto3_alone.cpu_ms[0] > 0 for start in functions)
    assert all(start.runtime_cpu_ms[0] > 0 for start in functions)


def test_the_largest_event_has_lambdas_maximum_size(bench: Bench) -> None:
    writer, aggregator = scenarios.memory(bench)

    assert writer.batch_size == 1_000
    assert 0.95 < aggregator.event_bytes / (6 * 1024 * 1024) <= 1
    assert aggregator.peak_bytes > aggregator.event_bytes


def test_a_pace_keeps_lanes_below_the_tables_capacity(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "BATCH_SIZE", 30)
    monkeypatch.setattr(scenarios, "_TABLE_WRITE_UNITS", 200)

    unpaced, paced = scenarios.drains(bench)

    assert (unpaced.writes_per_second_of_a_lane, paced.writes_per_second_of_a_lane) == (0, 80)
    assert unpaced.votes == paced.votes == 240
    assert paced.throttled_statements == 0


def test_writes_beyond_a_tables_units_are_refused_and_written_later(bench: Bench) -> None:
    with bench.start(subjects.VOTE_WRITER) as writer:
        event = bench.stream.event(bench.stream.new_voters(100), bench.polls)
        bench.store.counted()
        bench.store.set_capacity(60)
        writer.run([event])
        bench.store.set_capacity(0)

    counted = bench.store.counted()
    assert counted.throttled_statements > 0
    assert counted.write_requests > 4
    assert counted.write_units == 100


def test_a_vote_through_ingress_is_one_call_over_one_connection(bench: Bench) -> None:
    ingress, put_record = doors(bench.subjects, runs=1, starts=1)

    assert (ingress.votes, ingress.put_records, ingress.connections) == (301, 301, 1)
    assert put_record.put_records == put_record.votes
    assert 0 < ingress.cpu_us_per_vote[0] < put_record.cpu_us_per_vote[0]
    assert 0 < ingress.start_cpu_ms[0] < put_record.start_cpu_ms[0]
    assert 0 < ingress.peak_bytes < put_record.peak_bytes
