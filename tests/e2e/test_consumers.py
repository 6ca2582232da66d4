"""The consumers and records that only a broken or hostile producer puts into the stream."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import boto3
import httpx
import pytest

import localcloud
from e2e.observing import wait_for
from votectl.counts import CountReader
from votectl.deployment import Deployment
from voting.polls import Poll

POISON: list[tuple[str, bytes]] = [
    ("voter", b"\xff\xfe\x00"),
    ("voter", b"not json"),
    ("voter", b"[]"),
    ("voter", b"{}"),
    ("voter", b'{"poll_id": "UPPER", "option": "a"}'),
    ("voter", b'{"poll_id": "p", "option": "a", "voter": "somebody else"}'),
    ("voter", b'{"poll_id": "p", "option": 1}'),
    ("voter with spaces", b'{"poll_id": "p", "option": "a"}'),
    ("voter", b"x" * 100_000),
]


@pytest.mark.alone  # it counts every malformed record
def test_poison_is_counted_and_never_blocks_the_votes_behind_it(
    deployment: Deployment, reader: CountReader, open_poll: Callable[..., Poll]
) -> None:
    poll = open_poll("a", "b")
    before = reader.unattributed()
    kinesis = boto3.client("kinesis")
    for key, data in POISON:
        kinesis.put_record(StreamName=deployment.stream_name, PartitionKey=key, Data=data)
    good = json.dumps({"poll_id": poll.poll_id, "option": "b"}).encode()
    kinesis.put_record(StreamName=deployment.stream_name, PartitionKey="voter", Data=good)

    wait_for(lambda: reader.stored(poll) == Counter(b=1), seconds=60)
    wait_for(lambda: reader.live(poll.poll_id).options == Counter(b=1), seconds=60)
    wait_for(lambda: reader.unattributed() - before == Counter(malformed=len(POISON)), seconds=60)


@pytest.mark.local_cloud
def test_no_log_line_carries_a_voter_or_a_choice(
    deployment: Deployment, front_door: httpx.Client, reader: CountReader, open_poll: Callable[..., Poll]
) -> None:
    poll = open_poll("secret-choice", "other")
    path = f"/polls/{poll.poll_id}/votes"
    for number in range(10):
        option = "secret-choice" if number % 2 else "secret-unknown-choice"
        front_door.post(path, json={"option": option, "voter": f"secret-voter-{number}"})
    boto3.client("kinesis").put_record(
        StreamName=deployment.stream_name, PartitionKey="secret-voter-0", Data=b'"secret-poison"'
    )
    wait_for(lambda: reader.live(poll.poll_id).received == 10, seconds=60)
    wait_for(lambda: reader.stored(poll).total() == 5, seconds=60)

    logs = [path.read_text() for path in function_logs()]
    assert any('"Votestream"' in log for log in logs), "no function has written a metric: wrong place?"
    assert not [line for log in logs for line in log.splitlines() if "secret" in line]


def function_logs() -> list[Path]:
    return sorted(localcloud.function_log_folder().glob("*.log"))
