"""Answers as API Gateway takes them: bodies, validators, and how long caches may keep them."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, TypedDict

from results_api.receipts import Opening, Receipt, State
from results_api.refusals import UNAVAILABLE, UNKNOWN_POLL, Refusal
from results_api.requests import CSV, JSON, ResultsRequest
from results_api.results import Result, Stage, as_certified
from voting.final import Final
from voting.polls import Poll

# While anything can change, a second: a CDN (s-maxage) then asks us once a second, for any number of viewers.
FRESH_FOR_A_SECOND = "public, max-age=1, s-maxage=1"
# Neither a final result nor its recount ever changes.
# A CDN can be told to forget an answer, and a browser cannot, so browsers keep it for a shorter time.
LASTING = "public, max-age=300, s-maxage=86400"
# For answers about one voter, or about this moment only.
NOT_KEPT = "private, no-store"

RETRY_AFTER_SECONDS = 1

CSV_COLUMNS = ("poll_id", "status", "as_of", "option", "label", "votes", "unique_votes", "counted_at")


class ProxyAnswer(TypedDict):
    """The answer of a Lambda proxy integration."""

    statusCode: int
    headers: dict[str, str]
    body: str


def poll_answer(request: ResultsRequest, poll: Poll, stage: Stage) -> ProxyAnswer:
    """Answer with a poll. All times are epoch ms."""
    return _answer(request, _json(poll_document(poll, stage)), FRESH_FOR_A_SECOND)


def result_answer(request: ResultsRequest, result: Result) -> ProxyAnswer:
    """Answer with a poll's results."""
    body = result_csv(result) if request.media_type == CSV else _json(result_document(result))
    return _answer(request, body, LASTING if result.is_lasting else FRESH_FOR_A_SECOND)


def receipt_answer(
    poll: Poll, receipt: Receipt, state: State, opening: Opening | None, *, opening_wanted: bool
) -> ProxyAnswer:
    """Answer with the state of a vote, and its opening if the request asks for it."""
    document: dict[str, Any] = {"poll_id": poll.poll_id, "receipt": receipt._asdict(), "state": state}
    if opening_wanted:
        document["opening"] = opening and opening._asdict()
    return {"statusCode": HTTPStatus.OK, "headers": _headers(JSON, NOT_KEPT), "body": _json(document)}


def refusal_answer(refusal: Refusal) -> ProxyAnswer:
    """Answer with a refusal."""
    # Kept for a second, because the links to a poll may be out before the poll is.
    headers = _headers(JSON, FRESH_FOR_A_SECOND if refusal is UNKNOWN_POLL else NOT_KEPT)
    if refusal is UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    body = _json({"error": refusal.error, "message": refusal.message})
    return {"statusCode": refusal.status, "headers": headers, "body": body}


def poll_document(poll: Poll, stage: Stage) -> dict[str, Any]:
    """Return a poll and its status, as JSON's types."""
    poll = as_certified(poll, stage.final)
    return {
        "poll_id": poll.poll_id,
        "title": poll.title,
        "options": [{"id": option.id, "label": option.label} for option in poll.options],
        "opens_at": poll.opens_at,
        "closes_at": poll.closes_at,
        "visibility": poll.visibility,
        "status": stage.status,
    }


def result_document(result: Result) -> dict[str, Any]:
    """Return a poll's results, as JSON's types; hidden and unknown values are null."""
    counts, unique, final = result.counts, result.unique, result.stage.final
    return {
        "poll_id": result.poll.poll_id,
        "status": result.stage.status,
        "as_of": counts and counts.as_of,
        "total": counts and counts.total,
        "counts": counts and [line._asdict() for line in counts.options],
        "unique": unique
        and {
            "voters": unique.voters,
            "counts": [line._asdict() for line in unique.options],
            "counted_at": unique.counted_at,
        },
        "turnout": final and final.voters,
        # The same object that the digest was computed from, so that anyone can check it.
        "final": final
        and {
            **_certified(final),
            "recounts": [
                {"agrees": recount.votes == final.votes, **_certified(recount)} for recount in result.recounts
            ],
        },
    }


def _certified(final: Final) -> dict[str, Any]:
    return {"digest": final.digest, "certificate": json.loads(final.certificate)}


def result_csv(result: Result) -> str:
    """Return a poll's results as one line per option (RFC 4180); hidden values are empty."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(CSV_COLUMNS)
    table.writerows(result_rows(result))
    return text.getvalue()


def result_rows(result: Result) -> Iterator[tuple[object, ...]]:
    """Yield one line per option with the columns ``CSV_COLUMNS``, times as epoch ms; None: hidden or not known yet."""
    counts, unique = result.counts, result.unique
    votes = {line.option: line.votes for line in counts.options} if counts else {}
    unique_votes = {line.option: line.votes for line in unique.options} if unique else {}
    for option in result.poll.options:
        yield (
            result.poll.poll_id,
            result.stage.status,
            counts and counts.as_of,
            option.id,
            option.label,
            votes.get(option.id),
            unique_votes.get(option.id),
            unique and unique.counted_at,
        )


def _answer(request: ResultsRequest, body: str, cache_control: str) -> ProxyAnswer:
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = _headers(request.media_type, cache_control) | {"ETag": etag}
    if request.known_etags & {etag, "*"}:
        del headers["Content-Type"]
        return {"statusCode": HTTPStatus.NOT_MODIFIED, "headers": headers, "body": ""}
    return {"statusCode": HTTPStatus.OK, "headers": headers, "body": body}


def _headers(media_type: str, cache_control: str) -> dict[str, str]:
    return {
        "Content-Type": f"{CSV}; charset=utf-8" if media_type == CSV else media_type,
        "Cache-Control": cache_control,
        "Vary": "Accept",
        # Results are public, so every web page may read them.
        "Access-Control-Allow-Origin": "*",
    }


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
