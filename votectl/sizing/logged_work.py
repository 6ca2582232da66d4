"""What functions did, as their logs tell it: Lambda's REPORT line of each invocation, and the metrics of each batch."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from votectl.sizing import measure
from voting.metrics import Metric

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


@dataclass
class Work:
    """What a function did: batches of votes, and the invocations that have ended, with their time."""

    batches: int = 0
    invocations: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, message: str) -> None:
        """Add a log line, if it says anything about this."""
        if found := measure.REPORT.search(message):
            self.invocations += 1
            self.seconds += float(found[1]) / 1000
        elif message.startswith("{"):
            line: dict[str, Any] = json.loads(message)
            counts = Counter({metric: _number(line[metric]) for metric in Metric if metric in line})
            self.counts += counts
            # A batch of nothing but closing markers is no batch of votes.
            self.batches += bool(counts[Metric.RECORDS_RECEIVED])


def _number(value: float | list[float]) -> int:
    """Return a metric's value, which may stand in a list of its own."""
    return int(value[0] if isinstance(value, list) else value)


def work(client: "CloudWatchLogsClient", function: str, since_ms: int) -> Work:
    """Return what a function has done since a time (epoch ms), from its log."""
    done = Work()
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{function}", startTime=since_ms
    )
    for page in pages:
        for line in page["events"]:
            done.add(line["message"])
    return done
