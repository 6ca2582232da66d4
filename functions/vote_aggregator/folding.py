"""A batch as additions to live rows, one row per poll and shard."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from voting.rules import Judged
from voting.tallies import OPTION_PREFIX, RECEIVED, REJECTED_PREFIX, TOTAL, UNATTRIBUTED

# One record as it goes into a live row: the attribute to count besides ``received``, and its arrival.
type Counted = tuple[str, int]


@dataclass
class Addition:
    """One batch's records for one live row, by version. Versions are unique within a shard."""

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
        return max(arrived_at for _, arrived_at in self.records.values())

    def counts(self) -> Counter[str]:
        """Return the growth of each attribute: ``received`` = ``total`` + all ``rejected#…``."""
        counts = Counter(attribute for attribute, _ in self.records.values())
        accepted = sum(n for name, n in counts.items() if name.startswith(OPTION_PREFIX))
        counts[RECEIVED] = len(self.records)
        if accepted:
            counts[TOTAL] = accepted
        return counts

    def after(self, version: str) -> "Addition":
        """Return the records after a version, which a row at that version does not hold yet."""
        rest = {v: counted for v, counted in self.records.items() if v > version}
        return Addition(self.poll_id, self.shard, rest)


def fold(judged: Judged, shard: str) -> list[Addition]:
    """Return one addition per live row, ordered by the first record that each depends on."""
    records: defaultdict[str, dict[str, Counted]] = defaultdict(dict)
    for vote, _poll in judged.accepted:
        records[vote.poll_id][vote.version] = (OPTION_PREFIX + vote.option, vote.arrived_at)
    for rejection in judged.rejected:
        attribute = REJECTED_PREFIX + rejection.reason
        records[rejection.poll_id or UNATTRIBUTED][rejection.version] = (attribute, rejection.arrived_at)
    additions = (Addition(poll_id, shard, of_poll) for poll_id, of_poll in records.items())
    return sorted(additions, key=lambda addition: addition.first_version)
