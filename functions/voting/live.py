"""Live counts: a poll's live rows, one per shard, summed up."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from voting.tallies import LAST_ARRIVAL, OPTION_PREFIX, RECEIVED, REJECTED_PREFIX, TOTAL


@dataclass
class LiveCounts:
    """Every record that a poll's shards have counted. ``as_of`` is the latest arrival among them, epoch ms."""

    received: int = 0
    total: int = 0
    options: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    as_of: int | None = None

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Mapping[str, str]]]) -> Self:
        """Sum live rows, as DynamoDB writes them: ``{"total": {"N": "3"}, …}``."""
        counts = cls()
        for row in rows:
            for name, value in row.items():
                if name.startswith(OPTION_PREFIX):
                    counts.options[name.removeprefix(OPTION_PREFIX)] += int(value["N"])
                elif name.startswith(REJECTED_PREFIX):
                    counts.rejected[name.removeprefix(REJECTED_PREFIX)] += int(value["N"])
            counts.received += int(row[RECEIVED]["N"])
            counts.total += int(row.get(TOTAL, {"N": "0"})["N"])
            counts.as_of = max(counts.as_of or 0, int(row[LAST_ARRIVAL]["N"]))
        return counts
