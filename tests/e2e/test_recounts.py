"""A recount that finds other votes than the final result: both stay, and the log tells on-call."""

import json
from collections import Counter
from collections.abc import Callable

import boto3
import httpx
import pytest

import localcloud
from e2e.observing import wait_for

# Fixtures: the tallies, and polls that close by themselves.
from e2e.test_tally import FINAL_WITHIN_SECONDS, closing_poll, counts, final_of, tallies
from votectl.deployment import Deployment
from votectl.tallying import Tallies
from voting.polls import Poll, poll_bucket
from voting.records import version_of

__all__ = ["closing_poll", "tallies"]


@pytest.mark.scheduler
def test_a_vote_that_comes_after_the_final_makes_the_recount_contradict_it(
    deployment: Deployment,
    tallies: Tallies,
    closing_poll: Callable[..., Poll],
    front_door: httpx.Client,
) -> None:
    poll = closing_poll("a", "b", seconds=8)
    for option in ("a", "b", "a"):  # one voter: two records are accepted for an option with one stored vote
        answer = front_door.post(
            f"/polls/{poll.poll_id}/votes", json={"option": option, "voter": "undecided"}
        )
        assert answer.status_code == 202
    final = final_of(tallies, poll)
    assert counts(final) == Counter(a=1, b=0)
    # A put that timed out is stored minutes later, with a stamp in time: no stream here can do that for a test.
    late_at = poll.closes_at - 1
    boto3.client("dynamodb").put_item(
        TableName=deployment.votes_table,
        Item={
            "poll_bucket": {"S": poll_bucket(poll.poll_id, 0)},
            "voter": {"S": "late"},
            "option": {"S": "a"},
            "version": {"S": version_of("1")},
            "arrived_at": {"N": str(late_at)},
        },
    )
    wait_for(lambda: bool(tallies.recounts(poll.poll_id)), FINAL_WITHIN_SECONDS)
    (recount,) = tallies.recounts(poll.poll_id)
    assert counts(recount) == Counter(a=2, b=0)
    assert recount.contradicts is not None
    assert (recount.contradicts.digest, recount.contradicts.votes) == (final.digest, 1)
    assert [(late.arrived_at, late.votes) for late in recount.contradicts.arrivals] == [
        (late_at // 1000 * 1000, 1)
    ]
    assert tallies.final(poll.poll_id) == final  # the first certificate stays unchanged
    log = "".join(file.read_text("utf-8") for file in localcloud.function_log_folder().glob("*tally*.log"))
    (line,) = [
        line for line in log.splitlines() if "certificate contradicted" in line and poll.poll_id in line
    ]
    assert json.loads(line)["votes"] == 1
