"""The core: turns a request into a call of Kinesis, or refuses it.

Requests come in payload format 2.0, which HTTP APIs and function URLs share. Records are built from matched
values only, as the REST door's template builds them, so no body can smuggle a field into a record.
"""

import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ingress.refusals import (
    FORBIDDEN,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    DoorRefusal,
    DoorRefused,
    malformed,
    not_found,
)
from voting.fields import OPTION, POLL_ID, VOTER

# The types that the REST door has models for, letter by letter. A missing header is refused, because a browser sends
# a Blob without a type to another origin without asking.
JSON_TYPES = frozenset(
    {
        "application/json",
        "application/json;charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json; charset=utf-8",
        "application/json; charset=UTF-8",
    }
)

BATCH_SIZE = 500  # PutRecords takes no more
MAX_BODY_BYTES = 1024  # of one vote; the longest legal one has 230 bytes
MAX_BATCH_BYTES = BATCH_SIZE * MAX_BODY_BYTES

_path = re.compile(r"/polls/([^/]+)/votes(/batch)?")
_poll_id = re.compile(POLL_ID)
_option = re.compile(OPTION)
_voter = re.compile(VOTER)


class Call(NamedTuple):
    """A call of Kinesis: the action and its body. ``votes`` is how many records it holds."""

    action: str
    body: bytes
    votes: int


# Takes the request and the poll of its path, and returns the voter whom its credentials name.
type VoterOf = Callable[[Mapping[str, Any], str], str]


class Rules(NamedTuple):
    """The requests that this deployment accepts.

    Attributes:
        stream: name of the Kinesis stream.
        batch_enabled: batches are taken from signed requests.
        signed_votes: single votes must be signed (``iam``).
        voter_of: takes the voter from the credentials; None: the body names the voter.
    """

    stream: str
    batch_enabled: bool
    signed_votes: bool
    voter_of: VoterOf | None

    @property
    def malformed(self) -> DoorRefusal:
        """Return the refusal of a request that is not a vote."""
        return malformed(body_names_voter=self.voter_of is None, batch_enabled=self.batch_enabled)


def read_call(event: Mapping[str, Any], rules: Rules) -> Call:
    """Return the call of Kinesis that a request asks for.

    Raises:
        DoorRefused: nothing may be stored for this request.
    """
    context = event.get("requestContext") or {}
    matched = _path.fullmatch(event.get("rawPath") or "")
    if matched is None or (context.get("http") or {}).get("method") != "POST":
        raise DoorRefused(not_found(signed=rules.signed_votes or rules.batch_enabled))
    poll_id, batch = matched.groups()
    if batch and not rules.batch_enabled:
        raise DoorRefused(not_found(signed=rules.signed_votes))
    # The voter is looked up first: a request without credentials learns nothing about its body.
    if batch or rules.signed_votes:
        _require_signature(context)
    voter = rules.voter_of(event, poll_id) if rules.voter_of is not None and not batch else None
    headers = event.get("headers") or {}
    # Unlike the REST API, neither door decodes a compressed body.
    if (
        headers.get("content-type") not in JSON_TYPES
        or headers.get("content-encoding", "identity") != "identity"
    ):
        raise DoorRefused(UNSUPPORTED_MEDIA_TYPE)
    document = _document(event, MAX_BATCH_BYTES if batch else MAX_BODY_BYTES, rules)
    if not _poll_id.fullmatch(poll_id):
        raise DoorRefused(rules.malformed)
    if batch:
        return _batch(poll_id, document, rules)
    option, voter = _vote(document, voter, rules)
    return Call(
        "PutRecord", f'{{"StreamName":"{rules.stream}",{_entry(poll_id, option, voter)}}}'.encode(), 1
    )


def _require_signature(context: Mapping[str, Any]) -> None:
    """Refuse unless AWS has verified a signature; only then is there an IAM identity in the context."""
    if not (context.get("authorizer") or {}).get("iam"):
        raise DoorRefused(FORBIDDEN)


def _document(event: Mapping[str, Any], limit: int, rules: Rules) -> Any:
    body = event.get("body") or ""
    # A character has a byte at least, and base64 has four characters for three bytes.
    if len(body) > (limit * 4 // 3 + 4 if event.get("isBase64Encoded") else limit):
        raise DoorRefused(TOO_LARGE)
    try:
        content = binascii.a2b_base64(body) if event.get("isBase64Encoded") else body.encode()
        if len(content) > limit:
            raise DoorRefused(TOO_LARGE)
        return json.loads(content.decode())
    # ValueError: no base64, no UTF-8, no JSON, or a number with too many digits.
    except (ValueError, RecursionError):
        raise DoorRefused(rules.malformed) from None


def _vote(vote: Any, voter: str | None, rules: Rules) -> tuple[str, str]:
    """Return option and voter. ``voter``: from the credentials, so that the body must not name one."""
    fields = 1 if voter is not None else 2
    if type(vote) is dict and len(vote) == fields:
        option, voter = vote.get("option"), vote.get("voter") if voter is None else voter
        if (
            type(option) is str
            and type(voter) is str
            and _option.fullmatch(option)
            and _voter.fullmatch(voter)
        ):
            return option, voter
    raise DoorRefused(rules.malformed)


def _batch(poll_id: str, document: Any, rules: Rules) -> Call:
    votes = document.get("votes") if type(document) is dict and len(document) == 1 else None
    if type(votes) is not list or not 1 <= len(votes) <= BATCH_SIZE:
        raise DoorRefused(rules.malformed)
    entries = {}
    for option, voter in (_vote(vote, None, rules) for vote in votes):
        entries[voter] = _entry(poll_id, option, voter)
    # PutRecords promises no order, so two votes of one voter in a batch would have no last one.
    if len(entries) != len(votes):
        raise DoorRefused(rules.malformed)
    records = ",".join(f"{{{entry}}}" for entry in entries.values())
    return Call("PutRecords", f'{{"StreamName":"{rules.stream}","Records":[{records}]}}'.encode(), len(votes))


def _entry(poll_id: str, option: str, voter: str) -> str:
    # The patterns allow no quote and no backslash, so these strings are JSON as they stand.
    record = f'{{"poll_id":"{poll_id}","option":"{option}"}}'.encode()
    return f'"PartitionKey":"{voter}","Data":"{binascii.b2a_base64(record, newline=False).decode()}"'
