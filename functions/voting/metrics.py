"""The names of all metrics. No other module defines one.

Every metric is a count per invocation. The functions write them to their logs in CloudWatch's embedded
metric format, in the namespace ``Votestream``, with the dimensions ``environment`` and ``service``. The metrics of a
single poll also have the dimension ``poll_id``.
A retry counts its records again: metrics show the work of a consumer, the tallies table holds the results.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from voting.rules import Judged, Reason

NAMESPACE = "Votestream"


class Metric(StrEnum):
    """Names of metrics, each with its meaning. Each reason to reject a record has a metric too (``REJECTED``)."""

    # both consumers; received = accepted + rejected
    RECORDS_RECEIVED = "RecordsReceived"  # all records of a batch except closing markers
    VOTES_ACCEPTED = "VotesAccepted"  # records that passed the poll's rules
    RECORDS_REJECTED = "RecordsRejected"  # records that failed the poll's rules, all reasons together
    RECORDS_REPORTED_FAILED = "RecordsReportedFailed"  # returned to the mapping for a retry
    RECORDS_UNACCOUNTED = "RecordsUnaccounted"  # difference of the consumer's own sums: a bug if not 0

    MARKERS_PASSED = "MarkersPassed"  # closing markers of a tally; every record before them is done
    MARKERS_IGNORED = "MarkersIgnored"  # closing markers that no tally waits for

    # vote_writer only; accepted = folded + stored + changed + already stored + unwritten
    VOTES_FOLDED = "VotesFolded"  # accepted, but the same voter has a later vote in the same batch
    VOTES_STORED = "VotesStored"  # written: the voter's first vote in the poll
    VOTES_CHANGED = "VotesChanged"  # written over an older vote of the same voter
    VOTES_ALREADY_STORED = "VotesAlreadyStored"  # the table holds this vote or a newer one
    VOTES_UNWRITTEN = "VotesUnwritten"  # not written in time; a retry follows
    STATEMENTS_ANSWERED = (
        "StatementsAnswered"  # carried out or refused by their condition: one write unit each
    )
    STATEMENTS_THROTTLED = "StatementsThrottled"  # refused by the table for lack of capacity

    # vote_aggregator only; received = counted + already counted + uncounted
    RECORDS_COUNTED = "RecordsCounted"  # added to live rows by this invocation
    RECORDS_ALREADY_COUNTED = "RecordsAlreadyCounted"  # dropped, because a live row contains them
    RECORDS_UNCOUNTED = "RecordsUncounted"  # not counted in time; a retry follows
    LIVE_ROWS_WRITTEN = "LiveRowsWritten"  # conditional updates that took effect

    # tally only
    MARKERS_PUT = "MarkersPut"  # closing markers put into the stream
    MARKERS_AWAITED = "MarkersAwaited"  # at each check of the drain: markers not passed yet
    FAILED_BATCHES_WAITING = "FailedBatchesWaiting"  # at each check: the writer's failed batches not redriven
    RECORDS_LOST = "RecordsLost"  # at each check: lost by the writer's mapping and not acknowledged
    RESULTS_CERTIFIED = "ResultsCertified"  # certificates written: finals and recounts
    VOTES_CONTRADICTING = (
        "VotesContradicting"  # at each recount: votes in which it differs from the certificate
    )

    # tally and unique_counter
    VOTES_COUNTED = "VotesCounted"  # stored votes read and counted

    # unique_counter only: one of the four for every pass over a bucket
    BUCKETS_COUNTED = "BucketsCounted"  # passes whose count was written
    BUCKETS_BUSY = "BucketsBusy"  # not begun: another invocation counts this bucket
    BUCKETS_UNFINISHED = "BucketsUnfinished"  # out of time, or a table failed; a later pass counts it
    BUCKETS_LOST = "BucketsLost"  # not written: the lease had expired and another pass had taken it
    UNIQUE_COUNT_AGE = "UniqueCountAge"  # ms since the oldest bucket's pass began, or since the poll opened
    VOTES_PER_HUNDRED_VOTERS = "VotesPer100Voters"  # for each poll: accepted votes per hundred voters

    # results_api only: one of them for every request
    REQUESTS_ANSWERED = "RequestsAnswered"  # 200
    REQUESTS_NOT_MODIFIED = "RequestsNotModified"  # 304: the client has the newest answer
    REQUESTS_REFUSED = "RequestsRefused"  # 4xx
    REQUESTS_UNAVAILABLE = "RequestsUnavailable"  # 503: a table could not be read


# The metric of each reason: "not_open_yet" is counted as "RejectedNotOpenYet".
REJECTED: Mapping[Reason, str] = {
    reason: "Rejected" + "".join(word.capitalize() for word in reason.split("_")) for reason in Reason
}

# The sums that each consumer must keep: a total and its parts.
type Sums = Sequence[tuple[Metric, Sequence[str]]]

JUDGED = (Metric.RECORDS_RECEIVED, (Metric.VOTES_ACCEPTED, *REJECTED.values()))


class Telemetry(Protocol):
    """Metrics and warnings of a consumer. Callers never pass a voter or a choice."""

    def count(self, counts: Mapping[str, int]) -> None:
        """Emit these counts, by metric name, as one set of metrics."""
        ...

    def warn(self, message: str, **fields: object) -> None:
        """Write one structured warning."""
        ...


def judged_counts(received: int, judged: Judged) -> dict[str, int]:
    """Return the counts that both consumers emit for a batch.

    Args:
        received: the number of records in the batch, without closing markers.
        judged: the same records after the rules.
    """
    counts = dict.fromkeys(REJECTED.values(), 0)
    for rejection in judged.rejected:
        counts[REJECTED[rejection.reason]] += 1
    return {
        Metric.RECORDS_RECEIVED: received,
        Metric.VOTES_ACCEPTED: len(judged.accepted),
        Metric.RECORDS_REJECTED: len(judged.rejected),
        **counts,
    }


def balanced(counts: Mapping[str, int], sums: Sums) -> dict[str, int]:
    """Return the counts with ``RecordsUnaccounted``, the difference between the sums and their parts: 0 if all is well.

    An alarm watches it. Both sides of each sum come from the same invocation, so they are always equal.
    """
    missing = sum(abs(counts[whole] - sum(counts[part] for part in parts)) for whole, parts in sums)
    return {**counts, Metric.RECORDS_UNACCOUNTED: missing}
