"""Votes sent through the front door, and the sender's own account of them.

The account is built from what was sent and what was answered, and from nothing that the platform says
later: so it can be held against live counts and stored votes from the outside.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx

from voting.records import version_of
from voting.rules import Reason

TIMEOUT_SECONDS = 30.0


class Kind(StrEnum):
    """Why a request is sent."""

    FIRST = "first votes"
    CHANGE = "changes of mind"
    REPEAT = "same vote again"
    UNKNOWN_OPTION = "unknown option"
    UNKNOWN_POLL = "unknown poll"
    MALFORMED = "malformed"


@dataclass(frozen=True)
class VoteRequest:
    """One request to send: to which poll, with which body, for which reason."""

    kind: Kind
    poll_id: str
    body: Any  # JSON, or bytes that are not JSON
    content_type: str = "application/json"

    @property
    def voter(self) -> str:
        """The voter that the body names (only where the body is well-formed)."""
        return str(self.body["voter"])


@dataclass
class Account:
    """What the sender knows: every request once, under what was answered to it."""

    sent: Counter[Kind] = field(default_factory=Counter)
    acknowledged: Counter[Kind] = field(default_factory=Counter)
    refused: Counter[tuple[Kind, int]] = field(default_factory=Counter)
    unanswered: int = 0
    # poll -> option -> acknowledged votes; poll -> reason -> acknowledged records that can't count
    live: dict[str, Counter[str]] = field(default_factory=dict)
    rejected: dict[str, Counter[str]] = field(default_factory=dict)
    unattributed: Counter[str] = field(default_factory=Counter)
    # poll -> voter -> (version, option) of the last acknowledged vote
    last: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)

    def note(self, request: VoteRequest, answer: httpx.Response | None) -> None:
        """Enter one request with its answer (None: there was none, so nobody knows what became of it)."""
        self.sent[request.kind] += 1
        if answer is None:
            self.unanswered += 1
        elif answer.status_code != httpx.codes.ACCEPTED:
            self.refused[request.kind, answer.status_code] += 1
        else:
            self.acknowledged[request.kind] += 1
            self._expect(request, version_of(answer.json()["receipt"]["sequence"]))

    def _expect(self, request: VoteRequest, version: str) -> None:
        match request.kind:
            case Kind.FIRST | Kind.CHANGE | Kind.REPEAT:
                option = str(request.body["option"])
                self.live.setdefault(request.poll_id, Counter())[option] += 1
                last = self.last.setdefault(request.poll_id, {})
                last[request.voter] = max(last.get(request.voter, ("", "")), (version, option))
            case Kind.UNKNOWN_OPTION:
                self.rejected.setdefault(request.poll_id, Counter())[Reason.UNKNOWN_OPTION] += 1
            case Kind.UNKNOWN_POLL:
                self.unattributed[Reason.UNKNOWN_POLL] += 1
            case Kind.MALFORMED:
                # The front door should have refused it. What gets through must at least be rejected.
                self.unattributed[Reason.MALFORMED] += 1

    def stored(self, poll_id: str) -> Counter[str]:
        """Return how many voters' last acknowledged vote is for each option."""
        return Counter(option for _, option in self.last.get(poll_id, {}).values())


# Bodies that no template may let through, each wrong in its own way.
MALFORMED_BODIES: Sequence[tuple[Any, str]] = (
    (b"not json", "application/json"),
    (b"", "application/json"),
    (b'{"option": "red", "voter": "\xff"}', "application/json"),
    (b"[" * 100_000, "application/json"),
    (b'{"option": "red", "voter"', "application/json"),
    ([], "application/json"),
    ({"option": "red"}, "application/json"),
    ({"voter": "somebody"}, "application/json"),
    ({"option": 7, "voter": "somebody"}, "application/json"),
    ({"option": None, "voter": "somebody"}, "application/json"),
    ({"option": ["red"], "voter": "somebody"}, "application/json"),
    ({"option": "red", "voter": "v" * 300}, "application/json"),
    ({"option": "red", "voter": "\U0001f600"}, "application/json"),
    ({"option": 'red","poll_id":"other', "voter": "somebody"}, "application/json"),
    ({"option": "red", "voter": 'x","PartitionKey":"victim'}, "application/json"),
    ({"option": "red", "voter": "somebody", "poll_id": "other"}, "application/json"),
    ({"option": "$util.base64Encode('x')", "voter": "somebody"}, "application/json"),
    ({"option": "red", "voter": "somebody"}, "text/plain"),
)


def conversations(
    poll_options: Mapping[str, Sequence[str]], voters: int, seed: int
) -> Iterator[list[VoteRequest]]:
    """Yield what each of ``voters`` voters sends, in their order.

    Most vote once per poll; one in ten changes their mind, one in twenty sends the same vote again, and
    among them are votes for options and polls that do not exist, and bodies that are not votes.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable test data, no secret
    polls = list(poll_options)
    for number in range(voters):
        voter = f"voter-{seed}-{number}"
        conversation = []
        for poll_id in polls:
            # Some favourites: equal shares would hide a swap of two options.
            option = min(chance.choices(poll_options[poll_id], k=2))
            conversation.append(VoteRequest(Kind.FIRST, poll_id, {"option": option, "voter": voter}))
            if chance.random() < 0.10:
                other = chance.choice(poll_options[poll_id])
                conversation.append(VoteRequest(Kind.CHANGE, poll_id, {"option": other, "voter": voter}))
            elif chance.random() < 0.05:
                conversation.append(VoteRequest(Kind.REPEAT, poll_id, {"option": option, "voter": voter}))
        poll_id = chance.choice(polls)
        if chance.random() < 0.02:
            body = {"option": "no-such-option", "voter": voter}
            conversation.append(VoteRequest(Kind.UNKNOWN_OPTION, poll_id, body))
        if chance.random() < 0.02:
            body = {"option": poll_options[poll_id][0], "voter": voter}
            conversation.append(VoteRequest(Kind.UNKNOWN_POLL, f"no-such-poll-{number % 7}", body))
        if chance.random() < 0.03:
            malformed, content_type = MALFORMED_BODIES[number % len(MALFORMED_BODIES)]
            conversation.append(VoteRequest(Kind.MALFORMED, poll_id, malformed, content_type))
        yield conversation


async def send(
    front_door: str,
    conversations: Sequence[Sequence[VoteRequest]],
    account: Account,
    concurrency: int,
    on_answer: Callable[[], None] = lambda: None,
    auth: httpx.Auth | None = None,
) -> None:
    """Send conversations, several at a time, each voter's requests one after the other; enter the answers.

    Nothing is sent twice: a request without an answer is entered as unanswered, because it may have
    been stored.
    """
    todo = iter(conversations)
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)

    async with httpx.AsyncClient(
        base_url=front_door, auth=auth, limits=limits, timeout=TIMEOUT_SECONDS
    ) as client:

        async def worker() -> None:
            for conversation in todo:
                for request in conversation:
                    account.note(request, await post(client, request))
                    on_answer()

        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())


async def post(client: httpx.AsyncClient, request: VoteRequest) -> httpx.Response | None:
    """Send one request; return the answer, or None if none came."""
    headers = {"Content-Type": request.content_type}
    url = f"/polls/{request.poll_id}/votes"
    try:
        if isinstance(request.body, bytes):
            return await client.post(url, content=request.body, headers=headers)
        return await client.post(url, json=request.body, headers=headers)
    except httpx.TransportError:
        return None
