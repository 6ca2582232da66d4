"""Redriving failed batches, with the real vote writer on an emulated AWS."""

import base64
import json
import time
from collections import Counter
from typing import Any

import boto3
import pytest

from vote_writer.handler import build
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.ledger import take
from votectl.polls import PollStore, to_row
from votectl.redrive import DONE_PREFIX, FailureDestination, Redriven, Warnings, redrive, replay
from voting.polls import Option, Poll
from voting.records import version_of
from voting.settings import WriterSettings

SHARD = "shardId-000000000000"


@pytest.fixture
def poll(deployment: Deployment) -> Poll:
    """Return a poll that has been open for a minute: votes must have arrived by now."""
    poll_store = PollStore(deployment.polls_table)
    options = [Option(id=option, label=option) for option in ("a", "b")]
    poll = poll_store.create("p", "Which?", options, None, poll_store.now_ms() + 3_600_000)
    opened = poll.opens_at - 60_000
    poll = poll.model_copy(update={"announced_at": opened, "opens_at": opened})
    boto3.client("dynamodb").put_item(TableName=deployment.polls_table, Item=to_row(poll))
    return poll


class Failures:
    """The writer's failure bucket, and the real writer to redrive batches with."""

    def __init__(self, deployment: Deployment, poll: Poll) -> None:
        self.deployment, self.poll = deployment, poll
        self.bucket = deployment.vote_writer_failure_bucket
        self.destination = FailureDestination(self.bucket)
        settings = WriterSettings(
            environment="test",
            log_level="INFO",
            max_writes_per_second=0,
            poll_cache_seconds=1,
            polls_table=deployment.polls_table,
            votes_table=deployment.votes_table,
            tallies_table=deployment.tallies_table,
            vote_retention_days=0,
            write_concurrency=2,
        )
        self.writer = build(settings, Warnings())

    def record(self, sequence: int | str, voter: str, option: str) -> dict[str, Any]:
        data = json.dumps({"poll_id": self.poll.poll_id, "option": option}).encode()
        return {
            "eventID": f"{SHARD}:{sequence}",
            "kinesis": {
                "partitionKey": voter,
                "sequenceNumber": str(sequence),
                "data": base64.b64encode(data).decode(),
                "approximateArrivalTimestamp": (self.poll.opens_at + 1000) / 1000,
            },
        }

    def add(self, key: str, *records: dict[str, Any], payload: object = "as on AWS") -> None:
        """Put a failure record, as Lambda does, into the bucket."""
        failure = {
            "KinesisBatchInfo": {
                "shardId": SHARD,
                "startSequenceNumber": records[0]["kinesis"]["sequenceNumber"],
                "endSequenceNumber": records[-1]["kinesis"]["sequenceNumber"],
                "batchSize": len(records),
                "streamArn": f"arn:aws:kinesis:us-east-1:000000000000:stream/{self.deployment.stream_name}",
                "approximateArrivalOfFirstRecord": "2026-11-23T12:00:00Z",
                "approximateArrivalOfLastRecord": "2026-11-23T12:00:01Z",
            },
            "payload": json.dumps({"Records": records}) if payload == "as on AWS" else payload,
        }
        boto3.client("s3").put_object(Bucket=self.bucket, Key=key, Body=json.dumps(failure).encode())

    def redrive(self) -> Redriven:
        return redrive(self.destination, self.destination.batches(), self.writer)

    def stored(self) -> Counter[str]:
        return CountReader(self.deployment).stored(self.poll)

    def put(self, voter: str, option: str) -> str:
        """Put a vote into the stream; return its sequence number."""
        data = json.dumps({"poll_id": self.poll.poll_id, "option": option}).encode()
        kinesis, stream = boto3.client("kinesis"), self.deployment.stream_name
        return kinesis.put_record(StreamName=stream, PartitionKey=voter, Data=data)["SequenceNumber"]


@pytest.fixture
def failures(deployment: Deployment, poll: Poll) -> Failures:
    return Failures(deployment, poll)


def test_a_batch_is_redriven_with_its_payload_as_text_or_json(failures: Failures) -> None:
    failures.add("one", failures.record(1, "v1", "a"))
    second = failures.record(2, "v2", "b")
    failures.add("two", second, payload={"Records": [second]})
    done = failures.redrive()
    assert (done.batches, done.records, done.waiting, done.lost) == (2, 2, [], [])
    assert failures.stored() == Counter(a=1, b=1)


def test_redriving_again_after_newer_votes_changes_nothing(failures: Failures) -> None:
    failures.add("newer", failures.record(20, "v", "b"))
    failures.redrive()
    for _ in range(2):
        failures.add("older", failures.record(10, "v", "a"))
        assert failures.redrive().batches == 1
    assert failures.stored() == Counter(b=1)
    assert list(failures.destination.batches()) == []


def test_a_redriven_batch_is_kept_under_another_prefix(failures: Failures) -> None:
    failures.add("one", failures.record(1, "v1", "a"))
    failures.redrive()
    listed = boto3.client("s3").list_objects_v2(Bucket=failures.bucket)["Contents"]
    assert [entry["Key"] for entry in listed] == [DONE_PREFIX + "one"]


def test_without_payload_records_are_read_from_the_stream(failures: Failures) -> None:
    sequences = [failures.put(voter, "a") for voter in ("before", "v1", "v2", "after")]
    failed = [failures.record(sequence, "unused", "a") for sequence in sequences[1:3]]
    failures.add("one", *failed, payload=None)
    done = failures.redrive()
    assert (done.batches, done.records, done.lost) == (1, 2, [])


def test_expired_records_are_reported_with_shard_and_range(failures: Failures) -> None:
    failures.add("one", failures.record(1, "v1", "a"), failures.record(2, "v2", "a"), payload=None)
    done = failures.redrive()
    assert done.batches == 0
    assert [batch.info.place.split(", arrived")[0] for batch in done.lost] == [f"{SHARD} 1 to 2"]
    assert len(list(failures.destination.batches())) == 1


def test_a_batch_that_cannot_be_written_yet_stays_waiting(
    failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("votectl.redrive.PATIENCE_SECONDS", 0)  # no time to write anything
    failures.add("one", failures.record(1, "v1", "a"))
    assert len(failures.redrive().waiting) == 1


def test_an_unknown_object_in_the_bucket_is_an_error_with_its_name(failures: Failures) -> None:
    boto3.client("s3").put_object(Bucket=failures.bucket, Key="holiday.jpg", Body=b"\xff\xd8")
    with pytest.raises(OperatorError, match=r"holiday\.jpg is not a failure record"):
        list(failures.destination.batches())


def test_the_ledger_reports_more_voters_than_accepted_records(failures: Failures) -> None:
    failures.add("one", failures.record(1, "v1", "a"))
    failures.redrive()
    entry = take(failures.poll, CountReader(failures.deployment))
    assert (entry.voters, entry.accepted, entry.conserved) == (1, 0, False)


def test_the_ledger_of_a_conserved_poll_explains_every_record(deployment: Deployment, poll: Poll) -> None:
    boto3.client("dynamodb").put_item(
        TableName=deployment.tallies_table,
        Item={
            "poll_id": {"S": poll.poll_id},
            "entry": {"S": f"live#{SHARD}"},
            "last_version": {"S": version_of("9")},
            "last_arrival": {"N": str(poll.opens_at)},
            "received": {"N": "5"},
            "total": {"N": "3"},
            "option#a": {"N": "3"},
            "rejected#closed": {"N": "2"},
        },
    )
    entry = take(poll, CountReader(deployment))
    assert entry.unexplained == 0
    assert entry.repeated == 3
    assert entry.rejected == Counter(closed=2)
    assert entry.conserved


def test_replaying_the_whole_stream_changes_no_stored_vote(
    failures: Failures,
) -> None:
    time.sleep(max(0, failures.poll.opens_at / 1000 - time.time()) + 0.1)
    for voter, option in (("one", "a"), ("two", "a"), ("one", "b")):
        failures.put(voter, option)
    for _ in range(2):
        assert replay(failures.deployment.stream_name, failures.writer) == 3
        assert failures.stored() == Counter(a=1, b=1)
