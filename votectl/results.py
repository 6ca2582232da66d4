"""A poll's result for whoever runs it: the API's own reading of the tables, hidden counts included."""

import json
from datetime import UTC, datetime
from enum import StrEnum

import boto3
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from results_api.answers import result_csv, result_document
from results_api.results import Result, are_visible, result_of
from results_api.store import TallyTable
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.polls import PollDesk
from votectl.times import show_moment
from voting.errors import VotestreamError
from voting.polls import Visibility

BAR_WIDTH = 30


class Output(StrEnum):
    """How a result is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class ResultReader:
    """Reads results of one deployment as its API does, strongly consistently and by the cloud's time."""

    def __init__(self, deployment: Deployment) -> None:
        """Take the deployment."""
        self._desk = PollDesk(deployment.polls_table)
        self._tallies = TallyTable(boto3.client("dynamodb"), deployment.tallies_table)

    def read(self, poll_id: str) -> Result:
        """Return how a poll stands, whoever may see it.

        Raises:
            OperatorError: there is no such poll, or it can't be read.
        """
        poll, now_ms = self._desk.get(poll_id), self._desk.now_ms()
        try:
            return result_of(poll, self._tallies, now_ms, show_hidden=True)
        except VotestreamError as error:
            raise OperatorError(f"the result of poll {poll_id!r} can't be read: {error}") from None


def as_text(result: Result, output: Output) -> str:
    """Return a result for a script: what the API answers where nothing is hidden."""
    if output is Output.CSV:
        return result_csv(result)
    return json.dumps(result_document(result), ensure_ascii=False, indent=2)


def as_picture(result: Result) -> RenderableType:
    """Return a result for the terminal: bars, and below them what they rest on."""
    poll, (status, final), counts = result.poll, result.stage, result.counts
    assert counts is not None  # noqa: S101 - nothing is hidden from who runs the poll
    table = Table(title=f"{escape(poll.title)} ({poll.poll_id}), {status}", title_justify="left")
    table.add_column("option")
    table.add_column("votes", justify="right")
    table.add_column("share", justify="right")
    table.add_column("", width=BAR_WIDTH)
    for line in counts.options:
        share = line.votes / counts.total if counts.total else 0
        bar = ProgressBar(total=1, completed=share, width=BAR_WIDTH)
        table.add_row(escape(line.label), f"{line.votes:,}", f"{share:.1%}", bar)
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.rejected.items())) or "none"
    if final is None:
        basis = f"{counts.total:,} accepted, repeated votes included; rejected: {rejected}; {_as_of(counts.as_of)}"
    else:
        basis = (
            f"{final.voters:,} voters, one vote each; {final.live.repeated:,} changes of mind and repeats; "
            f"rejected: {rejected}; certified {show_moment(final.certified_at)}\nSHA-256 {final.digest}"
        )
    lines: list[RenderableType] = [table, basis]
    if not are_visible(poll.visibility, status):
        until = "it is final" if poll.visibility is Visibility.NEVER else "it has closed"
        lines.append(f"[yellow]Hidden from viewers until {until} (visibility {poll.visibility}).[/yellow]")
    return Group(*lines)


def _as_of(arrival: int | None) -> str:
    if arrival is None:
        return "nothing counted yet"
    return "as of " + datetime.fromtimestamp(arrival / 1000, UTC).strftime("%H:%M:%S.%f")[:-3] + "Z"
