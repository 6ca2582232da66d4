"""Unique rows on the fake and on an independent DynamoDB: who holds a lease, and what a pass leaves."""

from collections import Counter

import pytest

import unique_counter.handler
from integration.conftest import Store
from results_api.store import TallyTable
from unique_counter.passes import BucketState, Lease
from unique_counter.store import UniqueRowTable
from unit.results_api.conftest import a_poll
from votectl.deployment import Deployment
from votectl.polls import to_row
from voting.final import cancelled_row
from voting.polls import bucket_of, poll_bucket
from voting.unique import UniqueCounts
from voting_aws.clients import SLOWEST_CALL_MS

POLL = "poll-1"


def lease(name: str, from_ms: int, until_ms: int = 2_000, due_ms: int = 10_000) -> Lease:
    return Lease(name, from_ms, until_ms, due_ms)


def test_one_pass_holds_a_bucket_until_it_ends_or_its_lease_expires(store: Store) -> None:
    rows = UniqueRowTable(store.client, store.tallies)
    assert rows.begin(POLL, 0, lease("one", 1_000))
    assert rows.begin(POLL, 0, lease("one", 1_000)), "a call whose answer was lost is made again"
    assert not rows.begin(POLL, 0, lease("two", 2_000))
    assert rows.buckets(POLL) == {0: BucketState(None, 2_000)}
    assert rows.begin(POLL, 0, lease("two", 2_001, 3_000))
    assert not rows.end(POLL, 0, lease("one", 1_000), UniqueCounts(Counter(a=1), 1_000))
    assert rows.end(POLL, 0, lease("two", 2_001), UniqueCounts(Counter(a=2), 2_001))
    assert not rows.end(POLL, 0, lease("two", 2_001), UniqueCounts(Counter(a=3), 2_001)), "it is given back"
    assert rows.buckets(POLL) == {0: BucketState(UniqueCounts(Counter(a=2), 2_001), None)}


def test_a_bucket_is_counted_again_only_when_it_is_due(store: Store) -> None:
    rows = UniqueRowTable(store.client, store.tallies)
    assert rows.begin(POLL, 0, lease("one", 1_000))
    assert rows.end(POLL, 0, lease("one", 1_000), UniqueCounts(Counter(a=1, b=1), 1_000))
    assert not rows.begin(POLL, 0, lease("two", 1_500, due_ms=1_000))
    assert rows.begin(POLL, 0, lease("two", 1_500, due_ms=1_001))
    # While it is counted again, the last count stays; then an option without voters is gone.
    assert rows.buckets(POLL)[0].counted == UniqueCounts(Counter(a=1, b=1), 1_000)
    assert rows.end(POLL, 0, lease("two", 1_500), UniqueCounts(Counter(a=2), 1_500))
    assert rows.buckets(POLL)[0].counted == UniqueCounts(Counter(a=2), 1_500)


def test_the_results_api_sums_what_the_counter_wrote(store: Store) -> None:
    rows, poll = UniqueRowTable(store.client, store.tallies), a_poll(bucket_count=2)
    tallies = TallyTable(store.client, store.tallies)
    for bucket in range(2):
        assert tallies.live(poll)[1] is None
        assert rows.begin(POLL, bucket, lease("one", 1_000 + bucket))
        assert rows.end(POLL, bucket, lease("one", 0), UniqueCounts(Counter({"choice-a": 2}), 1_000 + bucket))
    live, unique = tallies.live(poll)
    assert live.received == 0
    assert unique == UniqueCounts(Counter({"choice-a": 4}), 1_000)


def test_a_poll_is_over_when_it_is_final_or_cancelled(store: Store) -> None:
    rows = UniqueRowTable(store.client, store.tallies)
    assert not rows.is_over(POLL)
    store.client.put_item(TableName=store.tallies, Item=cancelled_row(POLL, 1))
    assert rows.is_over(POLL)


class ShortLived:
    """Lambda's context with time for some hundred calls, because the clock here is a real one."""

    def __init__(self) -> None:
        self._left = iter(range(SLOWEST_CALL_MS + 4_000, 0, -10))

    def get_remaining_time_in_millis(self) -> int:
        return next(self._left, 0)


def test_an_invocation_counts_the_stored_votes(
    deployment: Deployment, tables_in_ministack: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function as Lambda runs it: settings, clients and handler."""
    settings = {
        "ENVIRONMENT": "test",
        "LOG_LEVEL": "INFO",
        "MAX_READS_PER_SECOND": "1000",
        "POLLS_TABLE": deployment.polls_table,
        "REFRESH_SECONDS": "3600",
        "SCHEDULE_GROUP": "unused",
        "TALLIES_TABLE": deployment.tallies_table,
        "VOTES_TABLE": deployment.votes_table,
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"VOTESTREAM_{name}", value)
    client, poll = tables_in_ministack.client, a_poll(bucket_count=3)
    client.put_item(TableName=deployment.polls_table, Item=to_row(poll))
    for number in range(30):
        voter = f"voter-{number}"
        row = {
            "poll_bucket": poll_bucket(poll.poll_id, bucket_of(voter, 3)),
            "voter": voter,
            "option": "choice-a" if number % 3 else "choice-b",
        }
        item = {name: {"S": value} for name, value in row.items()}
        client.put_item(TableName=deployment.votes_table, Item=item)
    unique_counter.handler.runtime.cache_clear()
    unique_counter.handler.lambda_handler({"poll_id": poll.poll_id}, ShortLived())
    unique_counter.handler.runtime.cache_clear()
    _, unique = TallyTable(client, deployment.tallies_table).live(poll)
    assert unique is not None
    assert unique.options == {"choice-a": 20, "choice-b": 10}
