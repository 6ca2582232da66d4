"""Resizing by tfvars while votes flow: everything changes in place, up and down, and no vote is lost."""

import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from e2e.deploying import apply, deploy
from e2e.observing import assert_counted_once, new_id, wait_for
from loadtest.drills.crowd import Crowd
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.lifecycle import Schedules, cancel, close
from votectl.polls import PollStore
from votectl.tallying import Tallies
from voting.polls import Poll

pytestmark = [
    pytest.mark.local_cloud,
    pytest.mark.disruptive,
]  # elsewhere Terraform asks before it changes anything

# Shards, write units, batch size, window, lanes and memory, each another than the local environment's.
RESIZED = """
stream      = { shard_count = 4, encryption_enabled = false }
votes_table = { billing_mode = "PROVISIONED", read_units = 1000, write_units = 1500, point_in_time_recovery = false }
vote_writer = {
  batch_size              = 100
  batching_window_seconds = 2
  memory_mb               = 1024
  parallelization_factor  = 2
  timeout_seconds         = 30
}
vote_aggregator = { batch_size = 1000, batching_window_seconds = 2, memory_mb = 1024, timeout_seconds = 30 }
"""


@pytest.fixture
def resized(tmp_path: Path) -> Path:
    file = tmp_path / "resized.tfvars"
    file.write_text(RESIZED)
    return file


@pytest.fixture
def all_polls_settled(deployment: Deployment, poll_store: PollStore) -> None:
    """Cancel other tests' polls between their end and their final result, because they hold the lanes."""
    tallies = Tallies(deployment)
    for poll in poll_store.list():
        if tallies.holds_lanes(poll.poll_id):
            cancel(poll_store, Schedules(deployment), tallies, deployment, poll)


def sizes(deployment: Deployment) -> dict[str, Any]:
    """The resized values, as the services report them."""
    functions = (deployment.vote_writer_function, deployment.vote_aggregator_function)
    client = boto3.client("lambda")
    found: dict[str, Any] = {
        "shards": boto3.client("kinesis").describe_stream_summary(StreamName=deployment.stream_name)[
            "StreamDescriptionSummary"
        ]["OpenShardCount"],
        "write units": boto3.client("dynamodb").describe_table(TableName=deployment.votes_table)["Table"][
            "ProvisionedThroughput"
        ]["WriteCapacityUnits"],
    }
    for function in functions:
        (mapping,) = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
        found |= {
            f"{function} uuid": mapping["UUID"],
            f"{function} batch": mapping["BatchSize"],
            f"{function} window": mapping["MaximumBatchingWindowInSeconds"],
            f"{function} lanes": mapping["ParallelizationFactor"],
            f"{function} memory": client.get_function_configuration(FunctionName=function)["MemorySize"],
        }
    return found


def assert_in_place(said: str) -> None:
    planned = re.findall(r"Plan: (\d+) to add, (\d+) to change, (\d+) to destroy", said)
    assert planned, said
    assert {(added, destroyed) for added, _, destroyed in planned} == {("0", "0")}, said
    assert int(planned[0][1]) > 0


@pytest.mark.usefixtures("all_polls_settled")
def test_resizing_while_votes_flow_happens_in_place_and_loses_no_vote(
    deployment: Deployment,
    poll_store: PollStore,
    reader: CountReader,
    open_poll: Callable[..., Poll],
    resized: Path,
    record_property: Callable[[str, object], None],
) -> None:
    poll = open_poll("ada", "grace", "linus")
    crowd = Crowd(reader, [poll], deployment.front_door, pause=0.3)
    before, began = sizes(deployment), time.monotonic()
    try:
        with crowd.voting():
            wait_for(lambda: reader.live(poll.poll_id).total > 0, 30)
            assert_in_place(apply(f"-var-file={resized}"))
            larger = sizes(deployment)
            settled = crowd.rounds.total() + 2
            wait_for(lambda: crowd.rounds.total() > settled, 60)
            assert_in_place(apply())
    finally:
        back = sizes(deployment)
        if back != before:
            apply()
    assert back == before
    assert {what for what in before if larger[what] == before[what]} == {
        # A replaced mapping would begin with the oldest record again.
        f"{deployment.vote_writer_function} uuid",
        f"{deployment.vote_aggregator_function} uuid",
        # Its counts rest on order.
        f"{deployment.vote_aggregator_function} lanes",
    }
    record_property("seconds", round(time.monotonic() - began))
    record_property("acknowledged while resizing", crowd.traffic.acknowledged.total())
    # A stream that is being resharded may throttle; such a vote's sender knows that it is not stored.
    assert_counted_once(crowd)

    tallies = Tallies(deployment)
    close(poll_store, Schedules(deployment), deployment, poll_store.get(poll.poll_id), at=None)
    tallies.start(poll.poll_id)  # now, and not by the schedule: the tally waits for the poll's end
    wait_for(lambda: tallies.final(poll.poll_id) is not None, 120)
    final = tallies.final(poll.poll_id)
    assert final is not None
    assert Counter({count.option: count.votes for count in final.counts}) == crowd.traffic.stored(
        poll.poll_id
    )

    assert deploy("plan", "-detailed-exitcode", "-compact-warnings").returncode == 0


@pytest.mark.usefixtures("all_polls_settled")
def test_terraform_refuses_other_lanes_between_a_polls_end_and_its_final_result(
    deployment: Deployment, poll_store: PollStore, open_poll: Callable[..., Poll]
) -> None:
    other_lanes = "-var=vote_writer={parallelization_factor=2}"
    poll, tallies, s3 = open_poll("ada", "grace"), Tallies(deployment), boto3.client("s3")
    bucket, waiting = deployment.vote_writer_failure_bucket, new_id("batch")
    s3.put_object(Bucket=bucket, Key=waiting)  # a batch that waits to be redriven: no poll becomes final
    try:
        close(poll_store, Schedules(deployment), deployment, poll_store.get(poll.poll_id), at=None)
        tallies.start(poll.poll_id)
        wait_for(lambda: tallies.holds_lanes(poll.poll_id), 60)
        refused = deploy("apply", "-no-color", other_lanes)
        unchanged = deploy("plan", "-detailed-exitcode", "-compact-warnings")
    finally:
        s3.delete_object(Bucket=bucket, Key=waiting)
    assert refused.returncode == 1, refused.stdout
    assert f"poll {poll.poll_id} is counted with 1" in refused.stdout + refused.stderr
    assert unchanged.returncode == 0, unchanged.stdout + unchanged.stderr

    wait_for(lambda: tallies.final(poll.poll_id) is not None, 120)
    wait_for(lambda: not tallies.holds_lanes(poll.poll_id), 30)
    accepted = deploy("plan", "-compact-warnings", other_lanes)
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
