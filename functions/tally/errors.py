"""Errors that end a tally. Operators read their texts in the execution's cause and in `votectl tally`."""

from voting.errors import VotestreamError

__all__ = ["ImpossibleCount", "LanesChanged", "NotDrained", "PollChanged", "UnknownPoll"]


class UnknownPoll(VotestreamError):
    """When the poll does not exist."""


class PollChanged(VotestreamError):
    """When a poll's closing time or options were changed between the markers and the certificate."""


class NotDrained(VotestreamError):
    """When a consumer has not passed the closing markers within a day."""


class ImpossibleCount(VotestreamError):
    """When stored votes and live counts contradict each other: no such result is certified."""


class LanesChanged(VotestreamError):
    """When the writer's parallelization factor was changed after the markers were put."""
