"""A batch as additions to live rows, one row per poll and shard."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from voting.rules import Judged
from voting.tallies import OPTION_PREFIX, RECEIVED, REJECTED_PREFIX, TOTAL, UNATTRIBUTED


class Counted(NamedTuple):
    """One record as it goes into a live row: what to count besides ``received``, and its arrival."""

    attribute: str
    arrived_at: int


@dataclass
class Addition:
    """What a batch adds to one live row: its records by version, which are unique within a shard."""

    poll_id: str
    shard: str
    records: dict[str, Counted] = field(default_factory=dict)

    @property
    def first_version(self) -> str:
        """The lowest version in it."""
        return min(self.records)

    @property
    def last_version(self) -> str:
        """The highest version in it."""
        return max(self.records)

    @property
    def last_arrival(self) -> int:
        """The latest arrival in it, epoch ms."""
        return max(record.arrived_at for record in self.records.values())

    def counts(self) -> Counter[str]:
        """Return by how much each attribute grows: ``received`` = ``total`` + all ``rejected#…``."""
        counts = Counter(record.attribute for record in self.records.values())
        accepted = sum(n for name, n in counts.items() if name.startswith(OPTION_PREFIX))
        counts[RECEIVED] = len(self.records)
        if accepted:
            counts[TOTAL] = accepted
        return counts

    def after(self, version: str) -> "Addition":
        """Return the part that lies behind a version: what a row that has reached it does not hold yet."""
        rest = {v: counted for v, counted in self.records.items() if v > version}
        return Addition(self.poll_id, self.shard, rest)


def fold(judged: Judged, shard: str) -> list[Addition]:
    """Return one addition per live row, ordered by the first record that each depends on."""
    additions: dict[str, Addition] = {}

    def add(poll_id: str, version: str, attribute: str, arrived_at: int) -> None:
        addition = additions.get(poll_id)
        if addition is None:
            addition = additions[poll_id] = Addition(poll_id, shard)
        addition.records[version] = Counted(attribute, arrived_at)

    for vote, _poll in judged.accepted:
        add(vote.poll_id, vote.version, OPTION_PREFIX + vote.option, vote.arrived_at)
    for rejection in judged.rejected:
        add(
            rejection.poll_id or UNATTRIBUTED,
            rejection.version,
            REJECTED_PREFIX + rejection.reason,
            rejection.arrived_at,
        )
    return sorted(additions.values(), key=lambda addition: addition.first_version)
