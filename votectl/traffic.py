"""Votes sent through the front door, with their answers.

A sender knows only its requests and their answers, so live counts and stored votes can be compared with them.
With 202 or a refusal, it knows whether the vote must be counted. Without an answer (a timeout, a 5xx) a vote may be
stored or not,
and one that was in progress when its poll closed may have arrived before or after: such votes make a count a range.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx

from voting.records import version_of
from voting.rules import Reason

TIMEOUT_SECONDS = 30.0
# The status of a request without an answer: a timeout, or a broken connection.
NO_ANSWER = 0


class Kind(StrEnum):
    """The purpose of a request."""

    FIRST = "first votes"
    CHANGE = "changes of mind"
    REPEAT = "same vote again"
    UNKNOWN_OPTION = "unknown option"
    UNKNOWN_POLL = "unknown poll"
    MALFORMED = "malformed"


@dataclass(frozen=True)
class VoteRequest:
    """One request to send: its poll, its body and its purpose."""

    kind: Kind
    poll_id: str
    body: Any  # JSON, or bytes that are not JSON
    content_type: str = "application/json"

    @property
    def voter(self) -> str:
        """The voter that the body names (only where the body is well-formed)."""
        return str(self.body["voter"])


class Stored(NamedTuple):
    """The stored vote of one voter."""

    version: str
    option: str


@dataclass
class Range:
    """The lowest and the highest possible count."""

    low: int = 0
    high: int = 0

    def add(self, *, certain: bool) -> None:
        """Add a vote that must be counted, or one that may be."""
        self.low += certain
        self.high += 1

    @property
    def exact(self) -> bool:
        """Whether only one number is possible."""
        return self.low == self.high

    def __str__(self) -> str:
        return f"{self.low:,}" if self.exact else f"{self.low:,} to {self.high:,}"


@dataclass
class Claim:
    """A voter's possible stored votes: the last acknowledged one, or one of the uncertain ones.

    Attributes:
        last: the acknowledged vote with the greatest version, or None.
        possible: uncertain votes; the version is None without a receipt.
    """

    last: Stored | None = None
    possible: list[tuple[str | None, str]] = field(default_factory=list)

    def options(self) -> set[str]:
        """Return the possible options of the stored vote."""
        found = {self.last.option} if self.last else set()
        return found | {option for version, option in self.possible if self._may_win(version)}

    def allows(self, stored: Stored) -> bool:
        """Return whether this can be the stored vote."""
        if stored == self.last:
            return True
        return self._may_win(stored.version) and any(
            option == stored.option and version in (None, stored.version) for version, option in self.possible
        )

    def _may_win(self, version: str | None) -> bool:
        return version is None or self.last is None or version > self.last.version


@dataclass
class ExpectedCounts:
    """The counts of one poll on a correct platform."""

    received: Range = field(default_factory=Range)
    options: defaultdict[str, Range] = field(default_factory=lambda: defaultdict(Range))
    rejected: defaultdict[str, Range] = field(default_factory=lambda: defaultdict(Range))
    claims: defaultdict[str, Claim] = field(default_factory=lambda: defaultdict(Claim))

    def final(self) -> tuple[dict[str, Range], Range]:
        """Return the voters of each option and in total, in a correct final result."""
        votes: dict[str, Range] = defaultdict(Range)
        voters = Range()
        for claim in self.claims.values():
            options = claim.options()
            for option in options:
                votes[option].add(certain=claim.last is not None and len(options) == 1)
            voters.add(certain=claim.last is not None)
        return votes, voters


def is_acknowledged(status: int) -> bool:
    """Return whether the front door acknowledged a vote: 202 with a receipt."""
    return status == HTTPStatus.ACCEPTED


def is_refused(status: int) -> bool:
    """Return whether a vote is certainly not stored, because the front door refused it."""
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR


def certain_of(counts: Mapping[str, Range]) -> Counter[str]:
    """Return the least possible counts, without zeros."""
    return Counter({name: count.low for name, count in counts.items() if count.low})


@dataclass
class Traffic:
    """Sent traffic: each request with its answer, and the counts of a correct platform.

    Attributes:
        sent: requests by kind.
        acknowledged: those that got 202.
        refused: those that got a 4xx, by kind and status. They are certainly not stored.
        unknown: those without an answer, or with a 5xx. They may be stored.
        late: acknowledged votes that arrived after their poll's end.
        uncertain: acknowledged votes that were in progress when their poll closed.
        receipts: the number of times that each receipt (shard and sequence) was given.
        polls: the expected counts by poll.
        unattributed: expected rejected records without a poll, by reason.
    """

    sent: Counter[Kind] = field(default_factory=Counter)
    acknowledged: Counter[Kind] = field(default_factory=Counter)
    refused: Counter[tuple[Kind, int]] = field(default_factory=Counter)
    unknown: Counter[Kind] = field(default_factory=Counter)
    late: int = 0
    uncertain: int = 0
    receipts: Counter[tuple[str, str]] = field(default_factory=Counter)
    polls: defaultdict[str, ExpectedCounts] = field(default_factory=lambda: defaultdict(ExpectedCounts))
    unattributed: defaultdict[str, Range] = field(default_factory=lambda: defaultdict(Range))

    def note(self, request: VoteRequest, answer: httpx.Response | None) -> None:
        """Enter one request with its answer (None: no answer came). Its poll must stay open long enough."""
        if answer is None:
            self.enter(request, NO_ANSWER)
        elif is_acknowledged(answer.status_code):
            receipt = answer.json()["receipt"]
            self.enter(request, answer.status_code, receipt["shard"], receipt["sequence"])
        else:
            self.enter(request, answer.status_code)

    def enter(
        self,
        request: VoteRequest,
        status: int,
        shard: str = "",
        sequence: str = "",
        *,
        voter: str | None = None,
        in_time: bool | None = True,
    ) -> None:
        """Enter one request with its answer.

        Args:
            request: the request.
            status: the answer's HTTP status, or NO_ANSWER.
            shard: of the receipt, with status 202.
            sequence: of the receipt, with status 202.
            voter: the voter; None: the one that the body names.
            in_time: whether it arrived before its poll's end; None: the sender cannot know.
        """
        kind, certain = request.kind, is_acknowledged(status)
        self.sent[kind] += 1
        if is_refused(status):
            self.refused[kind, status] += 1
            return
        if certain:
            self.acknowledged[kind] += 1
            self.receipts[shard, sequence] += 1
        else:
            self.unknown[kind] += 1
        if kind in (Kind.UNKNOWN_POLL, Kind.MALFORMED):
            # The front door should have refused a malformed one. A record that passes must at least be rejected.
            reason = Reason.UNKNOWN_POLL if kind is Kind.UNKNOWN_POLL else Reason.MALFORMED
            self.unattributed[reason].add(certain=certain)
            return
        poll = self.polls[request.poll_id]
        poll.received.add(certain=certain)
        if certain:
            self.late += in_time is False
            self.uncertain += in_time is None
        if in_time is not True:
            poll.rejected[Reason.CLOSED].add(certain=certain and in_time is False)
        if in_time is False:
            return
        if kind is Kind.UNKNOWN_OPTION:
            poll.rejected[Reason.UNKNOWN_OPTION].add(certain=certain and in_time is True)
            return
        option = str(request.body["option"])
        poll.options[option].add(certain=certain and in_time is True)
        claim = poll.claims[request.voter if voter is None else voter]
        version = version_of(sequence) if certain else None
        if version is not None and in_time is True:
            claim.last = max(claim.last or Stored("", ""), Stored(version, option))
        else:
            claim.possible.append((version, option))

    def live(self, poll_id: str) -> Counter[str]:
        """Return the votes of each option that live results must count."""
        return certain_of(self._poll(poll_id).options)

    def rejected(self, poll_id: str) -> Counter[str]:
        """Return the records of a poll that must be rejected, by reason."""
        return certain_of(self._poll(poll_id).rejected)

    def stored(self, poll_id: str) -> Counter[str]:
        """Return how many voters' last acknowledged vote is for each option."""
        claims = self._poll(poll_id).claims.values()
        return Counter(claim.last.option for claim in claims if claim.last is not None)

    def _poll(self, poll_id: str) -> ExpectedCounts:
        return self.polls.get(poll_id) or ExpectedCounts()

    @property
    def throttled(self) -> int:
        """Votes refused with 429."""
        return sum(
            count for (_, status), count in self.refused.items() if status == HTTPStatus.TOO_MANY_REQUESTS
        )

    @property
    def refused_without_reason(self) -> int:
        """Well-formed votes refused with anything but 429."""
        return sum(
            count
            for (kind, status), count in self.refused.items()
            if kind != Kind.MALFORMED and status != HTTPStatus.TOO_MANY_REQUESTS
        )


# Bodies that every template must refuse, each invalid in another way.
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
    """Yield the requests of each of ``voters`` voters, in their order.

    Most vote once per poll; one in ten changes their mind, one in twenty sends the same vote again. Among them are
    votes for options and polls that do not exist, and bodies that are not votes.
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
    traffic: Traffic,
    concurrency: int,
    on_answer: Callable[[], None] = lambda: None,
    auth: httpx.Auth | None = None,
) -> None:
    """Send conversations, several at a time, each voter's requests one after the other; enter the answers.

    Nothing is sent twice: a request without an answer is entered as unknown, because it may be stored.
    """
    todo = iter(conversations)
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)

    async with httpx.AsyncClient(
        base_url=front_door, auth=auth, limits=limits, timeout=TIMEOUT_SECONDS
    ) as client:

        async def worker() -> None:
            for conversation in todo:
                for request in conversation:
                    traffic.note(request, await post(client, request))
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
