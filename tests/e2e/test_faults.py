"""The platform while its parts fail: each acknowledged vote counts once."""

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Callable

import boto3
import httpx
import pytest
from typer.testing import CliRunner

from e2e import faults
from e2e.observing import assert_counted_once, wait_for
from loadtest.drills.crowd import Crowd
from votectl.cli import app
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.redrive import FailureDestination
from votectl.traffic import Kind, Traffic, VoteRequest, send
from voting.polls import Poll

pytestmark = [pytest.mark.local_cloud, pytest.mark.disruptive]

# `make chaos` takes longer.
CHAOS_SECONDS = float(os.environ.get("VOTESTREAM_CHAOS_SECONDS", "15"))


def test_the_counts_are_exact_after_random_faults(
    deployment: Deployment,
    reader: CountReader,
    open_poll: Callable[..., Poll],
    record_property: Callable[[str, object], None],
) -> None:
    polls = [open_poll("ada", "grace", "linus"), open_poll("yes", "no")]
    crowd = Crowd(reader, polls, deployment.front_door, voters=50, pause=0.3)
    with crowd.voting():
        time.sleep(2)  # so that the first fault finds batches under way
        with faults.kinesis_throttles(0.05):
            happened = faults.chaos(deployment, CHAOS_SECONDS, seed=1, wait_for=wait_for)

    record_property("chaos", happened)
    record_property("acknowledged", crowd.traffic.acknowledged.total())
    assert all(happened.values())
    assert_counted_once(crowd)


def test_a_vote_that_arrives_while_nothing_consumes_counts_afterwards(
    deployment: Deployment, reader: CountReader, open_poll: Callable[..., Poll]
) -> None:
    poll = open_poll("a", "b")
    traffic = Traffic()
    outage = threading.Thread(target=faults.freeze_dynamodb, args=(8,))
    outage.start()
    talks = [[VoteRequest(Kind.FIRST, poll.poll_id, {"option": "a", "voter": f"v{n}"})] for n in range(40)]
    asyncio.run(send(deployment.front_door, talks, traffic, 4))
    outage.join()
    assert traffic.acknowledged.total() == 40
    wait_for(lambda: reader.stored(poll) == Counter(a=40), 60)
    wait_for(lambda: reader.live(poll.poll_id).options == Counter(a=40), 60)


def test_batches_given_up_are_in_the_failure_buckets_and_can_be_redriven(
    deployment: Deployment, front_door: httpx.Client, reader: CountReader, open_poll: Callable[..., Poll]
) -> None:
    poll = open_poll("a", "b")
    buckets = [deployment.vote_writer_failure_bucket, deployment.vote_aggregator_failure_bucket]

    def given_up() -> list[int]:
        return [
            sum(len(batch.records or ()) for batch in FailureDestination(bucket).batches())
            for bucket in buckets
        ]

    assert given_up() == [0, 0]
    with faults.consumers_give_up(deployment, wait_for):
        for number in range(5):
            answer = front_door.post(
                f"/polls/{poll.poll_id}/votes", json={"option": "b", "voter": f"v{number}"}
            )
            assert answer.status_code == 202
        wait_for(lambda: given_up() == [5, 5], 90)
    assert reader.stored(poll) == Counter()

    s3 = boto3.client("s3")
    brought_back = CliRunner().invoke(app, ["redrive", "--environment", deployment.environment])
    assert brought_back.exit_code == 0, brought_back.output
    assert reader.stored(poll) == Counter(b=5)
    assert reader.live(poll.poll_id).received == 0, "what the aggregator gives up is lost to live counts"
    for listed in s3.list_objects_v2(Bucket=buckets[1])["Contents"]:
        s3.delete_object(Bucket=buckets[1], Key=listed["Key"])
