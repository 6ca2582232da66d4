"""Tables and bars for the terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

from votectl.ledger import Ledger
from votectl.redrive import FailedBatch
from votectl.times import show_moment
from voting.live import LiveCounts
from voting.polls import Poll

BAR_WIDTH = 30


def poll_table(polls: Sequence[Poll]) -> Table:
    """Return one line per poll."""
    table = Table(title="Polls")
    table.add_column("poll", no_wrap=True)  # it is what one types next
    for heading in ("title", "options", "opens", "closes", "visibility"):
        table.add_column(heading)
    for poll in polls:
        table.add_row(
            poll.poll_id,
            poll.title,
            ", ".join(option.id for option in poll.options),
            show_moment(poll.opens_at),
            show_moment(poll.closes_at),
            poll.visibility.value,
        )
    return table


def poll_card(poll: Poll) -> Table:
    """Return everything about one poll."""
    table = Table(title=f"Poll {poll.poll_id}", show_header=False)
    table.add_row("title", poll.title)
    table.add_row("announced", show_moment(poll.announced_at))
    table.add_row("opens", show_moment(poll.opens_at))
    table.add_row("closes", show_moment(poll.closes_at))
    if poll.cancelled_at is not None:
        table.add_row("cancelled", show_moment(poll.cancelled_at))
    table.add_row("visibility", poll.visibility.value)
    table.add_row("buckets", str(poll.bucket_count))
    table.add_row("version", str(poll.version))
    for option in poll.options:
        table.add_row(f"option {option.id}", option.label)
    return table


def live_result(poll: Poll, counts: LiveCounts) -> RenderableType:
    """Return a poll's live counts as bars."""
    table = Table(title=f"{poll.title} ({poll.poll_id}), live", title_justify="left")
    table.add_column("option")
    table.add_column("votes", justify="right")
    table.add_column("share", justify="right")
    table.add_column("", width=BAR_WIDTH)
    for option in poll.options:
        votes = counts.options[option.id]
        share = votes / counts.total if counts.total else 0
        bar = ProgressBar(total=1, completed=share, width=BAR_WIDTH)
        table.add_row(option.label, f"{votes:,}", f"{share:.1%}", bar)
    as_of = "nothing counted yet"
    if counts.as_of is not None:
        as_of = "as of " + datetime.fromtimestamp(counts.as_of / 1000, UTC).strftime("%H:%M:%S.%f")[:-3] + "Z"
    refused = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.rejected.items()))
    return Group(table, f"{counts.total:,} accepted; rejected: {refused or 'none'}; {as_of}")


def failed_batches(batches: Sequence[FailedBatch], bucket: str) -> Table:
    """Return one line per failed batch that waits in a failure destination."""
    table = Table("shard", "records", "from sequence", "to sequence", "arrived", "payload", title=bucket)
    for batch in batches:
        info = batch.info
        held = "kept" if batch.records is not None else "in the stream only"
        arrived = f"{info.arrived_from} to {info.arrived_to}"
        table.add_row(info.shard, str(info.size), info.first, info.last, arrived, held)
    return table


def ledger(entry: Ledger) -> Table:
    """Return a poll's ledger, the way it adds up."""
    table = Table(title=f"Ledger of {entry.poll_id}", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("records received", f"{entry.received:,}")
    table.add_row("accepted", f"{entry.accepted:,}")
    for reason, count in sorted(entry.rejected.items()):
        table.add_row(f"rejected: {reason}", f"{count:,}")
    table.add_row("neither (must be 0)", f"{entry.unexplained:,}", style="red" if entry.unexplained else None)
    table.add_section()
    table.add_row("voters with a stored vote", f"{entry.voters:,}")
    table.add_row(
        "changes of mind and repeats (must not be negative)",
        f"{entry.repeated:,}",
        style="red" if entry.repeated < 0 else None,
    )
    return table
