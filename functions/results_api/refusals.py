"""Refusals: a code for programs, and a sentence for people that says what to do, like the front door's.

All texts are fixed: none quotes the request.
"""

from typing import NamedTuple

from voting.errors import VotestreamError


class Refusal(NamedTuple):
    """One reason not to answer."""

    status: int
    error: str
    message: str


MALFORMED_POLL_ID = Refusal(400, "malformed", "A poll_id is 1-64 of a-z 0-9 -.")
MALFORMED_RECEIPT = Refusal(
    400,
    "malformed",
    "Send voter (1-128 of A-Z a-z 0-9 _ . : @ | + = / -, percent-encoded), and shard and sequence as they are "
    "in the vote's receipt, each exactly once; opening, if at all, once as true or false.",
)
MALFORMED_OWN_RECEIPT = Refusal(
    400,
    "malformed",
    "Send shard and sequence as they are in the vote's receipt, each exactly once, and no voter: the voter comes from "
    "your credentials.",
)
NOT_FOUND = Refusal(404, "not_found", "There is nothing under this method and path.")
UNKNOWN_POLL = Refusal(404, "unknown_poll", "There is no poll with this id.")
NOT_ACCEPTABLE = Refusal(
    406,
    "not_acceptable",
    "This is available as application/json, results also as text/csv: accept one of them.",
)
UNAVAILABLE = Refusal(
    503,
    "unavailable",
    "This could not be looked up at the moment. Ask again after the seconds in Retry-After.",
)


class RequestRefused(VotestreamError):
    """When a request can't be answered; the client learns the reason."""

    def __init__(self, refusal: Refusal) -> None:
        """Take the reason."""
        super().__init__(refusal.error)
        self.refusal = refusal
