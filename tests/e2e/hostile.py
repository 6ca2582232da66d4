"""Requests of an attacker who wants to put a forbidden record into the stream.

Each request comes with the votes that it contains, by a few rules of our own and not by those under test. An invalid
request has to be refused; a valid one may be stored as these votes, or refused.
"""

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from e2e.doors import Voter

JSON = "application/json"

POLL_ID = re.compile(r"[a-z0-9-]{1,64}")
OPTION = re.compile(r"[A-Za-z0-9_.-]{1,64}")
VOTER = re.compile(r"[A-Za-z0-9_.:@|+=/-]{1,128}")


class Door(StrEnum):
    """The operation that a request is sent to."""

    OPEN = "a vote where anybody may name a voter"
    SIGNED_IN = "a vote where voters sign in"
    VOUCHED = "a vote that a back end vouches for"
    BATCH = "a batch of a back end"


class Credentials(StrEnum):
    """The credentials of a request."""

    OWN = "the sender's own"
    NONE = "none"
    FORGED = "somebody else's, with a signature that is not theirs"


@dataclass(frozen=True)
class Ballot:
    """The content of a record: voter, option and poll."""

    poll_id: str
    voter: str
    option: str


@dataclass(frozen=True)
class Attempt:
    """A request, and the records that it may put into the stream: all of these, or none."""

    door: Door
    poll_id: str
    body: bytes
    content_type: str | None = JSON
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    voter: Voter | None = None
    credentials: Credentials = Credentials.OWN
    ballots: tuple[Ballot, ...] = ()


# Strings for a poll, an option or a voter. Few of them are valid, and those are harmless.
STRINGS: Sequence[str] = (
    "",
    " ",
    "a",
    "A",
    "a b",
    "a\n",
    "\na",
    "a\r\nX-Injected: yes",
    "a\x00",
    "a\x1b[2J",
    "a\u2028",
    "a\u202eb",
    "\ufeffa",
    "\u0430",  # Cyrillic
    "\uff41",  # full width
    "a\u0301",
    "\U0001f5f3",
    "\ud800",  # half of a character
    "é" * 64,
    "a" * 64,
    "a" * 65,
    "a" * 128,
    "a" * 129,
    "a" * 100_000,
    "..",
    "../../polls",
    "%00",
    "%2e%2e%2f",
    "null",
    "true",
    "NaN",
    "-1",
    "1e999",
    "__proto__",
    "constructor",
    "_unattributed",
    "poll-1#0",
    "live#shardId-000000000000",
    "drain#vote_writer",
    "final",
    "$",
    "$!{vote}",
    "$vote.voter",
    "${vote.voter}",
    "#set($x = 1)",
    "#if(true)a#end",
    "#foreach($i in [1..1000])a#end",
    "#[[a]]#",
    "##",
    "#*a*#",
    "$input.body",
    "$util.base64Encode('a')",
    "$context.authorizer.claims.sub",
    "$context.identity.sourceIp",
    "$stageVariables.x",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "' OR '1'='1",
    "'; DROP TABLE votes; --",
    '"',
    "\\",
    '\\"',
    '\\u0022,"poll_id":"other","x":"',
    'a","poll_id":"other',
    'a"}',
    'a","PartitionKey":"victim',
    'a", "ExplicitHashKey": "0',
    '{"marker":"tally-0","poll_id":"some-poll"}',
    "eyJtYXJrZXIiOiJ0LTAiLCJwb2xsX2lkIjoicCJ9",
    "a, b",
    "a;b",
    "a|b",
    "auth0|a+b/c=@x",
    "somebody@example.org",
    "8f1c0f3e-3c0b-4a53-9a63-2f8e7f1f6f11",
)

# Values of a field that are not strings.
VALUES: Sequence[Any] = (
    None,
    True,
    0,
    -1,
    1.5,
    1e300,
    10**40,
    [],
    {},
    ["a"],
    [["a"]],
    {"a": "b"},
    {"S": "a"},
    [{"option": "a", "voter": "b"}],
)

# Additional fields of a body.
LEFT_OVER: Sequence[str] = (
    "poll_id",
    "PartitionKey",
    "ExplicitHashKey",
    "StreamName",
    "StreamARN",
    "Data",
    "Records",
    "SequenceNumberForOrdering",
    "marker",
    "sub",
    "claims",
    "authorizer",
    "__proto__",
    "voter ",
    "Voter",
    "option\x00",
    "votes",
    "",
)

CONTENT_TYPES: Sequence[str | None] = (
    None,
    "",
    "text/plain",
    "text/xml",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/octet-stream",
    "application/x-amz-json-1.1",
    "application/json; charset=utf-16",
    "application/json; charset=utf-8",
    "APPLICATION/JSON",
    "application/vnd.api+json",
    "application/json, text/plain",
    "*/*",
    "$default",
)

HEADERS: Sequence[dict[str, str]] = (
    {"X-Amz-Target": "Kinesis_20131202.DeleteStream"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"X-Amz-Date": "20200101T000000Z"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"Accept": "text/html"},
    {"Accept": "application/xml;q=0.9, */*;q=0"},
    {"Origin": "null"},
    {"X-Voter": "victim"},
    {"poll_id": "other-poll"},
    {"X-Api-Key": "$util"},
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "deflate"},
    {"Content-Encoding": "identity"},
    {"Content-Encoding": "br"},
    {"Content-Encoding": "gzip, gzip"},
)

QUERIES: Sequence[dict[str, str]] = (
    {"poll_id": "other-poll"},
    {"voter": "victim"},
    {"Action": "DeleteStream", "StreamName": "votes"},
    {"X-Amz-Security-Token": "x"},
    {"$input": "$input.body"},
)

# Values that replace a whole body.
BODIES: Sequence[bytes] = (
    b"",
    b" ",
    b"null",
    b"true",
    b"0",
    b'""',
    b'"a"',
    b"[]",
    b"{}",
    b"[{}]",
    b"not json",
    b"{'option': 'a', 'voter': 'b'}",
    b'{"option": "a", "voter": "b"',
    b'{"option": "a", "voter": "b"}}',
    b'{"option": "a", "voter": "b"} {"option": "b", "voter": "b"}',
    b'{"option": "a", "voter": "b",}',
    b'{option: "a", voter: "b"}',
    b'/* */ {"option": "a", "voter": "b"}',
    b'{"option": NaN, "voter": Infinity}',
    b'\xef\xbb\xbf{"option": "a", "voter": "b"}',
    b'\xff\xfe{\x00"\x00o\x00"\x00:\x001\x00}\x00',
    b'{"option": "a", "voter": "\xff"}',
    b'{"option": "a", "voter": "\xed\xa0\x80"}',
    b'{"option": "a", "voter": "\xc0\xaf"}',
    b'{"option": "a\x00", "voter": "b"}',
    b'{"option": "a\tb", "voter": "b"}',
    b"\x00" * 1000,
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    b"option=a&voter=b",
    b"<vote><option>a</option></vote>",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"[" * 500 + b"]" * 500,
    b'{"option": ' + b"[" * 900 + b"]" * 900 + b', "voter": "b"}',
    b'{"option": "' + b"a" * 1_000_000 + b'", "voter": "b"}',
    b" " * 1_000_000 + b"x",
    b'{"marker": "tally-0", "poll_id": "some-poll"}',
    b'{"StreamName": "votestream-local-votes", "PartitionKey": "victim", "Data": "e30="}',
    b'{"votes": {"option": "a", "voter": "b"}}',
    b'{"votes": [[]]}',
    b'{"votes": "votes"}',
)


def attempts(seed: int, voters: Sequence[Voter]) -> Iterator[Attempt]:
    """Yield endless hostile requests: first the corpus, each item at each door, then mixtures of it."""
    chance = random.Random(seed)
    for door in Door:
        for body in BODIES:
            yield _sent(chance, door, voters, body=body)
        for string in STRINGS:
            for field_ in ("option", "voter"):
                yield _vote(chance, door, voters, {field_: string})
            yield _vote(chance, door, voters, {}, poll_id=string[:1000])
        for value in VALUES:
            for field_ in ("option", "voter"):
                yield _vote(chance, door, voters, {field_: value})
        for name in LEFT_OVER:
            yield _vote(chance, door, voters, {name: "victim"})
        for content_type in CONTENT_TYPES:
            yield _vote(chance, door, voters, {}, content_type=content_type)
        for headers in HEADERS:
            yield _vote(chance, door, voters, {}, headers=headers)
        for query in QUERIES:
            yield _vote(chance, door, voters, {}, query=query)
        for credentials in Credentials:
            yield _vote(chance, door, voters, {}, credentials=credentials)
    while True:
        yield _mixture(chance, voters)


def _mixture(chance: random.Random, voters: Sequence[Voter]) -> Attempt:
    door = chance.choice(list(Door))
    more: dict[str, Any] = {}
    if chance.random() < 0.2:
        more["headers"] = chance.choice(HEADERS)
    if chance.random() < 0.2:
        more["query"] = chance.choice(QUERIES)
    if chance.random() < 0.05:
        more["content_type"] = chance.choice(CONTENT_TYPES)
    if chance.random() < 0.1:
        more["credentials"] = chance.choice((Credentials.NONE, Credentials.FORGED))
    if chance.random() < 0.15:
        more["poll_id"] = _string(chance)[:1000]
    kind = chance.random()
    if kind < 0.1:
        return _sent(chance, door, voters, body=_broken(chance, _whole(chance, door)), **more)
    if kind < 0.3:
        return _vote(chance, door, voters, {}, **more)
    if kind < 0.4:
        return _twice(chance, door, voters, **more)
    changed = {
        chance.choice(("option", "voter", *LEFT_OVER)): (
            _string(chance) if chance.random() < 0.7 else chance.choice(VALUES)
        )
        for _ in range(chance.choice((1, 1, 1, 2)))
    }
    return _vote(chance, door, voters, changed, **more)


def _string(chance: random.Random) -> str:
    """Return a hostile string, or a piece of one with something around or inside."""
    string = chance.choice(STRINGS)
    if len(string) > 1000 or chance.random() < 0.4:
        return string
    other = chance.choice([known for known in STRINGS if len(known) < 100])
    position = chance.randrange(len(string) + 1)
    return string[:position] + other + string[position:]


def _whole(chance: random.Random, door: Door) -> bytes:
    return json.dumps(_good(chance, door)).encode()


def _broken(chance: random.Random, body: bytes) -> bytes:
    """Return a body with a byte or a piece changed, lost or doubled."""
    position, end = sorted(chance.randrange(len(body) + 1) for _ in range(2))
    match chance.randrange(4):
        case 0:
            return body[:position] + bytes([chance.randrange(256)]) + body[position + 1 :]
        case 1:
            return body[:position] + body[end:]
        case 2:
            return body[:end] + body[position:]
        case _:
            return body[:position] + chance.choice(BODIES)[:50] + body[position:]


def _good(chance: random.Random, door: Door) -> dict[str, Any]:
    """Return a valid body."""
    option, voter = chance.choice("abc"), f"fuzz-{chance.randrange(10**6)}"
    match door:
        case Door.OPEN | Door.VOUCHED:
            return {"option": option, "voter": voter}
        case Door.SIGNED_IN:
            return {"option": option}
        case Door.BATCH:
            return {
                "votes": [
                    {"option": chance.choice("abc"), "voter": f"{voter}-{number}"}
                    for number in range(chance.choice((1, 2, 3, 20)))
                ]
            }


def _vote(
    chance: random.Random, door: Door, voters: Sequence[Voter], changed: dict[str, Any], **more: Any
) -> Attempt:
    """Return a good request with some fields of it (in a batch: of one of its votes) changed or added."""
    body = _good(chance, door)
    chance.choice(body["votes"]).update(changed) if door is Door.BATCH else body.update(changed)
    return _sent(chance, door, voters, body=_text(body), **more)


def _twice(chance: random.Random, door: Door, voters: Sequence[Voter], **more: Any) -> Attempt:
    """Return a request with a repeated field: checks may read one of the two, and the template the other."""
    body = _text(_good(chance, door)).decode()
    name = chance.choice(("option", "voter", "votes"))
    value = _text(chance.choice([*STRINGS[:30], *VALUES])).decode()
    first = chance.random() < 0.5
    start, end = body.index("{"), body.rindex("}")
    doubled = (
        f'{{"{name}": {value}, {body[start + 1 :]}'
        if first
        else f'{body[:end]}, "{name}": {value}{body[end:]}'
    )
    return _sent(chance, door, voters, body=doubled.encode(), **more)


def _text(value: Any) -> bytes:
    """Write JSON, with half characters as escapes, because they cannot be sent in any other way."""
    return json.dumps(value).encode()


def _sent(
    chance: random.Random,
    door: Door,
    voters: Sequence[Voter],
    *,
    body: bytes,
    poll_id: str = "fuzz-poll",
    content_type: str | None = JSON,
    credentials: Credentials = Credentials.OWN,
    **more: Any,
) -> Attempt:
    voter = chance.choice(voters) if door is Door.SIGNED_IN else None
    allowed = credentials is Credentials.OWN or door is Door.OPEN
    ballots = meant(door, poll_id, body, voter) if allowed else ()
    return Attempt(
        door, poll_id, body, content_type, voter=voter, credentials=credentials, ballots=ballots, **more
    )


def meant(door: Door, poll_id: str, body: bytes, voter: Voter | None) -> tuple[Ballot, ...]:
    """Return the votes in a request; none if it breaks a rule."""
    try:
        document = json.loads(body.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return ()
    if POLL_ID.fullmatch(poll_id) is None or not isinstance(document, dict):
        return ()
    if door is Door.BATCH:
        votes = document.get("votes")
        if set(document) != {"votes"} or not isinstance(votes, list) or not 1 <= len(votes) <= 500:
            return ()
        ballots = tuple(ballot for vote in votes if (ballot := _ballot(poll_id, vote, None)))
        return ballots if len({ballot.voter for ballot in ballots}) == len(votes) else ()
    ballot = _ballot(poll_id, document, voter)
    return (ballot,) if ballot else ()


def _ballot(poll_id: str, vote: Any, voter: Voter | None) -> Ballot | None:
    fields = {"option"} if voter else {"option", "voter"}
    if not isinstance(vote, dict) or set(vote) != fields:
        return None
    option, named = vote["option"], voter.sub if voter else vote["voter"]
    if not isinstance(option, str) or not isinstance(named, str):
        return None
    return Ballot(poll_id, named, option) if OPTION.fullmatch(option) and VOTER.fullmatch(named) else None
