"""A poll's result for the operator: like the API's, with hidden counts."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

import boto3
from rich.console import Group, RenderableType
from rich.text import Text

from results_api.answers import CSV_COLUMNS, result_document, result_rows
from results_api.results import Result, Status, are_visible, result_of, stage_of
from results_api.store import TallyTable
from votectl.deployment import Deployment
from votectl.display import as_of, bars
from votectl.errors import OperatorError, command
from votectl.polls import PollStore
from votectl.tallying import recounted
from votectl.times import iso_utc, relative, show_moment
from voting.errors import VotestreamError
from voting.final import CANCELLED_AT
from voting.polls import Poll, Visibility
from voting.tallies import FINAL

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["CSV_COLUMNS", "ResultReader", "as_document", "as_picture", "csv_rows"]

# A schedule fires within a minute of its time; the first step takes seconds.
TALLY_STARTS_WITHIN_MS = 120_000
# BatchGetItem's limit.
MOST_KEYS = 100


class ResultReader:
    """Reads results of one deployment as its API does, strongly consistently and by the cloud's time."""

    def __init__(self, deployment: Deployment, client: "DynamoDBClient | None" = None) -> None:
        """Take the deployment, and a client (None: create one)."""
        self._client = client or boto3.client("dynamodb")
        self._poll_store = PollStore(deployment.polls_table, client)
        self._tallies_table = deployment.tallies_table
        self._tallies = TallyTable(self._client, deployment.tallies_table)

    def status(self, poll: Poll, now_ms: int) -> Status:
        """Return a poll's status.

        Raises:
            VotestreamError: its tallies can't be read.
        """
        return stage_of(poll, self._tallies, now_ms).status

    def statuses(self, polls: Sequence[Poll], now_ms: int) -> Sequence[Status]:
        """Return each poll's status; certificates are read for a hundred polls at once."""
        over = [poll.poll_id for poll in polls if now_ms >= poll.closes_at and poll.cancelled_at is None]
        settled = self.settled(over)
        return [settled.get(poll.poll_id) or self.status(poll, now_ms) for poll in polls]

    def settled(self, poll_ids: Sequence[str]) -> Mapping[str, Status]:
        """Return the status of the polls that have a certificate, or a tombstone in its place."""
        settled: dict[str, Status] = {}
        for batch in batched(poll_ids, MOST_KEYS, strict=False):
            asked: Any = {
                self._tallies_table: {
                    "Keys": [{"poll_id": {"S": poll_id}, "entry": {"S": FINAL}} for poll_id in batch],
                    "ProjectionExpression": f"poll_id, {CANCELLED_AT}",
                    "ConsistentRead": True,
                }
            }
            while asked:
                answer = self._client.batch_get_item(RequestItems=asked)
                for row in answer["Responses"].get(self._tallies_table, []):
                    settled[row["poll_id"]["S"]] = Status.CANCELLED if CANCELLED_AT in row else Status.FINAL
                asked = answer.get("UnprocessedKeys")
        return settled

    def read(self, poll_id: str) -> tuple[Result, int]:
        """Return a poll's result with hidden counts, and the cloud's time (epoch ms).

        Raises:
            OperatorError: there is no such poll, or it can't be read.
        """
        poll, now_ms = self._poll_store.get(poll_id), self._poll_store.now_ms()
        try:
            return result_of(poll, self._tallies, now_ms, show_hidden=True), now_ms
        except VotestreamError as error:
            raise OperatorError(f"the result of poll {poll_id!r} can't be read: {error}") from None


def as_document(result: Result) -> dict[str, Any]:
    """Return a result for programs: the API's answer, with nothing hidden."""
    return result_document(result)


def csv_rows(result: Result) -> Iterator[tuple[object, ...]]:
    """Yield the API's lines of CSV, with the columns ``CSV_COLUMNS``; times are ISO 8601."""
    for row in result_rows(result):
        yield tuple(
            iso_utc(value) if column in ("as_of", "counted_at") and isinstance(value, int) else value
            for column, value in zip(CSV_COLUMNS, row, strict=True)
        )


def as_picture(result: Result, now_ms: int) -> RenderableType:
    """Return a result for the terminal: bars, and below them the numbers behind them."""
    poll, (status, final), counts = result.poll, result.stage, result.counts
    assert counts is not None  # noqa: S101 - nothing is hidden from the operator
    unique = None if final is not None else result.unique
    shown = bars(
        f"{poll.title} ({poll.poll_id}), {status}",
        [(line.label, line.votes) for line in counts.options],
        counts.total,
        unique and [line.votes for line in unique.options],
    )
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.rejected.items())) or "none"
    if final is None:
        basis = (
            f"{counts.total:,} votes received, repeated votes included; rejected: {rejected}; "
            f"{as_of(counts.as_of)}"
        )
        if unique is not None:
            basis += f"\n{unique.voters:,} voters counted once, as of {show_moment(unique.counted_at)}"
    else:
        basis = (
            f"{final.voters:,} voters, one vote each; {final.live.repeated:,} changes of mind and repeats; "
            f"rejected: {rejected}; certified {show_moment(final.certified_at)}\nSHA-256 {final.digest}"
        )
    lines: list[RenderableType] = [shown, basis]
    for recount in result.recounts:
        assert final is not None  # noqa: S101 - there is no recount without a final result
        agrees = recount.votes == final.votes
        lines.append(Text(f"recount {recounted(final, recount)}", style="" if agrees else "red"))
    if any(final is not None and recount.votes != final.votes for recount in result.recounts):
        lines.append(Text(f"See {command('audit', poll.poll_id)}.", style="red"))
    match status:
        case Status.SCHEDULED:
            lines.append(f"opens {relative(poll.opens_at, now_ms)}, at {show_moment(poll.opens_at)}")
        case Status.OPEN:
            lines.append(f"closes {relative(poll.closes_at, now_ms)}, at {show_moment(poll.closes_at)}")
        case Status.CLOSING if now_ms > poll.closes_at + TALLY_STARTS_WITHIN_MS:
            late = (
                f"closed {relative(poll.closes_at, now_ms)}, and no tally has started: the schedule may not have "
                f"fired; start the tally with {command('tally', poll.poll_id)}"
            )
            lines.append(Text(late, style="yellow"))
        case Status.CANCELLED:
            lines.append(Text("Cancelled: only operators see these counts.", style="yellow"))
    if status is not Status.CANCELLED and not are_visible(poll.visibility, status):
        until = "it is final" if poll.visibility is Visibility.NEVER else "it has closed"
        lines.append(
            Text(f"Hidden from viewers until {until} (visibility {poll.visibility}).", style="yellow")
        )
    return Group(*lines)
