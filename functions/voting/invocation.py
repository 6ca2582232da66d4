"""A consumer's interface to Lambda: its context and its response (ReportBatchItemFailures)."""

from collections.abc import Sequence
from typing import Protocol, TypedDict

from voting.metrics import Metric, Telemetry
from voting.records import Record, sequence_of, version_of


class LambdaContext(Protocol):
    """The part of Lambda's context object that a consumer uses."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long this invocation may still run."""
        ...


class ItemFailure(TypedDict):
    """One failed record, by its sequence number."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """An empty list means that the whole batch is done."""

    batchItemFailures: list[ItemFailure]


def all_done() -> BatchResponse:
    """Answer that the whole batch is done."""
    return {"batchItemFailures": []}


def retry_from(telemetry: Telemetry, records: Sequence[Record], retry_from: str, cause: str) -> BatchResponse:
    """Answer that every record from version ``retry_from`` on has to be retried, and log it.

    Lambda checkpoints at the lowest reported sequence number and retries from there on (Lambda developer
    guide, "Reporting batch item failures"). So one entry is enough.
    """
    reported = sum(version_of(record.sequence) >= retry_from for record in records)
    sequence = sequence_of(retry_from)
    telemetry.warn("part of the batch will be retried", cause=cause, from_sequence=sequence, records=reported)
    telemetry.count({Metric.RECORDS_REPORTED_FAILED: reported})
    return {"batchItemFailures": [{"itemIdentifier": sequence}]}


def retry_all(telemetry: Telemetry, records: Sequence[Record], cause: str) -> BatchResponse:
    """Answer that nothing of the batch could be done."""
    return retry_from(telemetry, records, min(version_of(record.sequence) for record in records), cause)
