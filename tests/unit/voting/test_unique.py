from collections import Counter

from voting.tallies import UNIQUE_PREFIX, unique_entry
from voting.unique import UniqueCounts

type Row = dict[str, dict[str, str]]


def row(bucket: int, started_at: int | None = None, **options: int) -> Row:
    counted: Row = {} if started_at is None else {"started_at": {"N": str(started_at)}}
    return {
        "entry": {"S": unique_entry(bucket)},
        **counted,
        **{f"option#{option}": {"N": str(votes)} for option, votes in options.items()},
    }


def leased(row: Row) -> Row:
    return row | {"lease": {"S": "mine"}, "lease_until": {"N": "99"}}


def test_buckets_are_summed_and_the_oldest_gives_the_time() -> None:
    counts = UniqueCounts.of([row(0, 7, a=1, b=2), row(1, 5, b=3), row(2, 9)], 3)
    assert counts == (Counter(a=1, b=5), 5)
    assert counts is not None
    assert counts.voters == 6


def test_no_number_exists_until_each_bucket_has_been_counted() -> None:
    assert UniqueCounts.of([], 1) is None
    assert UniqueCounts.of([row(0, 7, a=1)], 2) is None
    assert UniqueCounts.of([row(0, 7, a=1), leased(row(1))], 2) is None


def test_a_bucket_that_is_being_counted_again_shows_its_last_count() -> None:
    assert UniqueCounts.of([leased(row(0, 7, a=1))], 1) == (Counter(a=1), 7)


def test_rows_are_sorted_by_bucket() -> None:
    entries = [unique_entry(bucket) for bucket in range(1000)]
    assert entries == sorted(entries)
    assert all(entry.startswith(UNIQUE_PREFIX) for entry in entries)
