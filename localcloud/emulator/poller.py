"""Replaces LocalEmu's own Kinesis poller by the reader of `stream_reader`."""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported,untyped-decorator"

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localemu.aws.connect import connect_to
from localemu.services.lambda_.event_source_mapping import esm_worker_factory
from localemu.services.lambda_.event_source_mapping.pollers import stream_poller
from localemu.services.lambda_.event_source_mapping.pollers.kinesis_poller import KinesisPoller
from localemu.services.lambda_.event_source_mapping.pollers.poller import get_batch_item_failures
from localemu.services.lambda_.event_source_mapping.senders.sender import (
    PartialFailureSenderError,
    SenderError,
)
from localemu.utils.aws.arns import parse_arn
from localemu.utils.aws.client_types import ServicePrincipal

from localcloud.emulator import kinesis
from localcloud.emulator.mapping_metrics import (
    NAMESPACE,
    Datum,
    EventCounts,
    MappingMetric,
    Publisher,
    wants_event_counts,
)
from localcloud.emulator.settings import PluginSettings
from localcloud.emulator.stream_mapping import BatchFailedError, MappingEvent, Policy, Position, RecordPage
from localcloud.emulator.stream_reader import ShardReader, shards_to_start

LOG = logging.getLogger(__name__)

PAGE_LIMIT = 10_000
S3_ARN = "arn:aws:s3:::"
# A mapping is not disabled, and its successor does not start, before running invocations have ended.
STOP_TIMEOUT_SECONDS = 60.0

# An updated mapping is a new poller with the same id: it continues where the old one stopped.
_pollers: dict[str, "StreamMappingPoller"] = {}
_pollers_lock = threading.Lock()


class StreamMappingPoller(KinesisPoller):
    """Keeps a `ShardReader` for each shard that may be read. LocalEmu calls `poll_events` about once a second."""

    mapping: Mapping[str, Any]
    # The function's: Lambda reads the stream and writes to the destination with it.
    role_arn: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._account_id = parse_arn(self.source_arn)["account"]
        self._readers: dict[str, ShardReader] = {}
        self._resume_at: dict[str, Position] = {}
        self._finished: set[str] = set()
        self._shards_seen = False
        self._took_over = False
        # LocalEmu closes a poller from its own thread, and its successor may do so, too.
        self._changing = threading.Lock()
        self._closed = False
        # What an event weighs as JSON besides its key and data.
        self._envelope_bytes = 0
        self._counts = EventCounts(self.esm_uuid, self.processor.sender.target_arn.rpartition(":")[2])
        self._publisher: Publisher | None = None

    def poll_events(self) -> None:
        """Start readers for new shards, and for the children of shards that are read to their end."""
        with self._changing:
            if self._closed:
                return
            if not self._took_over:
                self._take_over()
            for shard_id in [shard_id for shard_id, reader in self._readers.items() if reader.finished]:
                LOG.info("%s is closed and read to its end", shard_id)
                self._finished.add(shard_id)
                del self._readers[shard_id]
            for shard_id in shards_to_start(self._list_shards(), self._readers, self._finished):
                self._start_reader(shard_id)
            self._shards_seen = True

    def close(self) -> None:
        """Stop the readers permanently, and remember their positions."""
        with self._changing:
            self._closed = True
            for reader in self._readers.values():
                reader.stop()
            for reader in self._readers.values():
                reader.join(STOP_TIMEOUT_SECONDS)
            self._resume_at |= {shard_id: reader.position for shard_id, reader in self._readers.items()}
            self._readers.clear()
            if self._publisher is not None:
                self._publisher.stop()

    # A reader's source.

    def open(self, shard_id: str, position: Position) -> str:
        """An iterator at a position."""
        argument: dict[str, object] = {}
        if position.kind in {"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"}:
            argument["StartingSequenceNumber"] = position.value
        elif position.kind == "AT_TIMESTAMP":
            argument["Timestamp"] = position.value
        answer = self.source_client.get_shard_iterator(
            StreamARN=self.source_arn, ShardId=shard_id, ShardIteratorType=position.kind, **argument
        )
        iterator: str = answer["ShardIterator"]
        return iterator

    def read(self, shard_id: str, iterator: str) -> RecordPage:
        """The next records, as the function gets them."""
        if not kinesis.has_news(self._account_id, self.aws_region, iterator):
            self._counts.add(MappingMetric.POLLED, 0)
            return RecordPage([], iterator)
        answer = self.source_client.get_records(
            StreamARN=self.source_arn, ShardIterator=iterator, Limit=PAGE_LIMIT
        )
        records = answer["Records"]
        self._counts.add(MappingMetric.POLLED, len(records))
        bodies = self.add_source_metadata(self.transform_into_events(records, shard_id))
        if bodies and not self._envelope_bytes:
            record = bodies[0]["kinesis"]
            self._envelope_bytes = (
                len(json.dumps(bodies[0])) - len(record["data"]) - len(record["partitionKey"])
            )
        events = [self._event(body) for body in bodies]
        return RecordPage(events, answer.get("NextShardIterator"), is_full=len(records) == PAGE_LIMIT)

    def _event(self, body: dict[str, Any]) -> MappingEvent:
        record = body["kinesis"]
        return MappingEvent(
            sequence=record["sequenceNumber"],
            partition_key=record["partitionKey"],
            arrival=record["approximateArrivalTimestamp"],
            body=body,
            size=self._envelope_bytes + len(record["partitionKey"]) + len(record["data"]),
        )

    # A reader's target.

    def deliver(self, events: Sequence[MappingEvent]) -> None:
        """Invoke the function with the records that pass the mapping's filters."""
        bodies = [event.body for event in events]
        if self.filter_patterns:
            bodies = self.post_filter(self.filter_events(self.pre_filter(bodies)))
            self._counts.add(MappingMetric.FILTERED_OUT, len(events) - len(bodies))
        if not bodies:
            return
        try:
            self.processor.sender.send_events(bodies)
            self._count_invoked(len(bodies), failed=0)
        except PartialFailureSenderError as failure:
            known = {event.sequence for event in events}
            reported = get_batch_item_failures(failure.partial_failure_payload, known)
            # Lambda continues at the lowest one; an invalid answer fails the whole batch.
            first = min(reported, key=int) if reported else None
            self._count_invoked(len(bodies), failed=len(reported) if reported else len(bodies))
            raise BatchFailedError(failure.error, first) from failure
        except SenderError as failure:
            self._count_invoked(len(bodies), failed=len(bodies))
            raise BatchFailedError(failure.error) from failure
        except Exception:
            self._counts.add(MappingMetric.FAILED_INVOKE, len(bodies))
            raise

    def _count_invoked(self, events: int, failed: int) -> None:
        self._counts.add(MappingMetric.INVOKED, events)
        if failed:
            self._counts.add(MappingMetric.FAILED_INVOKE, failed)

    def give_up(
        self,
        shard_id: str,
        events: Sequence[MappingEvent],
        condition: str,
        attempts: int,
        error: Mapping[str, object],
    ) -> None:
        """Send the events to the mapping's destination, if it has one. If the delivery fails, they are lost.

        AWS documents only that Lambda continues after a failed delivery (kinesis-on-failure-destination).
        """
        LOG.warning("giving up %d records of %s: %s", len(events), shard_id, condition)
        context = self.processor.generate_event_failure_context(
            abort_condition=condition, error=error or {"requestId": None}, attempts_count=attempts
        )
        kept = bool(self._destination)
        try:
            self.send_events_to_dlq(shard_id, [event.body for event in events], context=context)
        except Exception as failure:  # noqa: BLE001 - after any error the batch is lost
            LOG.warning(
                "the destination of %s failed, %d records are lost: %s", shard_id, len(events), failure
            )
            self._counts.add(MappingMetric.UNDELIVERED, 1)
            kept = False
        self._counts.add(MappingMetric.DELIVERED_ON_FAILURE if kept else MappingMetric.DROPPED, len(events))

    def send_events_to_dlq(
        self, shard_id: str, events: list[dict[str, Any]], context: dict[str, Any]
    ) -> None:
        """Write to a bucket with the function's role, as Lambda does. LocalEmu handles other destinations."""
        destination = self._destination
        if not destination.startswith(S3_ARN):
            super().send_events_to_dlq(shard_id, events, context)
            return
        now = stream_poller.get_current_time()
        failure = self.create_dlq_event(shard_id, events, context, now) | {"payload": {"Records": events}}
        self._client("s3").put_object(
            Bucket=destination.removeprefix(S3_ARN),
            Key=stream_poller.get_failure_s3_object_key(self.esm_uuid, shard_id, now),
            Body=json.dumps(failure),
        )

    @property
    def _destination(self) -> str:
        """The ARN of the failure destination; empty without a destination."""
        destination: str = self.stream_parameters.get("DeadLetterConfig", {}).get("Arn", "")
        return destination

    def _client(self, service: str) -> Any:
        return connect_to.with_assumed_role(
            role_arn=self.role_arn, service_principal=ServicePrincipal.lambda_, region_name=self.aws_region
        ).get_client(service)

    # The mapping.

    def _take_over(self) -> None:
        self._check_role()
        uuid = self.mapping["UUID"]
        with _pollers_lock:
            predecessor, _pollers[uuid] = _pollers.get(uuid), self
        if predecessor is not None:
            predecessor.close()
            self._resume_at, self._finished = dict(predecessor._resume_at), set(predecessor._finished)
            self._shards_seen = predecessor._shards_seen
        if wants_event_counts(self.mapping):
            self._publisher = Publisher(self._counts, self._put_metrics)
            self._publisher.start()
        self._took_over = True

    def _put_metrics(self, data: list[Datum]) -> None:
        """Publish as Lambda itself, without the function's role."""
        client = connect_to(aws_access_key_id=self._account_id, region_name=self.aws_region).cloudwatch
        client.put_metric_data(Namespace=NAMESPACE, MetricData=data)

    def _check_role(self) -> None:
        """Make once the calls that Lambda's documentation requires of the role, and that nothing else here makes."""
        self.source_client.describe_stream(StreamARN=self.source_arn)
        self.source_client.describe_stream_summary(StreamARN=self.source_arn)
        destination = self._destination
        if destination.startswith(S3_ARN):
            self._client("s3").head_bucket(Bucket=destination.removeprefix(S3_ARN))

    def _list_shards(self) -> dict[str, list[str]]:
        shards = self.source_client.list_shards(StreamARN=self.source_arn)["Shards"]
        return {
            shard["ShardId"]: [
                shard[name] for name in ("ParentShardId", "AdjacentParentShardId") if shard.get(name)
            ]
            for shard in shards
        }

    def _start_reader(self, shard_id: str) -> None:
        mapping = self.mapping
        reader = ShardReader(
            shard_id,
            self._resume_at.get(shard_id) or self._starting_position(),
            Policy(
                batch_size=mapping["BatchSize"],
                batching_window_seconds=mapping["MaximumBatchingWindowInSeconds"],
                parallelization_factor=mapping["ParallelizationFactor"],
                maximum_retry_attempts=mapping["MaximumRetryAttempts"],
                maximum_record_age_seconds=mapping["MaximumRecordAgeInSeconds"],
                bisect_batch_on_function_error=mapping["BisectBatchOnFunctionError"],
            ),
            source=self,
            target=self,
            poll_interval_seconds=PluginSettings.from_environment().poll_interval_seconds,
        )
        self._readers[shard_id] = reader
        reader.start()

    def _starting_position(self) -> Position:
        """The mapping's starting position; shards that appear later are read from their start, as on AWS."""
        kind = str(self.mapping["StartingPosition"])
        if kind == "AT_TIMESTAMP":
            return Position(kind, self.mapping["StartingPositionTimestamp"])
        return Position("TRIM_HORIZON" if self._shards_seen else kind)


def install() -> None:
    """Make LocalEmu create this poller for Kinesis with the whole mapping: LocalEmu passes only a part."""
    get_esm_worker: Callable[[Any], Any] = esm_worker_factory.EsmWorkerFactory.get_esm_worker

    def get_esm_worker_with_mapping(factory: Any) -> Any:
        worker = get_esm_worker(factory)
        if isinstance(worker.poller, StreamMappingPoller):
            worker.poller.mapping = worker.esm_config
            worker.poller.role_arn = factory.function_role_arn
        return worker

    esm_worker_factory.KinesisPoller = StreamMappingPoller
    esm_worker_factory.EsmWorkerFactory.get_esm_worker = get_esm_worker_with_mapping
