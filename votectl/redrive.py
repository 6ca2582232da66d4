"""Redriving batches that have used up their retries, from the vote writer's failure destination.

Lambda puts one object per failed batch into the bucket, with the shard, the range of sequence numbers
and the whole invocation record (`payload`). The records go through the vote writer's own code, each
with its own sequence number and arrival. So a redrive is safe at any time, and can be repeated.
"""

import base64
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import batched
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vote_writer.handler import WriterRuntime, build, handle
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from voting.records import version_of
from voting.settings import WriterSettings

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client

# Where a batch is moved when all of its votes are stored; the bucket's lifecycle deletes it later.
DONE_PREFIX = "redriven/"
RECORDS_PER_BATCH = 500  # records that are written at once
RECORDS_PER_READ = 1000
PATIENCE_SECONDS = 60  # how long such a batch is retried before it is left for the next redrive


class Warnings:
    """Telemetry for a terminal: warnings are shown later, and metrics are dropped."""

    def __init__(self) -> None:
        """Start with none."""
        self.messages: list[str] = []

    def count(self, counts: Mapping[str, int]) -> None:
        """Do nothing: a redriven record was counted when it was first received."""

    def warn(self, message: str, **fields: object) -> None:
        """Keep a warning."""
        self.messages.append(f"{message}: " + ", ".join(f"{k}={v}" for k, v in fields.items()))


def writer_like(deployment: Deployment, warnings: Warnings) -> WriterRuntime:
    """Return a vote writer with the settings of the deployed one, to run here."""
    configuration = boto3.client("lambda").get_function_configuration(
        FunctionName=deployment.vote_writer_function
    )
    return build(WriterSettings.from_env(configuration["Environment"]["Variables"]), warnings)


class BatchInfo(BaseModel):
    """The place of a failed batch in the stream (``KinesisBatchInfo`` of Lambda's failure record)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    shard: str = Field(alias="shardId")
    first: str = Field(alias="startSequenceNumber")
    last: str = Field(alias="endSequenceNumber")
    size: int = Field(alias="batchSize")
    stream_arn: str = Field(alias="streamArn")
    arrived_from: str = Field(alias="approximateArrivalOfFirstRecord")
    arrived_to: str = Field(alias="approximateArrivalOfLastRecord")

    @property
    def place(self) -> str:
        """Shard and range, for people."""
        return f"{self.shard} {self.first} to {self.last}, arrived {self.arrived_from} to {self.arrived_to}"


@dataclass(frozen=True)
class FailedBatch:
    """One object of the failure destination."""

    key: str
    info: BatchInfo
    records: list[dict[str, Any]] | None  # None: the object holds no payload


@dataclass
class Redriven:
    """The outcome of a redrive."""

    batches: int = 0
    records: int = 0
    waiting: list[FailedBatch] = field(default_factory=list)  # the table still can't take them
    lost: list[FailedBatch] = field(default_factory=list)  # neither the payload nor the stream has them


class FailureDestination:
    """A consumer's failure bucket."""

    def __init__(self, bucket: str, s3: "S3Client | None" = None) -> None:
        """Take the bucket's name, and a client (None: create one)."""
        self._bucket = bucket
        self._s3 = s3 or boto3.client("s3")

    def batches(self) -> Iterator[FailedBatch]:
        """Yield the batches that are not redriven yet, ordered by key."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket):
            for entry in page.get("Contents", []):
                if not entry["Key"].startswith(DONE_PREFIX):
                    yield self._read(entry["Key"])

    def settle(self, batch: FailedBatch) -> None:
        """Move a batch to ``redriven/``, where it stays readable."""
        self._s3.copy_object(
            Bucket=self._bucket,
            Key=DONE_PREFIX + batch.key,
            CopySource={"Bucket": self._bucket, "Key": batch.key},
        )
        self._s3.delete_object(Bucket=self._bucket, Key=batch.key)

    def _read(self, key: str) -> FailedBatch:
        body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        try:
            failure = json.loads(body)
            info = BatchInfo.model_validate(failure["KinesisBatchInfo"])
            payload = failure.get("payload")
            # AWS writes the invocation record as a string of JSON, some emulators as JSON itself.
            event = json.loads(payload) if isinstance(payload, str) else payload
            return FailedBatch(key, info, event["Records"] if event else None)
        except (ValueError, KeyError, TypeError, ValidationError):
            raise OperatorError(
                f"s3://{self._bucket}/{key} is not a failure record of Lambda: "
                "move it out of the bucket, then run again"
            ) from None


def redrive(
    destination: FailureDestination,
    batches: Iterable[FailedBatch],
    runtime: WriterRuntime,
    kinesis: "KinesisClient | None" = None,
) -> Redriven:
    """Redrive failed batches; return the outcome.

    Safe to run twice and at any time later: the version in each row decides, not the order of writing.
    """
    done = Redriven()
    for batch in batches:
        records = batch.records
        if records is None:
            records = read_back(batch.info, kinesis or boto3.client("kinesis"))
        if records is None:
            done.lost.append(batch)
        elif all(_store(list(part), runtime) for part in batched(records, RECORDS_PER_BATCH, strict=False)):
            destination.settle(batch)
            done.batches += 1
            done.records += len(records)
        else:
            done.waiting.append(batch)
    return done


def read_back(info: BatchInfo, kinesis: "KinesisClient") -> list[dict[str, Any]] | None:
    """Return a failed batch's records as in an event; None if the stream has trimmed some of them."""
    try:
        iterator = kinesis.get_shard_iterator(
            StreamARN=info.stream_arn,
            ShardId=info.shard,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=info.first,
        )["ShardIterator"]
    except ClientError as error:
        # The range is before the trim horizon, or the shard is deleted with all its records.
        if error.response["Error"]["Code"] in {"InvalidArgumentException", "ResourceNotFoundException"}:
            return None
        raise
    records: list[dict[str, Any]] = []
    while iterator:
        page = kinesis.get_records(ShardIterator=iterator, Limit=RECORDS_PER_READ)
        for record in page["Records"]:
            if version_of(record["SequenceNumber"]) > version_of(info.last):
                return _complete(records, info)
            records.append(as_event_record(record, info.shard))
        if not page["Records"] and page.get("MillisBehindLatest", 0) == 0:
            break
        iterator = page.get("NextShardIterator", "")
    return _complete(records, info)


def replay(stream: str, runtime: WriterRuntime, kinesis: "KinesisClient | None" = None) -> int:
    """Write every vote that the stream still holds again, with the vote writer's code; return the number of records.

    This restores votes that never reached the table. Stored votes do not change.

    Raises:
        OperatorError: the table refused some of them.
    """
    kinesis = kinesis or boto3.client("kinesis")
    records = 0
    for page in kinesis.get_paginator("list_shards").paginate(StreamName=stream):
        for shard in page["Shards"]:
            for batch in _batches(kinesis, stream, shard["ShardId"]):
                if not _store(batch, runtime):
                    raise OperatorError(
                        "the votes table did not take all votes in time: run the command again"
                    )
                records += len(batch)
    return records


def _batches(kinesis: "KinesisClient", stream: str, shard: str) -> Iterator[list[dict[str, Any]]]:
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    while iterator:
        page = kinesis.get_records(ShardIterator=iterator, Limit=RECORDS_PER_READ)
        if page["Records"]:
            yield [as_event_record(record, shard) for record in page["Records"]]
        elif page.get("MillisBehindLatest", 0) == 0:
            return
        iterator = page.get("NextShardIterator", "")


def _complete(records: list[dict[str, Any]], info: BatchInfo) -> list[dict[str, Any]] | None:
    """Return whether the range is complete: Kinesis answers a trimmed start with the oldest remaining record."""
    whole = bool(records) and records[0]["kinesis"]["sequenceNumber"] == info.first
    return records if whole else None


def as_event_record(record: Mapping[str, Any], shard: str) -> dict[str, Any]:
    """Return a record that Kinesis answers as the event source mapping hands it to a function."""
    return {
        "eventID": f"{shard}:{record['SequenceNumber']}",
        "kinesis": {
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
    }


def _store(records: list[dict[str, Any]], runtime: WriterRuntime) -> bool:
    """Write records with the vote writer's code; return whether all of them are settled."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    answer = handle({"Records": records}, lambda: round((deadline - time.monotonic()) * 1000), runtime)
    return not answer["batchItemFailures"]
