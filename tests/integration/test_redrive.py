"""Bringing failed batches back, with the real vote writer on an emulated AWS."""

import base64
import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import boto3
import pytest

from vote_writer.handler import WriterRuntime, build
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.ledger import take
from votectl.polls import PollDesk, to_row
from votectl.redrive import DONE_PREFIX, FailureDestination, Warnings, redrive, replay
from voting.polls import Option, Poll
from voting.records import version_of
from voting.settings import WriterSettings

SHARD = "shardId-000000000000"


@pytest.fixture
def poll(deployment: Deployment) -> Poll:
    """Return a poll that has been open for a minute: votes must have arrived by now."""
    desk = PollDesk(deployment.polls_table)
    options = [Option(id=option, label=option) for option in ("a", "b")]
    poll = desk.create("p", "Which?", options, None, desk.now_ms() + 3_600_000)
    opened = poll.opens_at - 60_000
    poll = poll.model_copy(update={"announced_at": opened, "opens_at": opened})
    boto3.client("dynamodb").put_item(TableName=deployment.polls_table, Item=to_row(poll))
    return poll


@pytest.fixture
def writer(deployment: Deployment) -> WriterRuntime:
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
    return build(settings, Warnings())


@pytest.fixture
def destination(deployment: Deployment) -> FailureDestination:
    return FailureDestination(deployment.vote_writer_failure_bucket)


def record(poll: Poll, sequence: int | str, voter: str, option: str) -> dict[str, Any]:
    data = json.dumps({"poll_id": poll.poll_id, "option": option}).encode()
    return {
        "eventID": f"{SHARD}:{sequence}",
        "kinesis": {
            "partitionKey": voter,
            "sequenceNumber": str(sequence),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": (poll.opens_at + 1000) / 1000,
        },
    }


def fail(
    deployment: Deployment, key: str, records: Sequence[dict[str, Any]], *, payload: object = "as on AWS"
) -> None:
    """Put a failure record, as Lambda does, into the writer's bucket."""
    event = {"Records": list(records)}
    failure = {
        "KinesisBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": records[0]["kinesis"]["sequenceNumber"],
            "endSequenceNumber": records[-1]["kinesis"]["sequenceNumber"],
            "batchSize": len(records),
            "streamArn": f"arn:aws:kinesis:us-east-1:000000000000:stream/{deployment.stream_name}",
            "approximateArrivalOfFirstRecord": "2026-11-23T12:00:00Z",
            "approximateArrivalOfLastRecord": "2026-11-23T12:00:01Z",
        },
        "payload": json.dumps(event) if payload == "as on AWS" else payload,
    }
    body = json.dumps(failure).encode()
    boto3.client("s3").put_object(Bucket=deployment.vote_writer_failure_bucket, Key=key, Body=body)


def test_a_batch_comes_back_whether_its_payload_is_text_or_json(
    deployment: Deployment, poll: Poll, writer: WriterRuntime, destination: FailureDestination
) -> None:
    fail(deployment, "one", [record(poll, 1, "v1", "a")])
    fail(deployment, "two", [record(poll, 2, "v2", "b")], payload={"Records": [record(poll, 2, "v2", "b")]})
    done = redrive(destination, destination.batches(), writer)
    assert (done.batches, done.records, done.waiting, done.lost) == (2, 2, [], [])
    assert CountReader(deployment).stored(poll) == Counter(a=1, b=1)


def test_redriving_twice_and_long_after_newer_votes_changes_nothing(
    deployment: Deployment, poll: Poll, writer: WriterRuntime, destination: FailureDestination
) -> None:
    fail(deployment, "newer", [record(poll, 20, "v", "b")])
    redrive(destination, destination.batches(), writer)
    for _ in range(2):
        fail(deployment, "older", [record(poll, 10, "v", "a")])
        assert redrive(destination, destination.batches(), writer).batches == 1
    assert CountReader(deployment).stored(poll) == Counter(b=1)
    assert list(destination.batches()) == []


def test_a_settled_batch_stays_readable_out_of_the_way(
    deployment: Deployment, poll: Poll, writer: WriterRuntime, destination: FailureDestination
) -> None:
    fail(deployment, "one", [record(poll, 1, "v1", "a")])
    redrive(destination, destination.batches(), writer)
    listed = boto3.client("s3").list_objects_v2(Bucket=deployment.vote_writer_failure_bucket)["Contents"]
    assert [entry["Key"] for entry in listed] == [DONE_PREFIX + "one"]


def test_without_payload_the_records_come_from_the_stream(
    deployment: Deployment, poll: Poll, writer: WriterRuntime, destination: FailureDestination
) -> None:
    kinesis = boto3.client("kinesis")
    sequences = [
        kinesis.put_record(
            StreamName=deployment.stream_name,
            PartitionKey=voter,
            Data=json.dumps({"poll_id": poll.poll_id, "option": "a"}).encode(),
        )["SequenceNumber"]
        for voter in ("before", "v1", "v2", "after")
    ]
    failed = [record(poll, sequence, "unused", "a") for sequence in sequences[1:3]]
    fail(deployment, "one", failed, payload=None)
    done = redrive(destination, destination.batches(), writer)
    assert (done.batches, done.records, done.lost) == (1, 2, [])


def test_expired_records_are_reported_with_shard_and_range(
    deployment: Deployment, poll: Poll, writer: WriterRuntime, destination: FailureDestination
) -> None:
    fail(deployment, "one", [record(poll, 1, "v1", "a"), record(poll, 2, "v2", "a")], payload=None)
    done = redrive(destination, destination.batches(), writer)
    assert done.batches == 0
    assert [batch.info.place.split(", arrived")[0] for batch in done.lost] == [f"{SHARD} 1 to 2"]
    assert len(list(destination.batches())) == 1


def test_a_batch_that_the_table_cannot_take_yet_waits_for_another_time(
    deployment: Deployment,
    poll: Poll,
    writer: WriterRuntime,
    destination: FailureDestination,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("votectl.redrive.PATIENCE_SECONDS", 0)  # no time to write anything
    fail(deployment, "one", [record(poll, 1, "v1", "a")])
    assert len(redrive(destination, destination.batches(), writer).waiting) == 1
    monkeypatch.undo()


def test_a_foreign_object_in_the_bucket_is_named_not_skipped(
    deployment: Deployment, destination: FailureDestination
) -> None:
    boto3.client("s3").put_object(
        Bucket=deployment.vote_writer_failure_bucket, Key="holiday.jpg", Body=b"\xff\xd8"
    )
    with pytest.raises(OperatorError, match=r"holiday\.jpg is not a failure record"):
        list(destination.batches())


def test_the_ledger_calls_a_poll_with_more_voters_than_accepted_records_broken(
    deployment: Deployment, poll: Poll, writer: WriterRuntime, destination: FailureDestination
) -> None:
    fail(deployment, "one", [record(poll, 1, "v1", "a")])
    redrive(destination, destination.batches(), writer)
    entry = take(poll, CountReader(deployment))
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


def test_the_whole_stream_goes_through_the_writer_again_and_changes_nothing_that_is_stored(
    deployment: Deployment, poll: Poll, writer: WriterRuntime
) -> None:
    kinesis, reader = boto3.client("kinesis"), CountReader(deployment)
    time.sleep(max(0, poll.opens_at / 1000 - time.time()) + 0.1)
    for voter, option in (("one", "a"), ("two", "a"), ("one", "b")):
        data = json.dumps({"poll_id": poll.poll_id, "option": option}).encode()
        kinesis.put_record(StreamName=deployment.stream_name, PartitionKey=voter, Data=data)
    assert replay(deployment.stream_name, writer) == 3
    assert reader.stored(poll) == Counter(a=1, b=1)
    assert replay(deployment.stream_name, writer) == 3
    assert reader.stored(poll) == Counter(a=1, b=1)
