"""Requests as API Gateway hands them over (Lambda proxy integration), read once and checked."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter, ValidationError

from results_api.receipts import Receipt, ShardId
from results_api.receipts import Sequence as SequenceNumber
from results_api.refusals import (
    MALFORMED_OWN_RECEIPT,
    MALFORMED_POLL_ID,
    MALFORMED_RECEIPT,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    RequestRefused,
)
from voting.records import PollId, Voter
from voting.settings import VoterAuth

JSON = "application/json"
CSV = "text/csv"


class Route(StrEnum):
    """The API's resources, as API Gateway spells them."""

    POLL = "/polls/{poll_id}"
    RESULTS = "/polls/{poll_id}/results"
    RECEIPT = "/polls/{poll_id}/votes/me"


# The media types of each resource; the first is the default.
OFFERED: Mapping[Route, Sequence[str]] = {
    Route.POLL: (JSON,),
    Route.RESULTS: (JSON, CSV),
    Route.RECEIPT: (JSON,),
}


class ResultsRequest(NamedTuple):
    """A valid request."""

    route: Route
    poll_id: str
    media_type: str
    known_etags: frozenset[str]  # "*" among them: any


class ReceiptQuestion(NamedTuple):
    """A question about a receipt, and the voter that it is about."""

    voter: str
    receipt: Receipt
    opening_wanted: bool = False


# Wider than RFC 9110 (12.4.2): clients also send ".2", and more than three digits.
_QUALITY = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_TOKEN = r"[a-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 - RFC 9110, 5.6.2: a part of the grammar
_MEDIA_RANGE = re.compile(rf"{_TOKEN}/{_TOKEN}")

_poll_id = TypeAdapter(PollId).validator
_voter = TypeAdapter(Voter).validator
_shard = TypeAdapter(ShardId).validator
_sequence = TypeAdapter(SequenceNumber).validator
_boolean = TypeAdapter(Literal["true", "false"]).validator


def read_request(event: Mapping[str, Any]) -> ResultsRequest:
    """Return the request in a proxy event.

    Raises:
        RequestRefused: unknown resource, malformed poll id, or no acceptable media type.
    """
    try:
        route = Route(event["resource"])
    except ValueError:
        raise RequestRefused(NOT_FOUND) from None
    try:
        poll_id = _poll_id.validate_python((event.get("pathParameters") or {}).get("poll_id"))
    except ValidationError:
        raise RequestRefused(MALFORMED_POLL_ID) from None
    headers = _headers(event)
    media_type = negotiate(headers.get("accept"), OFFERED[route])
    if media_type is None:
        raise RequestRefused(NOT_ACCEPTABLE)
    return ResultsRequest(route, poll_id, media_type, _etags(headers.get("if-none-match", "")))


def read_receipt_question(event: Mapping[str, Any], voter_auth: VoterAuth) -> ReceiptQuestion:
    """Return the question in a proxy event: the voter and the receipt.

    If voters sign in, the voter comes from the token that API Gateway has checked, and the query must not name one.
    A KeyError means that API Gateway has checked no token: a wiring mistake, which must not turn into an answer.

    Raises:
        RequestRefused: ``voter``, ``shard`` or ``sequence`` is missing, repeated or invalid, or the query names a voter
            although voters sign in.
    """
    query = event.get("multiValueQueryStringParameters") or {}
    signed_in = voter_auth is VoterAuth.COGNITO

    def single(name: str) -> str | None:
        values = query.get(name) or []
        return values[0] if len(values) == 1 else None

    if signed_in and "voter" in query:
        raise RequestRefused(MALFORMED_OWN_RECEIPT)
    voter = event["requestContext"]["authorizer"]["claims"]["sub"] if signed_in else single("voter")
    try:
        return ReceiptQuestion(
            _voter.validate_python(voter),
            Receipt(_shard.validate_python(single("shard")), _sequence.validate_python(single("sequence"))),
            "opening" in query and _boolean.validate_python(single("opening")) == "true",
        )
    # "from None": pydantic's message quotes the input, and the input names a voter.
    except ValidationError:
        raise RequestRefused(MALFORMED_OWN_RECEIPT if signed_in else MALFORMED_RECEIPT) from None


def negotiate(accept: str | None, offered: Sequence[str]) -> str | None:
    """Return the best of what is offered for an Accept header (RFC 9110, 12.5.1), or None if none will do.

    Among equals the first on offer wins. An unreadable range, weight or header is ignored, and never refused.
    """
    ranges = _media_ranges(accept or "")
    if not ranges:
        return offered[0]

    def quality(media_type: str) -> float:
        # The most specific matching range decides, even against a broader one.
        for wanted in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
            if wanted in ranges:
                return ranges[wanted]
        return 0.0

    best = max(offered, key=quality)
    return best if quality(best) > 0 else None


def _media_ranges(accept: str) -> dict[str, float]:
    ranges: dict[str, float] = {}
    for part in accept.split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = (piece.strip() for piece in parameter.partition("="))
            if name == "q" and _QUALITY.fullmatch(value):
                quality = min(float(value), 1.0)
        if media_range == "*":  # as java.net.HttpURLConnection writes */*
            media_range = "*/*"
        if _MEDIA_RANGE.fullmatch(media_range):
            ranges[media_range] = max(quality, ranges.get(media_range, 0.0))
    return ranges


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers by lower-case name, repeated ones joined as RFC 9110 (5.2) joins them."""
    headers: dict[str, list[str]] = {}
    for name, values in (event.get("multiValueHeaders") or {}).items():
        headers.setdefault(name.lower(), []).extend(values)
    return {name: ", ".join(values) for name, values in headers.items()}


def _etags(header: str) -> frozenset[str]:
    """Return the tags of an If-None-Match header; weak or strong makes no difference there (RFC 9110, 13.1.2)."""
    return frozenset(tag.strip().removeprefix("W/") for tag in header.split(",")) - {""}
