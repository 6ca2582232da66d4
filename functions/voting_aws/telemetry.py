"""Structured logs and EMF metrics, by powertools."""

from collections.abc import Mapping

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from voting.metrics import NAMESPACE
from voting.settings import FunctionSettings


class PowertoolsTelemetry:
    """The ``voting.metrics.Telemetry`` of a deployed function: both go to stdout, and so to its log group."""

    def __init__(self, service: str, settings: FunctionSettings) -> None:
        """Take the service's name (``vote_writer``) and the settings of the function."""
        self._logger = Logger(service=service, level=settings.log_level)
        self._metrics = Metrics(namespace=NAMESPACE, service=service)
        self._metrics.set_default_dimensions(environment=settings.environment)

    def count(self, counts: Mapping[str, int]) -> None:
        """Emit these counts as one EMF line."""
        self._emit(counts)

    def count_for_poll(self, poll_id: str, counts: Mapping[str, int]) -> None:
        """Emit these counts as one EMF line, with the poll as one more dimension."""
        self._metrics.add_dimension("poll_id", poll_id)
        self._emit(counts)

    def _emit(self, counts: Mapping[str, int]) -> None:
        for name, value in counts.items():
            self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
        self._metrics.flush_metrics()

    def warn(self, message: str, **fields: object) -> None:
        """Write one JSON line at level WARNING with these fields."""
        self._logger.warning(message, extra=fields)
