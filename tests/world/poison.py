"""Records that can't be votes, by shape: a client that can write to the stream may write any of them."""

import json

from world.kinesis import base64_of

VOTER = "voter-1"


def body(**fields: object) -> str:
    """Return a JSON object as a record's data."""
    return base64_of(json.dumps(fields).encode())


def vote_body(poll_id: str, option: str) -> str:
    """Return a vote as the front door's template writes it, as a record's data."""
    return body(poll_id=poll_id, option=option)


# Name to the record's data (base64 text).
DATA = {
    "no-bytes": "",
    "no-base64": "***",
    "not-ascii": "e30é",
    "no-utf-8": base64_of(b"\xff\xfe\xfa"),
    "no-json": base64_of(b"vote for choice-a!"),
    "cut-off-json": base64_of(b'{"poll_id": "poll-1", "option": "choice'),
    "two-documents": base64_of(b'{"poll_id": "poll-1", "option": "choice-a"}{}'),
    "utf-16": base64_of(json.dumps({"poll_id": "poll-1", "option": "choice-a"}).encode("utf-16")),
    "byte-order-mark": base64_of(b'\xef\xbb\xbf{"poll_id": "poll-1", "option": "choice-a"}'),
    "null": base64_of(b"null"),
    "number": base64_of(b"1e999999"),
    "array": base64_of(json.dumps([{"poll_id": "poll-1", "option": "choice-a"}]).encode()),
    "deep": base64_of(b"[" * 5_000),
    "huge": body(poll_id="poll-1", option="choice-" + "a" * 20_000),
    "no-option": body(poll_id="poll-1"),
    "no-poll": body(option="choice-a"),
    "voter-in-body": body(poll_id="poll-1", option="choice-a", voter="voter-2"),
    "forged-marker": body(
        poll_id="poll-1", marker="drain", consumer="vote_writer", shard="shardId-000000000000"
    ),
    "forged-marker-beside-vote": body(poll_id="poll-1", option="choice-a", marker="drain"),
    "forged-count": body(poll_id="poll-1", option="choice-a", total=1_000_000),
    "option-is-number": body(poll_id="poll-1", option=1),
    "option-is-list": body(poll_id="poll-1", option=["choice-a"]),
    "option-is-nothing": body(poll_id="poll-1", option=None),
    "option-is-true": body(poll_id="poll-1", option=True),
    "empty-option": body(poll_id="poll-1", option=""),
    "option-with-blank": body(poll_id="poll-1", option="choice-a "),
    "option-with-newline": body(poll_id="poll-1", option="choice-a\n"),
    "option-with-nul": body(poll_id="poll-1", option="choice-a\0"),
    "half-a-surrogate": base64_of(b'{"poll_id": "poll-1", "option": "\\ud800"}'),
    "emoji": body(poll_id="poll-1", option="\N{THUMBS UP SIGN}"),
    "poll-is-number": body(poll_id=1, option="choice-a"),
    "poll-in-capitals": body(poll_id="POLL-1", option="choice-a"),
    "poll-with-hash": body(poll_id="poll-1#0", option="choice-a"),
    "poll-too-long": body(poll_id="p" * 65, option="choice-a"),
    "reserved-row": body(poll_id="_unattributed", option="choice-a"),
    "statement-in-poll": body(poll_id='poll-1"; DELETE FROM "votes', option="choice-a"),
}

# Partition keys that can't be voters.
VOTERS = {
    "no-voter": "",
    "voter-too-long": "v" * 129,
    "voter-with-quote": "voter-'1",
    "voter-with-newline": "voter-1\n",
    "voter-with-blank": "voter 1",
    "voter-with-hash": "voter-1#2",
    "voter-not-ascii": "vöter-1",
    "voter-half-a-surrogate": "voter-\ud800",
}

# All shapes: name to partition key and data.
SHAPES: dict[str, tuple[str, str]] = {
    **{name: (VOTER, data) for name, data in DATA.items()},
    **{name: (voter, vote_body("poll-1", "choice-a")) for name, voter in VOTERS.items()},
}
