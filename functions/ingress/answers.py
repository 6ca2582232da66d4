"""The core: answers to clients, by Kinesis's answers. 202 is only for what Kinesis has confirmed."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

from ingress.refusals import THROTTLED, UNAVAILABLE, DoorRefusal

# Refused clients return spread over this many seconds.
RETRY_SPREAD_SECONDS = 8

_THROTTLING = ("ThroughputExceeded", "LimitExceeded", "Throttling")
_STORED = 200


class Reply(NamedTuple):
    """Kinesis's answer: HTTP status and body."""

    status: int
    body: bytes


class DoorAnswer(TypedDict):
    """An answer in payload format 2.0."""

    statusCode: int
    headers: dict[str, str]
    body: str


def retry_after(event: Mapping[str, Any]) -> str:
    """Return the seconds after which a refused request may be sent again: 1 to 8, by the time of the request."""
    moment = (event.get("requestContext") or {}).get("timeEpoch")
    return str(1 + (moment if type(moment) is int else 0) % RETRY_SPREAD_SECONDS)


def refusal_answer(refusal: DoorRefusal, retry_seconds: str) -> DoorAnswer:
    """Answer with the reason why nothing was stored, or that the outcome is unknown."""
    headers = {"Content-Type": "application/json"}
    if refusal.status == THROTTLED.status:
        headers["Retry-After"] = retry_seconds
    # Without spaces, as Terraform's jsonencode writes the REST door's bodies.
    body = json.dumps({"error": refusal.error, "message": refusal.message}, separators=(",", ":"))
    return {"statusCode": refusal.status, "headers": headers, "body": body}


def answer_for_vote(reply: Reply, retry_seconds: str) -> DoorAnswer:
    """Answer whether Kinesis has stored one vote."""
    document = _read(reply)
    if reply.status != _STORED:
        return refusal_answer(THROTTLED if _throttles(document.get("__type")) else UNAVAILABLE, retry_seconds)
    receipt = _receipt(document)
    if receipt is None:
        return refusal_answer(UNAVAILABLE, retry_seconds)
    return _answer(202, f'{{"receipt": {receipt}}}')


def answer_for_batch(reply: Reply, votes: int, retry_seconds: str) -> DoorAnswer:
    """Answer whether Kinesis has stored each vote of a batch. Kinesis answers 200 even if it has stored none."""
    document = _read(reply)
    if reply.status != _STORED:
        return refusal_answer(THROTTLED if _throttles(document.get("__type")) else UNAVAILABLE, retry_seconds)
    records = document.get("Records")
    if type(records) is not list or len(records) != votes:
        return refusal_answer(UNAVAILABLE, retry_seconds)
    outcomes, stored, throttled = [], 0, 0
    for record in records:
        code = record.get("ErrorCode")
        receipt = None if code else _receipt(record)
        if receipt is not None:
            stored += 1
            outcomes.append(f'{{"status": 202, "receipt": {receipt}}}')
        elif _throttles(code):
            throttled += 1
            outcomes.append('{"status": 429, "error": "throttled"}')
        else:
            outcomes.append('{"status": 503, "error": "unavailable"}')
    if not stored:
        answer = refusal_answer(THROTTLED if throttled == votes else UNAVAILABLE, retry_seconds)
    else:
        answer = _answer(202 if stored == votes else 207, f'{{"votes": [{", ".join(outcomes)}]}}')
    if stored < votes:
        answer["headers"]["Retry-After"] = retry_seconds
    return answer


def _answer(status: int, body: str) -> DoorAnswer:
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body}


def _read(reply: Reply) -> dict[str, Any]:
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return document if type(document) is dict else {}


def _receipt(record: dict[str, Any]) -> str | None:
    shard, sequence = record.get("ShardId"), record.get("SequenceNumber")
    if type(shard) is not str or type(sequence) is not str or not shard or not sequence.isdecimal():
        return None
    return f'{{"shard": {json.dumps(shard)}, "sequence": "{sequence}"}}'


def _throttles(code: Any) -> bool:
    return type(code) is str and any(name in code for name in _THROTTLING)
