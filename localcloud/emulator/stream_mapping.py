"""The parts of an event source mapping of a Kinesis stream: its records, settings, source and target.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class MappingEvent:
    """One record as the function gets it; `body` is its entry in `Records`, `size` its length as JSON."""

    sequence: str
    partition_key: str
    arrival: float
    """Epoch seconds of the approximate arrival."""
    body: Mapping[str, object]
    size: int


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of an event source mapping. -1 means no limit, as in Lambda's API."""

    batch_size: int
    batching_window_seconds: float
    parallelization_factor: int
    maximum_retry_attempts: int
    maximum_record_age_seconds: int
    bisect_batch_on_function_error: bool


class Position(NamedTuple):
    """A position in a shard: a ShardIteratorType, and the sequence number or epoch time that it needs."""

    kind: str
    value: str | float | None = None


class RecordPage(NamedTuple):
    """The answer of one GetRecords; no `next_iterator` means that the shard is closed and read to its end."""

    events: Sequence[MappingEvent]
    next_iterator: str | None
    is_full: bool = False
    """Whether there may be more records already, so that the next read need not wait."""


class Source(Protocol):
    """A shard's records. Every method may raise; the reader then tries again from where it was."""

    def open(self, shard_id: str, position: Position) -> str:
        """Answer an iterator."""

    def read(self, shard_id: str, iterator: str) -> RecordPage:
        """Return the next records."""


class BatchFailedError(Exception):
    """The function failed on a batch, or reported the first record that it could not take."""

    def __init__(self, error: Mapping[str, object], first_failed: str | None = None) -> None:
        super().__init__(error.get("message", "the batch failed"))
        self.error = error
        self.first_failed = first_failed


class MappingTarget(Protocol):
    """The function, and the destination of failed batches."""

    def deliver(self, events: Sequence[MappingEvent]) -> None:
        """Invoke the function.

        Raises:
            BatchFailedError: the function failed. Any other exception means that the call did not reach it (throttled,
                or the service failed), which Lambda does not count as an attempt.
        """

    def give_up(
        self,
        shard_id: str,
        events: Sequence[MappingEvent],
        condition: str,
        attempts: int,
        error: Mapping[str, object],
    ) -> None:
        """Send the events to the destination; `condition` is Lambda's name for the reason."""
