"""Alarms and dashboard: about metrics that exist, and ringing when they should."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import results_api.handler
import tally.handler
import unique_counter.handler
import vote_aggregator.handler
import vote_writer.handler
from contract.cloudwatch import (
    ENVIRONMENT,
    Metric,
    Minute,
    evaluate,
    expression_of,
    expressions_of_widget,
    metrics_of_alarm,
    metrics_of_widget,
    names_in,
    observed,
    rings,
)
from voting.metrics import NAMESPACE, REJECTED
from voting.metrics import Metric as OwnMetric

AWS_METRICS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("aws_metrics.json").read_text(encoding="utf-8")
)
OWN_METRICS = {*OwnMetric, *REJECTED.values()}
SERVICES = {
    module.SERVICE
    for module in (
        results_api.handler,
        tally.handler,
        unique_counter.handler,
        vote_aggregator.handler,
        vote_writer.handler,
    )
}


def exists(metric: Metric) -> bool:
    """Say whether a metric is one that a function emits, or one that AWS documents with these dimensions."""
    dimensions = dict(metric.dimensions)
    if metric.namespace == NAMESPACE:
        return (
            metric.name in OWN_METRICS
            and dimensions.keys() == {"environment", "service"}
            and dimensions["environment"] == ENVIRONMENT
            and dimensions["service"] in SERVICES
        )
    return any(
        metric.namespace == entry.get("namespace", namespace)
        and metric.name in entry["metrics"]
        and sorted(dimensions) in entry["dimensions"]
        for namespace, entry in AWS_METRICS.items()
    )


def test_every_alarm_is_about_metrics_that_exist() -> None:
    alarms = observed().alarms
    assert alarms
    unknown = {
        name: metric
        for name, alarm in alarms.items()
        for metric in metrics_of_alarm(alarm).values()
        if not exists(metric)
    }
    assert unknown == {}


def test_every_widget_is_about_metrics_that_exist() -> None:
    shown = [
        (widget["properties"].get("title"), metric)
        for widget in observed().dashboard["widgets"]
        for metric in metrics_of_widget(widget).values()
    ]
    assert shown
    assert [(title, metric) for title, metric in shown if not exists(metric)] == []


def test_an_alarms_name_and_its_metric_name_the_same_part() -> None:
    subjects = {
        "vote-writer": {"writer-mapping", "votestream-test-vote-writer", "vote_writer"},
        "vote-aggregator": {"aggregator-mapping", "votestream-test-vote-aggregator", "vote_aggregator"},
        "results-api": {"votestream-test-results-api"},
        "polls": {"votestream-test-polls"},
        "tallies": {"votestream-test-tallies"},
        "votes": {"votestream-test-votes"},
    }
    named = 0
    for name, alarm in observed().alarms.items():
        subject = (
            name.removeprefix(section_of(name)).removesuffix("-reads").removesuffix("-writes").strip("-")
        )
        if subject in subjects:
            named += 1
            about = {value for metric in metrics_of_alarm(alarm).values() for _, value in metric.dimensions}
            assert about & subjects[subject], name
    assert named > 20


def test_every_expression_uses_all_its_metrics_and_no_other() -> None:
    for name, alarm in observed().alarms.items():
        if (expression := expression_of(alarm)) is not None:
            assert names_in(expression) == metrics_of_alarm(alarm).keys(), name
    for widget in observed().dashboard["widgets"]:
        for expression in expressions_of_widget(widget):
            assert names_in(expression) <= metrics_of_widget(widget).keys(), widget["properties"]["title"]


def test_an_expression_has_no_value_without_data_or_after_division_by_zero() -> None:
    assert evaluate("100 * part / whole", {"part": 1, "whole": 4}) == 25
    assert evaluate("100 * part / whole", {"part": 1}) is None
    assert evaluate("100 * part / whole", {"part": 1, "whole": 0}) is None
    assert evaluate("IF(whole >= 100, 100 * part / whole, 0)", {"part": 1, "whole": 0}) == 0


# What a widget searches for: metrics of single polls.
SEARCHED = re.compile(
    rf"""SEARCH\('{{{NAMESPACE},environment,poll_id,service}} MetricName="(\w+)" environment="{ENVIRONMENT}"',"""
)


def searched_by(widget: dict[str, Any]) -> set[str]:
    """Return the names that a widget searches for."""
    searches = [text for text in expressions_of_widget(widget) if text.startswith("SEARCH")]
    found = [SEARCHED.match(text) for text in searches]
    assert all(found), searches
    return {match[1] for match in found if match}


def test_metrics_that_a_widget_searches_for_exist_per_poll() -> None:
    names = set().union(*(searched_by(widget) for widget in observed().dashboard["widgets"]))
    assert names == {OwnMetric.VOTES_PER_HUNDRED_VOTERS}


def test_the_functions_metrics_are_on_the_dashboard() -> None:
    widgets = observed().dashboard["widgets"]
    shown = {metric.name for widget in widgets for metric in metrics_of_widget(widget).values()}
    shown = shown.union(*map(searched_by, widgets))
    # Sums of shown metrics, a share of one, and an alarm's own.
    left_out = {
        OwnMetric.RECORDS_RECEIVED,
        OwnMetric.RECORDS_REJECTED,
        OwnMetric.RECORDS_UNACCOUNTED,
        OwnMetric.MARKERS_IGNORED,
        OwnMetric.REQUESTS_ANSWERED,
    }
    assert OWN_METRICS - shown == left_out


# A minute in the middle of a show, by the statistic that the alarms take: sums, or a share of 1 (4XXError, 5XXError),
# milliseconds (IteratorAge), polls (PolledEventCount), invocations at once (ResourceCount).
BUSY: Minute = {
    "Count": 200_000,
    "4XXError": 0.02,
    "5XXError": 0.0,
    "IncomingRecords": 199_000,
    "WriteProvisionedThroughputExceeded": 300,
    "ReadThrottleEvents": 0,
    "WriteThrottleEvents": 0,
    "IteratorAge": 4_000,
    "PolledEventCount": 960,
    "OnFailureDestinationDeliveredEventCount": 0,
    "DroppedEventCount": 0,
    "Errors": 0,
    "Throttles": 0,
    "ResourceCount": 300,
    "RecordsReceived": 199_000,
    "RecordsRejected": 4_000,
    "RejectedClosed": 1_000,
    "RecordsUnaccounted": 0,
    "UniqueCountAge": 90_000,
}
# Nobody votes: the metrics that AWS and the functions still emit.
NIGHT: Minute = {"PolledEventCount": 960}
# A tally at work.
CLOSING: Minute = NIGHT | {
    "MarkersAwaited": 4,
    "FailedBatchesWaiting": 0,
    "RecordsLost": 0,
    "VotesContradicting": 0,
    "ExecutionsFailed": 0,
    "InvocationDroppedCount": 0,
    "IteratorAge": 4_000,
}
# The poll has just closed, and all votes are late.
LATE: Minute = BUSY | {"RejectedClosed": 190_000, "RecordsRejected": 193_000}

# An incident by section of the runbook: this section's alarms must ring, and of the others only those listed.
TROUBLE: dict[str, tuple[Minute, set[str]]] = {
    "front-door-failing": (BUSY | {"5XXError": 0.02}, {"results-failing"}),  # the metric is the same for both
    "results-failing": (BUSY | {"5XXError": 0.02}, {"front-door-failing"}),
    "front-door-refusing": (BUSY | {"4XXError": 0.12}, set()),
    "front-door-full": (BUSY | {"Count": 230_000}, set()),
    "stream-throttling": (BUSY | {"WriteProvisionedThroughputExceeded": 3_000}, set()),
    "table-throttling": (BUSY | {"WriteThrottleEvents": 10, "ReadThrottleEvents": 10}, set()),
    "consumer-behind": (BUSY | {"IteratorAge": 1_000_000}, set()),
    "votes-at-risk": (BUSY | {"IteratorAge": 48 * 3_600_000}, {"consumer-behind"}),
    "consumer-stopped": ({name: value for name, value in BUSY.items() if name != "PolledEventCount"}, set()),
    "batches-given-up": (BUSY | {"OnFailureDestinationDeliveredEventCount": 25}, set()),
    "records-lost": (BUSY | {"DroppedEventCount": 25}, set()),
    "function-failing": (BUSY | {"Errors": 1}, set()),
    "function-throttled": (BUSY | {"Throttles": 1}, set()),
    "concurrency-near-quota": (BUSY | {"ResourceCount": 801}, set()),
    "votes-rejected": (BUSY | {"RecordsRejected": 61_000}, set()),
    "votes-late": (LATE, set()),
    "conservation-broken": (BUSY | {"RecordsUnaccounted": 1}, set()),
    "tally-not-started": (CLOSING | {"InvocationDroppedCount": 1}, {"tally-waiting", "unique-count-late"}),
    "tally-failed": (CLOSING | {"ExecutionsFailed": 1}, {"tally-waiting"}),
    "tally-waiting": (CLOSING, set()),
    "tally-blocked": (CLOSING | {"MarkersAwaited": 0, "FailedBatchesWaiting": 1}, set()),
    "certificate-withheld": (CLOSING | {"MarkersAwaited": 0, "RecordsLost": 25}, set()),
    "certificate-contradicted": (CLOSING | {"MarkersAwaited": 0, "VotesContradicting": 3}, set()),
    # The model knows metrics by their name alone, and each group of schedules has this one.
    "unique-count-late": (
        NIGHT | {"UniqueCountAge": 300_000, "InvocationDroppedCount": 1},
        {"tally-not-started"},
    ),
}


def ringing(minutes: Sequence[Minute]) -> set[str]:
    """Return the names of the alarms that ring at the end of these minutes."""
    return {name for name, alarm in observed().alarms.items() if rings(alarm, minutes)}


def section_of(name: str) -> str:
    """Return the section of the runbook that an alarm's description names."""
    return str(observed().alarms[name]["alarm_description"]).rpartition("#")[2]


def test_every_alarm_has_an_incident_here() -> None:
    assert {section_of(name) for name in observed().alarms} == TROUBLE.keys()


@pytest.mark.parametrize(
    "minutes",
    [
        pytest.param([BUSY] * 30, id="a-show-that-goes-well"),
        pytest.param([NIGHT] * 30, id="a-night-without-votes"),
        pytest.param([NIGHT] * 30 + [CLOSING] * 5 + [NIGHT] * 5, id="a-tally"),
        pytest.param([BUSY] * 30 + [LATE] * 4 + [NIGHT] * 4, id="the-end-of-a-poll"),
        pytest.param([BUSY] * 30 + [BUSY | {"Errors": 1}] + [BUSY], id="one-failed-invocation"),
        pytest.param([NIGHT | {"5XXError": 0.0, "4XXError": 1.0, "Count": 1}], id="one-bad-request"),
        pytest.param(
            [NIGHT | {"RecordsReceived": 1, "RecordsRejected": 1, "RejectedClosed": 0}], id="one-odd-record"
        ),
    ],
)
def test_no_alarm_rings_in_normal_operation(minutes: Sequence[Minute]) -> None:
    assert ringing(minutes) == set()


def test_a_votes_table_smaller_than_the_peak_rings_only_after_minutes() -> None:
    full = ringing([BUSY] * 30 + [BUSY | {"WriteThrottleEvents": 1_000}] * 9)
    assert full == {"table-throttling-polls-writes", "table-throttling-tallies-writes"}


@pytest.mark.parametrize("section", TROUBLE)
def test_each_incident_rings_exactly_its_alarms(section: str) -> None:
    minute, beside = TROUBLE[section]
    rung = ringing([BUSY] * 30 + [minute] * 30)
    assert {name for name in observed().alarms if section_of(name) == section} <= rung
    assert {section_of(name) for name in rung} == {section} | beside


@pytest.mark.parametrize("section", TROUBLE)
def test_an_alarm_rings_within_its_datapoints_and_not_before(section: str) -> None:
    minute, _ = TROUBLE[section]
    for name, alarm in observed().alarms.items():
        if section_of(name) == section:
            needed = alarm["datapoints_to_alarm"]
            assert rings(alarm, [BUSY] * 30 + [minute] * needed), name
            assert not rings(alarm, [BUSY] * 30 + [minute] * (needed - 1)), name
            assert not rings(alarm, [minute] * 30 + [NIGHT] * 30), f"{name} never ends"
