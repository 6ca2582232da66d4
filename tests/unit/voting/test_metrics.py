from voting.metrics import REJECTED, Metric, judged_counts
from voting.rules import Judged, Reason, Rejected


def test_every_reason_to_reject_has_a_metric() -> None:
    assert set(REJECTED) == set(Reason)
    assert len(set(REJECTED.values())) == len(Reason)


def test_rejections_are_counted_by_reason_and_those_that_did_not_occur_as_nought() -> None:
    rejected = [Rejected("1", 0, None, Reason.MALFORMED), Rejected("2", 0, None, Reason.MALFORMED)]
    counts = judged_counts(2, Judged([], rejected))
    assert counts[Metric.RECORDS_RECEIVED] == 2
    assert counts[Metric.REJECTED_MALFORMED] == 2
    assert counts[Metric.REJECTED_CLOSED] == 0
