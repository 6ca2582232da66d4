"""Refusals: a code for programs and a sentence for people, word for word as the REST door has them.

All texts are fixed: none quotes the request. A contract test compares them with infra/modules/api/answers.tf.
"""

from typing import NamedTuple

from voting.errors import VotestreamError


class DoorRefusal(NamedTuple):
    """One reason to refuse a request."""

    status: int
    error: str
    message: str


_MALFORMED_VOTE = (
    "Send a JSON object with exactly two strings: option (1-64 of A-Z a-z 0-9 _ . -) and voter "
    "(1-128 of A-Z a-z 0-9 _ . : @ | + = / -), to a poll_id of 1-64 of a-z 0-9 -."
)
_MALFORMED_SIGNED_IN = (
    "Send a JSON object with exactly one string: option (1-64 of A-Z a-z 0-9 _ . -), to a poll_id of 1-64 of "
    "a-z 0-9 -. The voter comes from your credentials: leave voter out."
)
_MALFORMED_BATCH = (
    'A batch is {"votes": [...]} with 1-500 objects of exactly option and voter '
    "(1-128 of A-Z a-z 0-9 _ . : @ | + = / -), each voter once; a refused batch stores nothing."
)

UNAUTHORIZED = DoorRefusal(401, "unauthorized", "Sign in and send it again with your credentials.")
FORBIDDEN = DoorRefusal(
    403,
    "forbidden",
    "These credentials may not do this. Renew them, or ask the people who run this poll.",
)
TOO_LARGE = DoorRefusal(413, "too_large", "The request is too large. Send only option and voter.")
UNSUPPORTED_MEDIA_TYPE = DoorRefusal(
    415,
    "unsupported_media_type",
    "Send it as JSON, with the header Content-Type: application/json.",
)
THROTTLED = DoorRefusal(
    429,
    "throttled",
    "Too many requests at this moment; this vote is not stored. Send it again after the seconds in Retry-After.",
)
UNAVAILABLE = DoorRefusal(
    503,
    "unavailable",
    "This could not be confirmed. Send it again: of several votes of one voter the last one counts.",
)


def malformed(*, body_names_voter: bool, batch_enabled: bool) -> DoorRefusal:
    """Return the refusal of a request that is not a vote, with the text for this deployment."""
    vote = _MALFORMED_VOTE if body_names_voter else _MALFORMED_SIGNED_IN
    message = f"{vote} {_MALFORMED_BATCH}" if batch_enabled else vote
    return DoorRefusal(400, "malformed", message)


def not_found(*, signed: bool) -> DoorRefusal:
    """Return the refusal of an unknown path or method; ``signed``: some calls need a signature."""
    message = (
        "There is nothing under this method and path. Votes go to POST /polls/{poll_id}/votes, results come from "
        "GET /polls/{poll_id}/results."
    )
    if signed:
        message += (
            " Calls for back ends also get this answer if they are not signed "
            "(AWS Signature Version 4, service execute-api)."
        )
    return DoorRefusal(404, "not_found", message)


class DoorRefused(VotestreamError):
    """When a request is refused; the client learns the reason."""

    def __init__(self, refusal: DoorRefusal) -> None:
        """Take the reason."""
        super().__init__(refusal.error)
        self.refusal = refusal
