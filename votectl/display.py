"""Tables for the terminal, and the same data as fields and rows for programs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from results_api.results import Status
from votectl.codes.register import CodeBatch
from votectl.ledger import Ledger
from votectl.redrive import FailedBatch
from votectl.terminal import console, literal, table
from votectl.times import iso_utc, relative, show_moment
from voting.live import LiveCounts
from voting.polls import Poll

BAR_WIDTH = 30

POLL_COLUMNS = (
    "poll_id",
    "status",
    "title",
    "options",
    "opens_at",
    "closes_at",
    "cancelled_at",
    "visibility",
    "version",
)
BATCH_COLUMNS = ("batch", "count", "created_at", "expires_at", "voided_at", "note")
FAILED_BATCH_COLUMNS = ("shard", "records", "first", "last", "arrived_from", "arrived_to", "payload")


def moment(epoch_ms: int, now_ms: int) -> str:
    """Return a time for people, with its distance from now."""
    return f"{show_moment(epoch_ms)} ({relative(epoch_ms, now_ms)})"


def poll_table(polls: Sequence[tuple[Poll, Status]], now_ms: int) -> Table:
    """Return one line per poll, in 80 columns."""
    shown = table("poll", "status", "title", Column("when", no_wrap=True), title="Polls")
    for poll, status in polls:
        match status:
            case Status.SCHEDULED:
                when = f"opens {relative(poll.opens_at, now_ms)}"
            case Status.OPEN:
                when = f"closes {relative(poll.closes_at, now_ms)}"
            case Status.CANCELLED:
                when = ""
            case _:
                when = f"closed {relative(poll.closes_at, now_ms)}"
        shown.add_row(literal(poll.poll_id), status, literal(poll.title), when)
    return shown


def poll_row(poll: Poll, status: Status) -> tuple[object, ...]:
    """Return a poll as a row of CSV, with the columns ``POLL_COLUMNS``."""
    return (
        poll.poll_id,
        status.value,
        poll.title,
        " ".join(option.id for option in poll.options),
        iso_utc(poll.opens_at),
        iso_utc(poll.closes_at),
        None if poll.cancelled_at is None else iso_utc(poll.cancelled_at),
        poll.visibility.value,
        poll.version,
    )


def poll_fields(poll: Poll, status: Status) -> dict[str, Any]:
    """Return a poll as JSON's types. Times are epoch ms, as in the API."""
    return {**poll.model_dump(mode="json"), "status": status.value}


def poll_card(poll: Poll, status: Status, now_ms: int) -> Table:
    """Return everything about one poll."""
    card = table("", "", title=f"Poll {poll.poll_id}", header=False)
    card.add_row("title", literal(poll.title))
    card.add_row("status", status)
    card.add_row("announced", moment(poll.announced_at, now_ms))
    card.add_row("opens", moment(poll.opens_at, now_ms))
    card.add_row("closes", moment(poll.closes_at, now_ms))
    if poll.cancelled_at is not None:
        card.add_row("cancelled", moment(poll.cancelled_at, now_ms))
    card.add_row("visibility", poll.visibility.value)
    card.add_row("buckets", str(poll.bucket_count))
    card.add_row("version", str(poll.version))
    for option in poll.options:
        card.add_row(f"option {option.id}", literal(option.label))
    return card


def live_result(poll: Poll, counts: LiveCounts) -> RenderableType:
    """Return a poll's live counts as bars."""
    lines = [(option.label, counts.options[option.id]) for option in poll.options]
    shown = bars(f"{poll.title} ({poll.poll_id}), live", lines, counts.total)
    refused = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.rejected.items()))
    return Group(shown, f"{counts.total:,} accepted; rejected: {refused or 'none'}; {as_of(counts.as_of)}")


def bars(
    title: str,
    lines: Sequence[tuple[str, int]],
    total: int,
    voters: Sequence[int] | None = None,
) -> Table:
    """Return labels with their votes, shares and bars.

    With ``voters`` (one vote per voter, in the same order) shares and bars show voters, next to the received votes.
    """
    columns = ["votes"] if voters is None else ["votes received", "voters counted once"]
    shown = table(
        "option",
        *(Column(name, justify="right", no_wrap=True) for name in (*columns, "share")),
        Column("", max_width=BAR_WIDTH),
        title=title,
    )
    counted = [votes for _, votes in lines] if voters is None else voters
    whole = total if voters is None else sum(voters)
    for (label, votes), once in zip(lines, counted, strict=True):
        share = once / whole if whole else 0
        numbers = [f"{votes:,}"] if voters is None else [f"{votes:,}", f"{once:,}"]
        shown.add_row(literal(label), *numbers, f"{share:.1%}", ProgressBar(total=1, completed=share))
    return shown


def as_of(arrival: int | None) -> str:
    """Return the arrival time up to which votes are counted."""
    return "nothing counted yet" if arrival is None else f"as of {show_moment(arrival)}"


def failed_batches(batches: Sequence[FailedBatch], bucket: str) -> Table:
    """Return one line per failed batch in a failure destination."""
    shown = table("shard", "records", "from sequence", "to sequence", "arrived", "payload", title=bucket)
    for batch in batches:
        shard, records, first, last, arrived_from, arrived_to, payload = failed_batch_row(batch)
        shown.add_row(shard, str(records), first, last, f"{arrived_from} to {arrived_to}", payload)
    return shown


def failed_batch_row(batch: FailedBatch) -> tuple[Any, ...]:
    """Return a failed batch as a row, with the columns ``FAILED_BATCH_COLUMNS``."""
    info = batch.info
    held = "kept" if batch.records is not None else "in the stream only"
    return (info.shard, info.size, info.first, info.last, info.arrived_from, info.arrived_to, held)


def batch_table(poll_id: str, batches: Mapping[str, CodeBatch], now_ms: int) -> Table:
    """Return one line per batch of codes."""
    shown = table(
        "batch", Column("codes", justify="right"), "created", "state", "note", title=f"Codes of {poll_id}"
    )
    for name, batch in batches.items():
        state, style = batch_state(batch, now_ms)
        created = relative(batch.created_at, now_ms)
        shown.add_row(
            literal(name), f"{batch.count:,}", created, Text(state, style), literal(batch.note or "")
        )
    return shown


def batch_state(batch: CodeBatch, now_ms: int) -> tuple[str, str]:
    """Return whether a batch's codes can vote, in words, and the words' style."""
    if batch.voided_at is not None:
        return f"void since {show_moment(batch.voided_at)}", "red"
    if batch.expires_at <= now_ms:
        return f"expired {relative(batch.expires_at, now_ms)}", "yellow"
    return f"valid, expires {relative(batch.expires_at, now_ms)}", ""


def batch_row(batch_id: str, batch: CodeBatch) -> tuple[object, ...]:
    """Return a batch of codes as a row of CSV, with the columns ``BATCH_COLUMNS``."""
    voided = None if batch.voided_at is None else iso_utc(batch.voided_at)
    return (batch_id, batch.count, iso_utc(batch.created_at), iso_utc(batch.expires_at), voided, batch.note)


def batch_fields(batch_id: str, batch: CodeBatch) -> dict[str, Any]:
    """Return a batch of codes as JSON's types. Times are epoch ms, as in the API."""
    return {"batch": batch_id, **batch.model_dump(mode="json")}


def batch_card(poll_id: str, batch_id: str, batch: CodeBatch, files: Sequence[Path], now_ms: int) -> Table:
    """Return the facts of a new batch of codes, and the place of its files."""
    card = table("", "", title=f"Codes of {poll_id}", header=False)
    card.add_row("batch", batch_id)
    card.add_row("codes", f"{batch.count:,}")
    card.add_row("expire", moment(batch.expires_at, now_ms))
    if batch.note is not None:
        card.add_row("note", literal(batch.note))
    for file in files:
        card.add_row("cards" if file.suffix == ".pdf" else "list", literal(str(file)))
    return card


@contextmanager
def counted(what: str, total: int) -> Iterator[Callable[[Iterable[str]], Iterable[str]]]:
    """Return a function that shows how many of ``total`` items have passed it, in a terminal."""
    screen = console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as progress:
        yield lambda passing: progress.track(passing, total=total, description=what)


def ledger(entry: Ledger) -> Table:
    """Return a poll's ledger as a sum."""
    shown = table("", Column("", justify="right"), title=f"Ledger of {entry.poll_id}", header=False)
    shown.add_row("records received", f"{entry.received:,}")
    shown.add_row("accepted", f"{entry.accepted:,}")
    for reason, count in sorted(entry.rejected.items()):
        shown.add_row(f"rejected: {reason}", f"{count:,}")
    shown.add_row("neither (must be 0)", f"{entry.unexplained:,}", style="red" if entry.unexplained else None)
    shown.add_section()
    shown.add_row("voters with a stored vote", f"{entry.voters:,}")
    shown.add_row(
        "changes of mind and repeats (must not be negative)",
        f"{entry.repeated:,}",
        style="red" if entry.repeated < 0 else None,
    )
    return shown


def verdict(*, holds: bool, well: str, badly: str) -> Text:
    """Return one of two words, green or red."""
    return Text(well, style="green") if holds else Text(badly, style="red")
