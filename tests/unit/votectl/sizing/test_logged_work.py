import json

import pytest

from votectl.sizing.evidence.rehearsal import LoggedWork
from voting.metrics import Metric


def line(**counts: int) -> str:
    return json.dumps(
        {"_aws": {}, "service": "vote_writer"} | {name: [value] for name, value in counts.items()}
    )


def test_work_is_what_a_log_says() -> None:
    work = LoggedWork()
    for message in (
        "START RequestId: x Version: $LATEST\n",
        line(RecordsReceived=5, VotesAccepted=4, StatementsAnswered=6),
        "REPORT RequestId: x\tDuration: 250.00 ms\tBilled Duration: 251 ms\n",
        line(RecordsReceived=0, MarkersPassed=1),  # closing markers alone
        '{"level": "INFO", "message": "something else"}',
        line(RecordsReceived=2, VotesAccepted=2, StatementsAnswered=2),
        "REPORT RequestId: y\tDuration: 50.00 ms\n",
    ):
        work.add(message)
    assert (work.batches, work.invocations) == (2, 2)
    assert work.seconds == pytest.approx(0.3)
    assert (work.counts[Metric.VOTES_ACCEPTED], work.counts[Metric.STATEMENTS_ANSWERED]) == (6, 8)
