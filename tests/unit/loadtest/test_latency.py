"""Percentiles of votes through each door."""

from loadtest.latency import summary
from voting.settings import VoteDoor


def test_percentiles_are_of_the_votes_of_one_door() -> None:
    found = summary(VoteDoor.URL, [float(number) for number in range(101)])

    assert found.door is VoteDoor.URL
    assert (found.votes, found.p50_ms, found.p99_ms) == (101, 50.0, 99.0)
