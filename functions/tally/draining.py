"""Reading the drain rows: which closing markers have been passed, and which consumers are behind."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from voting.markers import CONSUMERS


class DrainPlace(NamedTuple):
    """A consumer in a shard."""

    consumer: str
    shard_id: str

    def __str__(self) -> str:
        """For people."""
        return f"{self.consumer} in {self.shard_id}"


class DrainStatus(NamedTuple):
    """The progress of the consumers: markers by consumer, and the places that still wait for some."""

    expected: dict[str, int]
    passed: dict[str, int]
    behind: list[DrainPlace]

    @property
    def complete(self) -> bool:
        """Whether every consumer has passed every marker."""
        return not self.behind


def drain_of(
    rows: Mapping[DrainPlace, frozenset[str]], shards: Collection[str], ids: Collection[str]
) -> DrainStatus:
    """Compare the drain rows (ids passed, by place) with the markers of each shard."""
    wanted = frozenset(ids)
    passed = dict.fromkeys(CONSUMERS, 0)
    behind: list[DrainPlace] = []
    for consumer in CONSUMERS:
        for shard_id in sorted(shards):
            place = DrainPlace(consumer, shard_id)
            there = len(wanted & rows.get(place, frozenset()))
            passed[consumer] += there
            if there < len(wanted):
                behind.append(place)
    expected = dict.fromkeys(CONSUMERS, len(wanted) * len(shards))
    return DrainStatus(expected, passed, behind)
