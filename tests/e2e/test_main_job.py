"""The main job, compared with the traffic that was sent."""

import asyncio
from collections.abc import Callable

import pytest
from rich.console import Console

from e2e.observing import wait_for
from votectl import demo
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.traffic import Kind, Traffic, VoteRequest, conversations, send
from voting.polls import Poll


@pytest.mark.alone  # it counts every vote for an unknown poll
def test_everything_acknowledged_is_counted_exactly_once_and_the_last_vote_is_stored(
    deployment: Deployment, reader: CountReader, open_poll: Callable[..., Poll]
) -> None:
    polls = [open_poll("ada", "grace", "linus"), open_poll("yes", "no")]
    options = {poll.poll_id: [option.id for option in poll.options] for poll in polls}
    observation, traffic = demo.Observation(reader, polls), Traffic()

    asyncio.run(send(deployment.front_door, list(conversations(options, 400, seed=7)), traffic, 16))

    assert traffic.unknown.total() == 0
    wait_for(lambda: all(check.agrees for check in demo.checks(traffic, observation, polls)), seconds=90)
    # Double counts come late: compare again after the consumers have had time.
    asyncio.run(asyncio.sleep(3))
    disagreements = [check for check in demo.checks(traffic, observation, polls) if not check.agrees]
    assert disagreements == []
    assert traffic.acknowledged[Kind.CHANGE] > 0


def test_the_last_of_many_quick_changes_of_mind_is_the_one_that_is_stored(
    deployment: Deployment, reader: CountReader, open_poll: Callable[..., Poll]
) -> None:
    poll = open_poll("a", "b", "c")
    # Each voter's requests go out at once: only the stream's own order decides which is the last.
    talks = [
        [VoteRequest(Kind.CHANGE, poll.poll_id, {"option": option, "voter": f"undecided-{voter}"})]
        for voter in range(20)
        for option in ("a", "b", "c", "a", "b")
    ]
    traffic = Traffic()

    asyncio.run(send(deployment.front_door, talks, traffic, 16))

    assert traffic.acknowledged.total() == len(talks)
    wait_for(lambda: reader.live(poll.poll_id).total == len(talks), seconds=60)
    wait_for(lambda: reader.stored(poll) == traffic.stored(poll.poll_id), seconds=60)


def test_the_demo_reports_a_number_that_disagrees(
    deployment: Deployment, reader: CountReader, open_poll: Callable[..., Poll]
) -> None:
    poll = open_poll("a", "b")
    observation, traffic = demo.Observation(reader, [poll]), Traffic()
    asyncio.run(send(deployment.front_door, [[vote(poll, "a", "v1")]], traffic, 1))
    wait_for(lambda: reader.live(poll.poll_id).total == 1, seconds=60)

    traffic.polls[poll.poll_id].options["a"].add(certain=True)  # as if an acknowledged vote had been lost

    console = Console(record=True, width=200)
    found = demo.checks(traffic, observation, [poll])
    console.print(demo.checks_table(found))
    assert not all(check.agrees for check in found)
    assert "DIFFERENT" in console.export_text()


def vote(poll: Poll, option: str, voter: str) -> VoteRequest:
    return VoteRequest(Kind.FIRST, poll.poll_id, {"option": option, "voter": voter})
