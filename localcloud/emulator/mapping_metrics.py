"""The metrics of an event source mapping, as on AWS if its MetricsConfig asks for EventCount.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

LOG = logging.getLogger(__name__)

NAMESPACE = "AWS/Lambda"
DIMENSION = "EventSourceMappingUUID"
# A tally waits for these counts after its last marker, so they come more often than the minute of AWS.
PUBLISH_SECONDS = 5.0

type Datum = dict[str, object]


class MappingMetric(StrEnum):
    """The metrics, each in events; those for SQS only are missing."""

    POLLED = "PolledEventCount"
    """Events that were read: a sample for each read, 0 if there were none."""
    FILTERED_OUT = "FilteredOutEventCount"
    INVOKED = "InvokedEventCount"
    """Events that reached the function, failed ones included."""
    FAILED_INVOKE = "FailedInvokeEventCount"
    """Events that the function failed on or reported, or that did not reach it."""
    DELIVERED_ON_FAILURE = "OnFailureDestinationDeliveredEventCount"
    DROPPED = "DroppedEventCount"
    """Events that were given up and are lost."""
    UNDELIVERED = "DestinationDeliveryFailures"
    """Failed deliveries to the failure destination: a metric of the function, in deliveries."""


def wants_event_counts(mapping: Mapping[str, object]) -> bool:
    """Whether a mapping, as Lambda's API describes it, asks for these metrics."""
    config = mapping.get("MetricsConfig")
    return isinstance(config, Mapping) and "EventCount" in config.get("Metrics", ())


@dataclass(slots=True)
class _Samples:
    count: int
    total: int
    lowest: int
    highest: int

    def add(self, events: int) -> None:
        self.count += 1
        self.total += events
        self.lowest = min(self.lowest, events)
        self.highest = max(self.highest, events)


class EventCounts:
    """A mapping's samples since they were last taken. Any thread may add."""

    def __init__(self, mapping_id: str, function_name: str) -> None:
        self._dimensions = {DIMENSION: mapping_id}
        self._functions = {"FunctionName": function_name}
        self._lock = threading.Lock()
        self._samples: dict[MappingMetric, _Samples] = {}

    def add(self, metric: MappingMetric, events: int) -> None:
        """Add a sample."""
        with self._lock:
            if samples := self._samples.get(metric):
                samples.add(events)
            else:
                self._samples[metric] = _Samples(1, events, events, events)

    def take(self) -> list[Datum]:
        """Return them as MetricData of PutMetricData, and start again at zero."""
        with self._lock:
            taken, self._samples = self._samples, {}
        return [
            {
                "MetricName": metric.value,
                "Dimensions": [{"Name": name, "Value": value} for name, value in self._of(metric).items()],
                "StatisticValues": {
                    "SampleCount": samples.count,
                    "Sum": samples.total,
                    "Minimum": samples.lowest,
                    "Maximum": samples.highest,
                },
            }
            for metric, samples in taken.items()
        ]

    def _of(self, metric: MappingMetric) -> Mapping[str, str]:
        return self._functions if metric is MappingMetric.UNDELIVERED else self._dimensions


class Publisher:
    """Publishes a mapping's counts regularly, in its own thread, so that its errors never stop the reading."""

    def __init__(
        self,
        counts: EventCounts,
        put: Callable[[list[Datum]], object],
        every_seconds: float = PUBLISH_SECONDS,
    ) -> None:
        self._counts = counts
        self._put = put
        self._every_seconds = every_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mapping-metrics", daemon=True)

    def start(self) -> None:
        """Start to publish."""
        self._thread.start()

    def stop(self) -> None:
        """Publish the rest and end, without making the caller wait."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            self._publish()
        self._publish()

    def _publish(self) -> None:
        if data := self._counts.take():
            try:
                self._put(data)
            except Exception as error:  # noqa: BLE001 - a count that is missing must not end the counting
                LOG.warning("a mapping's metrics were not published: %s", error)
