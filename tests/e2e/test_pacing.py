"""A spike of any height is stored at the flat rate that tfvars choose, and no vote is lost."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import batched, pairwise
from pathlib import Path
from typing import NamedTuple

import boto3
import pytest

from e2e.deploying import applied
from e2e.observing import wait_for
from vote_writer.writing import STATEMENTS_PER_CALL
from votectl.counts import CountReader
from votectl.deployment import Deployment
from voting.polls import Poll

pytestmark = [
    pytest.mark.local_cloud,
    pytest.mark.disruptive,
]  # elsewhere Terraform asks before it changes anything

LANES = 2  # the local environment's shards, each with one lane
WRITES_PER_SECOND = 100
PACED = """
votes_table = { billing_mode = "PROVISIONED", read_units = 1000, write_units = 125, point_in_time_recovery = false }
vote_writer = { memory_mb = 512, timeout_seconds = 30, write_share = 0.8 }
"""
VOTES = 1_000
RECORDS_PER_CALL = 500  # PutRecords' limit


class Sample(NamedTuple):
    """The number of stored votes at a moment between two times, in seconds."""

    asked: float
    answered: float
    stored: int


@pytest.fixture
def paced(tmp_path: Path) -> Iterator[None]:
    """The environment with a small votes table and a pace; restored afterwards."""
    settings = tmp_path / "paced.tfvars"
    settings.write_text(PACED)
    with applied(f"-var-file={settings}"):
        yield


@pytest.mark.usefixtures("paced")
def test_a_spike_is_stored_at_a_flat_rate_and_no_vote_is_lost(
    deployment: Deployment,
    reader: CountReader,
    open_poll: Callable[..., Poll],
    record_property: Callable[[str, object], None],
) -> None:
    poll = open_poll("a", "b")
    expected = Counter(a=VOTES // 2, b=VOTES // 2)

    begun = time.monotonic()
    put_spike(deployment.stream_name, poll)
    spike_seconds = time.monotonic() - begun
    samples = list(samples_until_stored(reader, poll))

    record_property("seconds of the spike", round(spike_seconds, 1))
    record_property("stored after seconds", [(round(s.answered - begun, 1), s.stored) for s in samples])
    assert VOTES / spike_seconds > 2 * WRITES_PER_SECOND, "the spike is too flat"
    # Never above the pace: in any period each lane sends its part of the rate and one call more.
    for first, earlier in enumerate(samples):
        for later in samples[first + 1 :]:
            most = WRITES_PER_SECOND * (later.answered - earlier.asked) + LANES * STATEMENTS_PER_CALL
            assert later.stored - earlier.stored <= most
    # Not much below it while both lanes have a backlog: each two seconds store about as much as the pace allows.
    draining = [sample for sample in samples if 0 < sample.stored < 0.8 * VOTES]
    stretches = list(pairwise(every(draining, seconds=2)))
    assert stretches
    for earlier, later in stretches:
        rate = (later.stored - earlier.stored) / (later.asked - earlier.asked)
        assert rate > 0.5 * WRITES_PER_SECOND, [(round(s.asked - begun, 1), s.stored) for s in samples]

    assert reader.stored(poll) == expected
    wait_for(lambda: reader.live(poll.poll_id).options == expected, 30)


def put_spike(stream: str, poll: Poll) -> None:
    """Put votes directly into the stream, because the front door would be slower."""
    kinesis = boto3.client("kinesis")
    for numbers in batched(range(VOTES), RECORDS_PER_CALL, strict=False):
        records = [
            {
                "PartitionKey": f"in-a-hurry-{number}",
                "Data": json.dumps({"poll_id": poll.poll_id, "option": "ab"[number % 2]}).encode(),
            }
            for number in numbers
        ]
        answer = kinesis.put_records(StreamName=stream, Records=records)  # type: ignore[arg-type]
        assert answer["FailedRecordCount"] == 0


def samples_until_stored(reader: CountReader, poll: Poll) -> Iterator[Sample]:
    """Count the stored votes repeatedly until all are stored, or much more time has passed than the pace needs."""
    deadline = time.monotonic() + 4 * VOTES / WRITES_PER_SECOND
    stored = 0
    while stored < VOTES and time.monotonic() < deadline:
        asked = time.monotonic()
        stored = reader.stored(poll).total()
        yield Sample(asked, time.monotonic(), stored)
        time.sleep(0.2)


def every(samples: list[Sample], seconds: float) -> Iterator[Sample]:
    """Yield the first sample, and then each that is this much later than the last one."""
    last = None
    for sample in samples:
        if last is None or sample.asked - last.asked >= seconds:
            last = sample
            yield sample
