"""Defects of the unique counter, built in by tests only. Its world must catch each."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

import unique_counter.passes
from unique_counter.passes import Lease
from unique_counter.store import UniqueRowTable
from voting.counting import Partial, VotePage, count_on
from voting.errors import StoreUnavailable
from voting.tallies import STARTED_AT
from voting.unique import UniqueCounts
from world.containers import TALLIES, VOTES
from world.defects import Defect
from world.dynamodb import FakeClient

UNIQUE_DEFECTS: dict[str, Defect] = {}


def defect(install: Defect) -> Defect:
    """Register a defect under its function's name."""
    UNIQUE_DEFECTS[install.__name__.replace("_", "-")] = install
    return install


def _without_condition(patch: pytest.MonkeyPatch, operation: str) -> None:
    """Remove the condition of a write to the tallies table."""
    original = getattr(FakeClient, operation)

    def write(client: FakeClient, **arguments: Any) -> Any:
        if arguments["TableName"] == TALLIES:
            arguments["ConditionExpression"] = None
            values = arguments["ExpressionAttributeValues"]
            used = arguments.get("UpdateExpression", "")
            arguments["ExpressionAttributeValues"] = {
                name: value for name, value in values.items() if name in used
            }
        return original(client, **arguments)

    patch.setattr(FakeClient, operation, write)


@defect
def a_bucket_has_no_lease(patch: pytest.MonkeyPatch) -> None:
    """An older pass that overlaps then overwrites a newer number."""
    _without_condition(patch, "update_item")
    _without_condition(patch, "put_item")


@defect
def a_pass_writes_after_its_lease_has_expired(patch: pytest.MonkeyPatch) -> None:
    """Another pass has started since, and may have ended."""
    _without_condition(patch, "put_item")


@defect
def votes_are_read_eventually_consistently(patch: pytest.MonkeyPatch) -> None:
    """A replica may lack votes that an earlier pass has read."""
    original = FakeClient.query

    def query(client: FakeClient, **arguments: Any) -> Any:
        if arguments["TableName"] == VOTES:
            arguments["ConsistentRead"] = False
        return original(client, **arguments)

    patch.setattr(FakeClient, "query", query)


@defect
def a_partial_count_is_written(patch: pytest.MonkeyPatch) -> None:
    """After throttling or a timeout, the partial count is written."""

    def count(*arguments: Any) -> bool:
        count_on(*arguments)
        return True

    patch.setattr(unique_counter.passes, "count_on", count)


@defect
def a_throttled_page_is_skipped(patch: pytest.MonkeyPatch) -> None:
    """The count ends there."""

    class Impatient:
        def __init__(self, votes: Any) -> None:
            self._votes = votes

        def page(self, poll_bucket: str, after: str | None) -> Any:
            try:
                return self._votes.page(poll_bucket, after)
            except StoreUnavailable:
                return VotePage(Partial().options, None)

    def count(partial: Partial, poll_bucket: str, votes: Any, *rest: Any) -> bool:
        return count_on(partial, poll_bucket, Impatient(votes), *rest)

    patch.setattr(unique_counter.passes, "count_on", count)


@defect
def a_pass_writes_its_time_when_it_begins(patch: pytest.MonkeyPatch) -> None:
    """The number of the last pass then has the time of an unfinished pass."""
    original = UniqueRowTable.begin

    def begin(table: UniqueRowTable, poll_id: str, bucket: int, lease: Lease) -> bool:
        held = original(table, poll_id, bucket, lease)
        client: Any = table._client
        for (owner, _), row in client._database.tables[TALLIES].rows.items():
            if held and owner == poll_id and row.get("lease") == {"S": lease.id} and STARTED_AT in row:
                row[STARTED_AT] = {"N": str(lease.from_ms)}
        return held

    patch.setattr(UniqueRowTable, "begin", begin)


@defect
def a_number_is_shown_before_each_bucket_was_counted(patch: pytest.MonkeyPatch) -> None:
    """It seems to include all voters."""
    original = UniqueCounts.of.__func__  # type: ignore[attr-defined]

    def of(cls: Any, rows: Iterable[Mapping[str, Mapping[str, str]]], _bucket_count: int) -> Any:
        found = [row for row in rows if STARTED_AT in row]
        return original(cls, found, 0) if found else None

    patch.setattr(UniqueCounts, "of", classmethod(of))
