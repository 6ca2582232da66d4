"""The commands. Each parses, calls one function, and shows what it returned."""

import functools
import time
from collections.abc import Callable
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError
from rich.console import Console
from rich.live import Live
from rich.progress import track

from votectl import demo as demonstration
from votectl import deployment, display
from votectl.counts import CountReader
from votectl.errors import OperatorError
from votectl.ledger import take
from votectl.moments import parse_moment
from votectl.polls import PollDesk
from votectl.redrive import FailureDestination, Warnings, writer_like
from votectl.redrive import redrive as bring_back
from voting.polls import Option, Visibility

app = typer.Typer(no_args_is_help=True, help="Run polls on a Votestream deployment.")
poll_app = typer.Typer(no_args_is_help=True, help="Create polls and look at them.")
app.add_typer(poll_app, name="poll")

console = Console()

Environment = Annotated[
    str,
    typer.Option("--environment", "-e", envvar="VOTECTL_ENVIRONMENT", help="Which deployment to work on."),
]


def reported[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Show errors that an operator can act on as one line, and exit with 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except OperatorError as error:
            problem = str(error)
        except (ClientError, BotoCoreError) as error:
            problem = f"the cloud refused: {error}"
        Console(stderr=True).print(f"[red]error:[/red] {problem}", highlight=False, soft_wrap=True)
        raise typer.Exit(1)

    return run


def find(environment: str) -> deployment.Deployment:
    """Return the deployment that a command works on."""
    deployment.aim(environment)
    return deployment.find(environment)


@poll_app.command("create")
@reported
def create_poll(
    poll_id: Annotated[str, typer.Argument(help="Its id in addresses: 1-64 of a-z, 0-9, -")],
    option: Annotated[list[str], typer.Option(help="An answer, ID or ID=LABEL; give at least two")],
    closes: Annotated[str, typer.Option(help="+10m from now, or 2026-11-28T20:15+01:00")],
    title: Annotated[str | None, typer.Option(help="What people read; the id if left out")] = None,
    opens: Annotated[str | None, typer.Option(help="Like --closes; as soon as possible if left out")] = None,
    visibility: Annotated[Visibility, typer.Option(help="Who may see counts before the final")] = (
        Visibility.ALWAYS
    ),
    environment: Environment = deployment.LOCAL,
) -> None:
    """Create a poll."""
    desk = PollDesk(find(environment).polls_table)
    now = desk.now_ms()
    poll = desk.create(
        poll_id,
        title or poll_id,
        [parse_option(text) for text in option],
        None if opens is None else parse_moment(opens, now),
        parse_moment(closes, now),
        visibility,
    )
    console.print(display.poll_card(poll))


@poll_app.command("list")
@reported
def list_polls(environment: Environment = deployment.LOCAL) -> None:
    """List all polls, the one that closes last first."""
    console.print(display.poll_table(PollDesk(find(environment).polls_table).list()))


@poll_app.command("show")
@reported
def show_poll(poll_id: str, environment: Environment = deployment.LOCAL) -> None:
    """Show everything about a poll."""
    console.print(display.poll_card(PollDesk(find(environment).polls_table).get(poll_id)))


@app.command()
@reported
def results(
    poll_id: str,
    watch: Annotated[bool, typer.Option("--watch", help="Keep the table up to date until Ctrl-C")] = False,
    environment: Environment = deployment.LOCAL,
) -> None:
    """Show a poll's live result."""
    target = find(environment)
    poll, reader = PollDesk(target.polls_table).get(poll_id), CountReader(target)
    if not watch:
        console.print(display.live_result(poll, reader.live(poll_id)))
        return
    with Live(console=console, auto_refresh=False) as live:
        try:
            while True:
                live.update(display.live_result(poll, reader.live(poll_id)), refresh=True)
                time.sleep(1)
        except KeyboardInterrupt:
            return


@app.command()
@reported
def demo(
    voters: Annotated[int, typer.Option(min=10, help="How many voters take part")] = 1000,
    seed: Annotated[int | None, typer.Option(help="The same seed sends the same votes")] = None,
    environment: Environment = deployment.LOCAL,
) -> None:
    """Send votes of every kind to two new polls and hold the results against what was sent."""
    if not demonstration.run(find(environment), voters, seed, console):
        raise typer.Exit(1)


@app.command()
@reported
def redrive(
    dry_run: Annotated[bool, typer.Option("--list", help="Only list what waits; change nothing")] = False,
    environment: Environment = deployment.LOCAL,
) -> None:
    """Store the votes of batches that outlived their retries. Safe to run twice and at any time."""
    target = find(environment)
    writer_failures = FailureDestination(target.vote_writer_failure_bucket)
    aggregator_failures = list(FailureDestination(target.vote_aggregator_failure_bucket).batches())
    waiting = list(writer_failures.batches())
    console.print(display.failed_batches(waiting, target.vote_writer_failure_bucket))
    if aggregator_failures:
        console.print(display.failed_batches(aggregator_failures, target.vote_aggregator_failure_bucket))
        console.print(
            "[yellow]Live counts lack these records for good; stored votes and the final do not.[/yellow]"
        )
    if dry_run or not waiting:
        return
    warnings = Warnings()
    runtime = writer_like(target, warnings)
    done = bring_back(writer_failures, track(waiting, "redriving", console=console), runtime)
    console.print(f"{done.batches} batches with {done.records:,} records settled")
    for message in warnings.messages:
        console.print(f"[yellow]{message}[/yellow]")
    for batch in done.waiting:
        console.print(f"[yellow]still waiting, run again later:[/yellow] {batch.info.place}")
    for batch in done.lost:
        console.print(
            f"[red bold]LOST: past the stream's retention, without payload:[/red bold] {batch.info.place}"
        )
    if done.waiting or done.lost:
        raise typer.Exit(1)


@app.command()
@reported
def ledger(
    poll_id: str,
    settle: Annotated[int, typer.Option(help="Seconds to wait for consumers before calling a gap one")] = 30,
    environment: Environment = deployment.LOCAL,
) -> None:
    """Show that no record of a poll is missing: received = accepted + rejected, accepted >= voters."""
    target = find(environment)
    poll, reader = PollDesk(target.polls_table).get(poll_id), CountReader(target)
    deadline = time.monotonic() + settle
    entry = take(poll, reader)
    while not entry.conserved and time.monotonic() < deadline:
        time.sleep(1)  # the two consumers run apart: what one has done, the other may not have done yet
        entry = take(poll, reader)
    console.print(display.ledger(entry))
    if not entry.conserved:
        raise typer.Exit(1)


def parse_option(text: str) -> Option:
    """Return the option in ``ID`` or ``ID=LABEL``."""
    identifier, _, label = text.partition("=")
    try:
        return Option(id=identifier, label=label or identifier)
    except ValidationError:
        raise OperatorError(
            f"option {identifier!r} is impossible: its id takes 1-64 of A-Z, a-z, 0-9, _ . - "
            "and its label at most 200 characters"
        ) from None
