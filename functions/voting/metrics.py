"""Every metric's name. Nothing else may invent one.

All are counts per invocation, written in CloudWatch's embedded metric format to the function's log, in
the namespace ``Votestream`` with the dimensions ``environment`` and ``service``. A redelivered batch is
counted again here: these say what a consumer did, the tallies table says what is true.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from voting.rules import Judged, Reason

NAMESPACE = "Votestream"


class Metric(StrEnum):
    """Names, each with when it is counted."""

    RECORDS_RECEIVED = "RecordsReceived"  # records of a batch, whatever they hold, but for closing markers
    VOTES_ACCEPTED = "VotesAccepted"  # records that passed the poll's rules
    REJECTED_UNKNOWN_POLL = "RejectedUnknownPoll"  # no such poll when the vote arrived
    REJECTED_UNKNOWN_OPTION = "RejectedUnknownOption"  # the poll has no such option
    REJECTED_NOT_OPEN_YET = "RejectedNotOpenYet"  # arrived before opens_at
    REJECTED_CLOSED = "RejectedClosed"  # arrived at closes_at or later
    REJECTED_MALFORMED = "RejectedMalformed"  # can't be a vote
    RECORDS_REPORTED_FAILED = "RecordsReportedFailed"  # handed back to the mapping for a retry

    MARKERS_PASSED = "MarkersPassed"  # closing markers that a tally waits for; all before them is done
    MARKERS_IGNORED = "MarkersIgnored"  # closing markers that no tally waits for

    # vote_writer only; accepted = folded + stored + changed + already stored + unwritten
    VOTES_FOLDED = "VotesFolded"  # accepted, but the same voter has a later vote in the same batch
    VOTES_STORED = "VotesStored"  # written: the voter's first vote in its poll
    VOTES_CHANGED = "VotesChanged"  # written over an older vote of the same voter
    VOTES_ALREADY_STORED = "VotesAlreadyStored"  # the table holds this very vote or a newer one
    VOTES_UNWRITTEN = "VotesUnwritten"  # could not be written in time: they come again
    STATEMENTS_ANSWERED = "StatementsAnswered"  # taken or refused by the rows there are: a write unit each
    STATEMENTS_THROTTLED = "StatementsThrottled"  # statements that the table refused for capacity

    # vote_aggregator only; received = counted + already counted + uncounted
    RECORDS_COUNTED = "RecordsCounted"  # added to live rows by this invocation
    RECORDS_ALREADY_COUNTED = "RecordsAlreadyCounted"  # dropped, because a live row holds them already
    RECORDS_UNCOUNTED = "RecordsUncounted"  # could not be counted in time: they come again
    LIVE_ROWS_WRITTEN = "LiveRowsWritten"  # conditional updates that took effect

    # tally only
    MARKERS_PUT = "MarkersPut"  # closing markers put into the stream
    MARKERS_AWAITED = "MarkersAwaited"  # at each look at the drain: markers that are still to be passed
    FAILED_BATCHES_WAITING = "FailedBatchesWaiting"  # at each look: the writer's failed batches not redriven
    VOTES_COUNTED = "VotesCounted"  # stored votes read and counted
    RESULTS_CERTIFIED = "ResultsCertified"  # certificates written: finals and recounts
    RECOUNTS_DISAGREEING = "RecountsDisagreeing"  # recounts with other counts than the final

    # results_api only: one of them for every request
    REQUESTS_ANSWERED = "RequestsAnswered"  # 200
    REQUESTS_NOT_MODIFIED = "RequestsNotModified"  # 304: the asker has the newest answer already
    REQUESTS_REFUSED = "RequestsRefused"  # 4xx
    REQUESTS_UNAVAILABLE = "RequestsUnavailable"  # 503: a table could not be read


REJECTED: Mapping[Reason, Metric] = {
    Reason.UNKNOWN_POLL: Metric.REJECTED_UNKNOWN_POLL,
    Reason.UNKNOWN_OPTION: Metric.REJECTED_UNKNOWN_OPTION,
    Reason.NOT_OPEN_YET: Metric.REJECTED_NOT_OPEN_YET,
    Reason.CLOSED: Metric.REJECTED_CLOSED,
    Reason.MALFORMED: Metric.REJECTED_MALFORMED,
}


class Telemetry(Protocol):
    """Where a consumer says what it did. Neither method may ever be given a voter or a choice."""

    def count(self, counts: Mapping[Metric, int]) -> None:
        """Emit these counts as one set of metrics."""
        ...

    def warn(self, message: str, **fields: object) -> None:
        """Write one structured warning."""
        ...


def judged_counts(received: int, judged: Judged) -> dict[Metric, int]:
    """Return the counts that both consumers emit for a batch of ``received`` records, markers not among them.

    Conservation, which an alarm watches: received = accepted + rejected by reason. Each consumer says in the
    same line what became of them, so that the sums hold in every minute, whatever is still on its way.
    """
    counts = dict.fromkeys(REJECTED.values(), 0)
    for rejection in judged.rejected:
        counts[REJECTED[rejection.reason]] += 1
    return {
        Metric.RECORDS_RECEIVED: received,
        Metric.VOTES_ACCEPTED: len(judged.accepted),
        **counts,
    }
