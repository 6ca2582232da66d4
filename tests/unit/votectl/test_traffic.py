import asyncio
import json
from collections import Counter

import httpx
import pytest

from votectl.traffic import MALFORMED_BODIES, Kind, Traffic, VoteRequest, certain_of, conversations, post
from voting.rules import Reason

POLLS = {"p": ["a", "b", "c"], "q": ["yes", "no"]}


def accepted(sequence: int) -> httpx.Response:
    return httpx.Response(202, json={"receipt": {"shard": "shardId-0", "sequence": str(sequence)}})


def vote(kind: Kind, option: str, voter: str = "v", poll_id: str = "p") -> VoteRequest:
    return VoteRequest(kind, poll_id, {"option": option, "voter": voter})


def test_the_same_seed_sends_the_same_votes() -> None:
    assert list(conversations(POLLS, 50, seed=1)) == list(conversations(POLLS, 50, seed=1))
    assert list(conversations(POLLS, 50, seed=1)) != list(conversations(POLLS, 50, seed=2))


def test_every_kind_of_request_is_sent() -> None:
    kinds = {request.kind for talk in conversations(POLLS, 1000, seed=1) for request in talk}
    assert kinds == set(Kind)


def test_the_last_vote_has_the_highest_sequence_in_any_order_of_answers() -> None:
    traffic = Traffic()
    traffic.note(vote(Kind.CHANGE, "b"), accepted(100))
    traffic.note(vote(Kind.FIRST, "a"), accepted(99))
    assert traffic.stored("p") == Counter(b=1)
    assert traffic.live("p") == Counter(a=1, b=1)


def test_only_acknowledged_votes_are_expected_to_count() -> None:
    traffic = Traffic()
    traffic.note(vote(Kind.FIRST, "a"), httpx.Response(429))
    traffic.note(vote(Kind.FIRST, "a", voter="w"), None)
    assert traffic.stored("p") == Counter()
    assert traffic.refused == {(Kind.FIRST, 429): 1}
    assert traffic.unknown == {Kind.FIRST: 1}


def test_invalid_votes_are_expected_as_rejected() -> None:
    traffic = Traffic()
    traffic.note(vote(Kind.UNKNOWN_OPTION, "zzz"), accepted(1))
    traffic.note(vote(Kind.UNKNOWN_POLL, "a", poll_id="nope"), accepted(2))
    assert traffic.rejected("p") == Counter({Reason.UNKNOWN_OPTION: 1})
    assert certain_of(traffic.unattributed) == Counter({Reason.UNKNOWN_POLL: 1})


@pytest.mark.parametrize(("body", "content_type"), MALFORMED_BODIES, ids=range(len(MALFORMED_BODIES)))
def test_malformed_bodies_are_sent_unchanged(body: object, content_type: str) -> None:
    received: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        received.append(request)
        return httpx.Response(400)

    async def send() -> None:
        transport = httpx.MockTransport(answer)
        async with httpx.AsyncClient(base_url="http://front.door", transport=transport) as client:
            await post(client, VoteRequest(Kind.MALFORMED, "p", body, content_type))

    asyncio.run(send())
    assert received[0].headers["content-type"] == content_type
    sent = received[0].content
    assert body == (sent if isinstance(body, bytes) else json.loads(sent))
