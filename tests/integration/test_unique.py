"""Unique rows on the fake and on an independent DynamoDB: who holds a lease, and what a pass leaves."""

from collections import Counter

from integration.conftest import Store
from results_api.store import TallyTable
from unique_counter.passes import BucketState, Lease
from unique_counter.store import UniqueRowTable
from unit.results_api.conftest import a_poll
from voting.final import cancelled_row
from voting.unique import UniqueCounts

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
