"""One vote per voter while a poll is open: started by its schedule, shown by the API, and at last the certificate's."""

import asyncio
import time
from typing import Any

import boto3
import httpx
import pytest

from e2e.observing import new_id, wait_for
from votectl.deployment import Deployment
from votectl.lifecycle import Schedules, cancel, close, create
from votectl.polls import PollStore
from votectl.tallying import Tallies
from votectl.traffic import Kind, Traffic, conversations, send
from voting.polls import Option, Poll

VOTERS = 300
# A minute until the schedule starts the function, and some refreshes.
COUNTED_WITHIN_SECONDS = 150
FINAL_WITHIN_SECONDS = 150


def a_poll(deployment: Deployment, poll_store: PollStore, name: str) -> Poll:
    options = [Option(id=option, label=option) for option in ("ada", "grace")]
    draft = poll_store.draft(
        new_id(name), "Counted live", options, None, poll_store.now_ms() + 3_600_000, bucket_count=8
    )
    poll = create(poll_store, Schedules(deployment), draft)
    wait_for(lambda: poll_store.now_ms() > poll.opens_at, seconds=15)
    return poll


def results(deployment: Deployment, poll: Poll) -> dict[str, Any]:
    answer = httpx.get(f"{deployment.front_door}/polls/{poll.poll_id}/results", timeout=30)
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    return document


def is_scheduled(deployment: Deployment, poll: Poll) -> bool:
    scheduler = boto3.client("scheduler")
    pages = scheduler.get_paginator("list_schedules").paginate(
        GroupName=deployment.unique_count_schedule_group, NamePrefix=poll.poll_id
    )
    return any(page["Schedules"] for page in pages)


@pytest.mark.scheduler
def test_voters_are_counted_while_the_poll_is_open_and_the_final_agrees(
    deployment: Deployment, poll_store: PollStore
) -> None:
    poll = a_poll(deployment, poll_store, "unique")
    traffic = Traffic()
    talks = list(conversations({poll.poll_id: ["ada", "grace"]}, VOTERS, seed=5))
    talks = [[r for r in talk if r.kind not in {Kind.UNKNOWN_POLL, Kind.MALFORMED}] for talk in talks]
    asyncio.run(send(deployment.votes_door, talks, traffic, 16))
    sent = traffic.stored(poll.poll_id)
    assert traffic.live(poll.poll_id).total() > sent.total() == VOTERS, "some votes are repeated"

    seen = [0]

    def all_are_counted() -> bool:
        document = results(deployment, poll)
        seen.append(0 if document["unique"] is None else document["unique"]["voters"])
        assert seen[-1] >= seen[-2], "voters never fall"
        return seen[-1] == VOTERS

    wait_for(all_are_counted, COUNTED_WITHIN_SECONDS)
    document = results(deployment, poll)
    assert document["status"] == "open"
    assert {line["option"]: line["votes"] for line in document["unique"]["counts"]} == dict(sent)
    assert document["total"] == traffic.live(poll.poll_id).total()

    poll = close(poll_store, Schedules(deployment), deployment, poll_store.get(poll.poll_id), at=None)
    wait_for(
        lambda: results(deployment, poll)["status"] == "final",
        (poll.closes_at / 1000 - time.time()) + FINAL_WITHIN_SECONDS,
    )
    final = results(deployment, poll)
    assert final["unique"]["voters"] == final["turnout"] == VOTERS
    assert final["unique"]["counts"] == document["unique"]["counts"]
    wait_for(lambda: not is_scheduled(deployment, poll), COUNTED_WITHIN_SECONDS)


@pytest.mark.scheduler
def test_a_cancelled_poll_is_no_longer_counted(deployment: Deployment, poll_store: PollStore) -> None:
    poll = a_poll(deployment, poll_store, "unique-cancelled")
    assert is_scheduled(deployment, poll)
    cancel(poll_store, Schedules(deployment), Tallies(deployment), deployment, poll_store.get(poll.poll_id))
    assert not is_scheduled(deployment, poll)
    assert results(deployment, poll)["unique"] is None
