"""The counts of a mapping, and their publication, which never disturbs the mapping."""

import threading
from collections.abc import Iterator

import pytest

from localcloud.emulator.mapping_metrics import (
    Datum,
    EventCounts,
    MappingMetric,
    Publisher,
    wants_event_counts,
)
from localcloud.processes import wait_until


def statistics(*, count: int, total: int, lowest: int, highest: int) -> dict[str, int]:
    return {"SampleCount": count, "Sum": total, "Minimum": lowest, "Maximum": highest}


@pytest.fixture
def counts() -> EventCounts:
    return EventCounts("a-mapping", "a-function")


@pytest.mark.parametrize(
    ("mapping", "wanted"),
    [
        pytest.param({"MetricsConfig": {"Metrics": ["EventCount"]}}, True, id="asked-for"),
        pytest.param({"MetricsConfig": {"Metrics": []}}, False, id="none"),
        pytest.param({"MetricsConfig": {}}, False, id="empty"),
        pytest.param({}, False, id="left-out"),
    ],
)
def test_events_are_counted_only_on_request(mapping: dict[str, object], wanted: bool) -> None:
    assert wants_event_counts(mapping) is wanted


def test_an_empty_poll_is_a_sample_of_its_own(counts: EventCounts) -> None:
    for polled in (0, 7, 0, 2):
        counts.add(MappingMetric.POLLED, polled)
    (datum,) = counts.take()
    assert datum == {
        "MetricName": "PolledEventCount",
        "Dimensions": [{"Name": "EventSourceMappingUUID", "Value": "a-mapping"}],
        "StatisticValues": statistics(count=4, total=9, lowest=0, highest=7),
    }


def test_metrics_are_counted_apart(counts: EventCounts) -> None:
    counts.add(MappingMetric.INVOKED, 5)
    counts.add(MappingMetric.FAILED_INVOKE, 3)
    assert {datum["MetricName"]: datum["StatisticValues"] for datum in counts.take()} == {
        "InvokedEventCount": statistics(count=1, total=5, lowest=5, highest=5),
        "FailedInvokeEventCount": statistics(count=1, total=3, lowest=3, highest=3),
    }


def test_a_failed_delivery_is_a_metric_of_the_function(counts: EventCounts) -> None:
    counts.add(MappingMetric.UNDELIVERED, 1)
    (datum,) = counts.take()
    assert datum["MetricName"] == "DestinationDeliveryFailures"
    assert datum["Dimensions"] == [{"Name": "FunctionName", "Value": "a-function"}]


def test_published_counts_are_not_published_again(counts: EventCounts) -> None:
    counts.add(MappingMetric.POLLED, 1)
    assert counts.take()
    assert counts.take() == []


class CloudWatch:
    """Keeps what is put, and has as many faults as a test wants."""

    def __init__(self) -> None:
        self.faults = 0
        self.samples = 0
        self.calls = 0
        self.threads: set[threading.Thread] = set()

    def put(self, data: list[Datum]) -> None:
        self.calls += 1
        self.threads.add(threading.current_thread())
        if self.faults:
            self.faults -= 1
            raise OSError("no answer")
        for datum in data:
            values = datum["StatisticValues"]
            assert isinstance(values, dict)
            self.samples += values["SampleCount"]


class TestPublisher:
    @pytest.fixture
    def cloudwatch(self) -> CloudWatch:
        return CloudWatch()

    @pytest.fixture
    def publisher(self, counts: EventCounts, cloudwatch: CloudWatch) -> Iterator[Publisher]:
        publisher = Publisher(counts, cloudwatch.put, every_seconds=0.01)
        publisher.start()
        yield publisher
        publisher.stop()

    @pytest.mark.usefixtures("publisher")
    def test_a_missing_answer_does_not_stop_publishing(
        self, counts: EventCounts, cloudwatch: CloudWatch
    ) -> None:
        cloudwatch.faults = 1
        counts.add(MappingMetric.POLLED, 0)
        assert wait_until(lambda: cloudwatch.calls == 1, 5)
        counts.add(MappingMetric.POLLED, 0)
        assert wait_until(lambda: cloudwatch.samples == 1, 5)
        assert threading.current_thread() not in cloudwatch.threads

    @pytest.mark.usefixtures("publisher")
    def test_nothing_is_published_without_counts(self, counts: EventCounts, cloudwatch: CloudWatch) -> None:
        counts.add(MappingMetric.POLLED, 0)
        assert wait_until(lambda: cloudwatch.samples == 1, 5)
        assert cloudwatch.calls == 1

    def test_stopping_publishes_the_last_counts(self, counts: EventCounts, cloudwatch: CloudWatch) -> None:
        slow = Publisher(counts, cloudwatch.put, every_seconds=3600)
        slow.start()
        counts.add(MappingMetric.POLLED, 4)
        slow.stop()
        assert wait_until(lambda: cloudwatch.samples == 1, 5)
