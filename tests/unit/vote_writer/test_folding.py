import itertools

import pytest

from samples import a_poll
from vote_writer.folding import fold
from voting.polls import Poll, bucket_of, poll_bucket
from voting.records import Vote, version_of
from voting.rules import Accepted

ORDERS = list(itertools.permutations(range(3)))


def poll(poll_id: str = "poll-1") -> Poll:
    return a_poll(poll_id, opens_at=1_000, closes_at=1_700_000_000_999, bucket_count=4)


def accepted(
    version: int, voter: str = "voter-1", option: str = "choice-a", poll_id: str = "poll-1"
) -> Accepted:
    vote = Vote(poll_id, voter, option, 1_000 + version, version_of(str(version)))
    return Accepted(vote, poll(poll_id))


@pytest.mark.parametrize("order", ORDERS)
def test_the_last_of_a_voters_votes_is_kept_in_any_order(order: tuple[int, ...]) -> None:
    votes = [accepted(9, option="choice-a"), accepted(10, option="choice-b"), accepted(11, option="choice-a")]
    (ballot,) = fold([votes[position] for position in order], retention_days=0)
    assert (ballot.version, ballot.option, ballot.arrived_at) == (version_of("11"), "choice-a", 1_011)


@pytest.mark.parametrize("order", ORDERS)
def test_a_retry_starts_at_the_voters_first_vote_of_the_batch(order: tuple[int, ...]) -> None:
    votes = [accepted(9), accepted(10), accepted(11)]
    (ballot,) = fold([votes[position] for position in order], retention_days=0)
    assert ballot.oldest_version == version_of("9")


def test_voters_and_polls_are_kept_apart() -> None:
    votes = [accepted(1), accepted(2, voter="voter-2"), accepted(3, poll_id="poll-2")]
    assert len(fold(votes, retention_days=0)) == 3


def test_a_row_has_the_bucket_of_its_voter() -> None:
    (ballot,) = fold([accepted(1)], retention_days=0)
    assert ballot.key == (poll_bucket("poll-1", bucket_of("voter-1", 4)), "voter-1")


def test_a_vote_expires_in_whole_seconds_some_days_after_its_poll_closes() -> None:
    (ballot,) = fold([accepted(1)], retention_days=2)
    assert ballot.expires_at == 1_700_000_000 + 2 * 86_400


def test_a_vote_never_expires_without_a_retention_time() -> None:
    (ballot,) = fold([accepted(1)], retention_days=0)
    assert ballot.expires_at is None
