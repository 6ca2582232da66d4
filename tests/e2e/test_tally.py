"""From open to final: by itself, exactly, and never too early."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable

import boto3
import httpx
import pytest
from typer.testing import CliRunner

from e2e import faults
from e2e.observing import new_id, wait_for
from votectl.auditing import audit
from votectl.cli import app
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.lifecycle import Schedules, close
from votectl.polls import PollStore
from votectl.tallying import Tallies
from votectl.traffic import Kind, Traffic, conversations, send
from voting.final import Final
from voting.markers import CONSUMERS
from voting.polls import Option, Poll
from voting.tallies import DRAIN_PREFIX, FINAL

VOTERS = 1_000
# From a poll's end to its final result, on a machine that is busy with other things, too.
FINAL_WITHIN_SECONDS = 120


@pytest.fixture(scope="module")
def tallies(deployment: Deployment) -> Tallies:
    return Tallies(deployment)


@pytest.fixture
def closing_poll(deployment: Deployment, poll_store: PollStore) -> Callable[..., Poll]:
    """Return a factory of open polls that close by themselves after some seconds, and are tallied then."""

    def create(*options: str, seconds: int) -> Poll:
        opens_at = poll_store.now_ms() + 5_000
        poll = poll_store.create(
            new_id("tally"),
            "A poll that ends",
            [Option(id=option, label=option) for option in options],
            opens_at=opens_at,
            closes_at=opens_at + seconds * 1000,
            bucket_count=8,
        )
        Schedules(deployment).set(poll)
        wait_for(lambda: poll_store.now_ms() > poll.opens_at, seconds=15)
        return poll

    return create


def counts(final: Final) -> Counter[str]:
    return Counter({count.option: count.votes for count in final.counts})


def final_of(tallies: Tallies, poll: Poll) -> Final:
    wait_for(lambda: tallies.final(poll.poll_id) is not None, FINAL_WITHIN_SECONDS)
    final = tallies.final(poll.poll_id)
    assert final is not None
    return final


def status(deployment: Deployment, poll: Poll) -> str:
    """Return the status of a poll, by its row, its tallies and the clock."""
    rows = boto3.client("dynamodb").query(
        TableName=deployment.tallies_table,
        ConsistentRead=True,
        KeyConditionExpression="poll_id = :poll",
        ExpressionAttributeValues={":poll": {"S": poll.poll_id}},
        ProjectionExpression="entry",
    )["Items"]
    entries = {row["entry"]["S"] for row in rows}
    if FINAL in entries:
        return "final"
    if any(entry.startswith(DRAIN_PREFIX) for entry in entries):
        return "counting"
    return "closing" if time.time() * 1000 >= poll.closes_at else "open"


@pytest.mark.scheduler
def test_a_poll_becomes_final_by_itself_and_the_final_is_the_senders_own_count(
    deployment: Deployment,
    poll_store: PollStore,
    reader: CountReader,
    tallies: Tallies,
    closing_poll: Callable[..., Poll],
    record_property: Callable[[str, object], None],
) -> None:
    poll = closing_poll("ada", "grace", "linus", seconds=3_600)
    traffic, seen = Traffic(), [status(deployment, poll)]
    talks = list(conversations({poll.poll_id: ["ada", "grace", "linus"]}, VOTERS, seed=11))
    talks = [[r for r in talk if r.kind not in {Kind.UNKNOWN_POLL, Kind.MALFORMED}] for talk in talks]

    asyncio.run(send(deployment.front_door, talks, traffic, 16))

    assert traffic.unknown.total() == 0
    assert traffic.refused.total() == 0
    poll = close(poll_store, Schedules(deployment), deployment, poll_store.get(poll.poll_id), at=None)

    def is_final() -> bool:
        now = status(deployment, poll)
        if now != seen[-1]:
            seen.append(now)
        return now == "final"

    wait_for(is_final, (poll.closes_at / 1000 - time.time()) + FINAL_WITHIN_SECONDS)
    assert seen == ["open", "closing", "counting", "final"]
    final = final_of(tallies, poll)
    record_property("seconds_from_close_to_final", (final.certified_at - poll.closes_at) / 1000)
    sent = traffic.stored(poll.poll_id)
    assert sent.total() == VOTERS
    assert counts(final) == sent
    assert final.voters == VOTERS
    assert final.live.accepted == traffic.live(poll.poll_id).total()
    assert {reason.value: n for reason, n in final.rejected.items()} == dict(traffic.rejected(poll.poll_id))
    assert set(final.proof.markers) == set(CONSUMERS)
    assert final.proof.drained_at >= poll.closes_at
    assert audit(poll, reader, tallies).clean
    # The tally starts a recount by itself, beside the final.
    losses = final.proof.losses
    assert losses is not None
    assert not losses.any
    wait_for(lambda: len(tallies.recounts(poll.poll_id)) > 0, FINAL_WITHIN_SECONDS)
    assert [recount.contradicts for recount in tallies.recounts(poll.poll_id)] == [None]
    assert tallies.final(poll.poll_id) == final


@pytest.mark.local_cloud
@pytest.mark.scheduler
@pytest.mark.disruptive
def test_a_vote_that_is_processed_late_counts_by_its_arrival(
    deployment: Deployment,
    reader: CountReader,
    tallies: Tallies,
    closing_poll: Callable[..., Poll],
    front_door: httpx.Client,
) -> None:
    """A poll closes while the consumers are stopped: earlier votes count, and later ones do not."""
    poll = closing_poll("a", "b", seconds=25)
    path = f"/polls/{poll.poll_id}/votes"
    with faults.consumers_away(deployment, wait_for):
        early = [front_door.post(path, json={"option": "a", "voter": f"early-{n}"}) for n in range(30)]
        assert time.time() * 1000 < poll.closes_at - 1_000, "the machine is too slow for this test"
        wait_for(lambda: time.time() * 1000 > poll.closes_at + 100, 30)
        late = [front_door.post(path, json={"option": "b", "voter": f"late-{n}"}) for n in range(10)]
        assert {answer.status_code for answer in early + late} == {202}
        # The markers are in the stream now, and no consumer passes them: the tally has to wait.
        wait_for(lambda: status(deployment, poll) == "counting", FINAL_WITHIN_SECONDS)
        time.sleep(8)
        assert status(deployment, poll) == "counting"
        assert reader.stored(poll).total() == 0
    final = final_of(tallies, poll)
    assert counts(final) == Counter(a=30, b=0)
    assert {reason.value: n for reason, n in final.rejected.items()} == {"closed": 10}


@pytest.mark.scheduler
def test_closing_early_takes_effect_after_every_consumer_knows_of_it(
    deployment: Deployment, poll_store: PollStore, tallies: Tallies, front_door: httpx.Client
) -> None:
    poll = poll_store.create(
        new_id("tally"),
        "A poll that ends early",
        [Option(id="a", label="A"), Option(id="b", label="B")],
        opens_at=None,
        closes_at=poll_store.now_ms() + 3_600_000,
        bucket_count=2,
    )
    schedules = Schedules(deployment)
    schedules.set(poll)
    wait_for(lambda: poll_store.now_ms() > poll.opens_at, seconds=15)
    path = f"/polls/{poll.poll_id}/votes"
    assert front_door.post(path, json={"option": "a", "voter": "v1"}).status_code == 202

    closed = close(poll_store, schedules, deployment, poll_store.get(poll.poll_id), at=None)

    assert closed.version == 2
    assert closed.closes_at - time.time() * 1000 > deployment.poll_cache_seconds * 1000
    assert front_door.post(path, json={"option": "b", "voter": "v2"}).status_code == 202  # still in time
    time.sleep(3)
    with pytest.raises(OperatorError, match="can't be changed"):
        close(poll_store, schedules, deployment, closed, at=closed.closes_at + 60_000)
    wait_for(lambda: time.time() * 1000 > closed.closes_at, 30)
    assert front_door.post(path, json={"option": "b", "voter": "v1"}).status_code == 202  # too late to count
    final = final_of(tallies, poll)
    assert counts(final) == Counter(a=1, b=1)
    assert final.proof.started_at >= closed.closes_at


def test_two_operators_at_once_do_not_overwrite_each_other(poll_store: PollStore) -> None:
    poll = poll_store.create(
        new_id("tally"),
        "As it was",
        [Option(id="a", label="A"), Option(id="b", label="B")],
        opens_at=None,
        closes_at=poll_store.now_ms() + 3_600_000,
    )
    poll_store.change(poll, title="As the first wants it")
    with pytest.raises(OperatorError, match="another operator has edited"):
        poll_store.change(poll, title="As the second wants it")
    assert poll_store.get(poll.poll_id).title == "As the first wants it"
    assert poll_store.get(poll.poll_id).version == 2


def test_an_operator_runs_a_poll_from_one_command(
    deployment: Deployment, poll_store: PollStore, front_door: httpx.Client, tallies: Tallies
) -> None:
    poll_id, run = new_id("tally"), CliRunner().invoke
    environment = ["--environment", deployment.environment]

    created = run(
        app,
        ["poll", "create", poll_id, "--option", "a=Ada", "--option", "b", "--closes", "+20s", *environment],
    )
    assert created.exit_code == 0, created.output
    schedule = boto3.client("scheduler").get_schedule(GroupName=deployment.tally_schedule_group, Name=poll_id)
    assert json.loads(schedule["Target"]["Input"]) == {"poll_id": poll_id, "recount": False}
    too_early = run(app, ["tally", poll_id, *environment])
    assert too_early.exit_code == 1
    assert "poll close" in too_early.output

    poll = poll_store.get(poll_id)
    wait_for(lambda: poll_store.now_ms() > poll.opens_at, seconds=15)
    assert front_door.post(f"/polls/{poll_id}/votes", json={"option": "b", "voter": "v"}).status_code == 202
    edited = run(app, ["poll", "edit", poll_id, "--label", "a=Ada L.", "--version", "1", *environment])
    assert edited.exit_code == 0, edited.output
    again = run(app, ["poll", "edit", poll_id, "--title", "Late", "--version", "1", *environment])
    assert again.exit_code == 1

    wait_for(lambda: poll_store.now_ms() > poll.closes_at, seconds=30)
    tallied = run(app, ["tally", poll_id, *environment])
    assert tallied.exit_code == 0, tallied.output
    final = tallies.final(poll_id)
    assert final is not None
    assert counts(final) == Counter(a=0, b=1)
    assert final.digest[:16] in tallied.output
    recounted = run(app, ["tally", poll_id, "--recount", *environment])
    assert recounted.exit_code == 0, recounted.output
    recounts = tallies.recounts(poll_id)  # the tally's own may be there, too
    assert {recount.counts for recount in recounts} == {final.counts}
    assert tallies.final(poll_id) == final
    audited = run(app, ["audit", poll_id, *environment])
    assert audited.exit_code == 0, audited.output


def test_an_audit_finds_a_vote_that_nobody_cast(
    deployment: Deployment, poll_store: PollStore, reader: CountReader, tallies: Tallies
) -> None:
    poll = poll_store.create(
        new_id("tally"),
        "A poll that is tampered with",
        [Option(id="a", label="A"), Option(id="b", label="B")],
        opens_at=None,
        closes_at=poll_store.now_ms() + 3_600_000,
        bucket_count=1,
    )
    assert audit(poll, reader, tallies).clean
    boto3.client("dynamodb").put_item(
        TableName=deployment.votes_table,
        Item={"poll_bucket": {"S": f"{poll.poll_id}#0"}, "voter": {"S": "ghost"}, "option": {"S": "a"}},
    )
    found = audit(poll, reader, tallies)
    assert not found.clean
    assert CliRunner().invoke(app, ["audit", poll.poll_id, "-e", deployment.environment]).exit_code == 1
