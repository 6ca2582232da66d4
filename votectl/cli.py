"""The commands. Each parses, calls one function, and shows what it returned."""

import functools
import json
import os
import sys
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
from votectl import smoke as smoke_test
from votectl.auditing import audit as take_audit
from votectl.auditing import audit_tables
from votectl.counts import CountReader
from votectl.credentials import for_voters_of
from votectl.doctor import checks, screen
from votectl.doctor.checks import examine
from votectl.doctor.findings import Health, worst
from votectl.errors import OperatorError, problem_of
from votectl.ledger import take
from votectl.lifecycle import Schedules
from votectl.lifecycle import cancel as cancel_for_good
from votectl.lifecycle import close as close_early
from votectl.lifecycle import create as create_with_schedule
from votectl.lifecycle import delete as delete_unopened
from votectl.lifecycle import edit as edit_like
from votectl.polls import PollDesk
from votectl.redrive import FailureDestination, Warnings, writer_like
from votectl.redrive import redrive as bring_back
from votectl.results import Output, ResultReader, as_picture, as_text
from votectl.sizing.cli import app as sizing_app
from votectl.tallying import Tallies, final_card, watch
from votectl.times import parse_moment, show_moment
from voting.errors import VotestreamError
from voting.polls import Option, Poll, Visibility
from voting.settings import VoterAuth
from voting.tallies import FINAL

app = typer.Typer(no_args_is_help=True)
poll_app = typer.Typer(no_args_is_help=True, help="Create polls and look at them.")
app.add_typer(poll_app, name="poll")
app.add_typer(sizing_app)  # plan, simulate and calibrate, beside the others

console = Console()

ENVIRONMENT_VARIABLE = "VOTECTL_ENVIRONMENT"
Environment = Annotated[
    str,
    typer.Option("--environment", "-e", envvar=ENVIRONMENT_VARIABLE, help="Which deployment to work on."),
]

Client = Annotated[
    str | None,
    typer.Option(help="Whose key votes carry, where api.clients has any; the first by name if left out"),
]


@app.callback()
def before_the_command(
    environment: Annotated[
        str | None,
        typer.Option("--environment", "-e", help="Which deployment to work on; after the command, too."),
    ] = None,
) -> None:
    """Run polls on a Votestream deployment."""
    if environment is not None:
        os.environ[ENVIRONMENT_VARIABLE] = environment  # where every command looks, its own option aside


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
        except VotestreamError as error:
            problem = f"a function's own code refused: {error}"
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
    """Create a poll, and schedule its tally for its end."""
    target = find(environment)
    desk = PollDesk(target.polls_table)
    now = desk.now_ms()
    draft = desk.draft(
        poll_id,
        poll_id if title is None else title,
        [parse_option(text) for text in option],
        None if opens is None else parse_moment(opens, now),
        parse_moment(closes, now),
        visibility,
    )
    poll = create_with_schedule(desk, Schedules(target), draft)
    console.print(display.poll_card(poll))
    if target.voter_auth is not VoterAuth.COGNITO:
        demonstration.invite(target, for_voters_of(target), poll, console)


@poll_app.command("edit")
@reported
def edit_poll(
    poll_id: str,
    title: Annotated[str | None, typer.Option(help="What people read")] = None,
    label: Annotated[list[str] | None, typer.Option(help="An option's new label, ID=LABEL")] = None,
    opens: Annotated[str | None, typer.Option(help="+10m from now, or ISO 8601 with an offset")] = None,
    closes: Annotated[str | None, typer.Option(help="Like --opens")] = None,
    visibility: Annotated[Visibility | None, typer.Option(help="Who may see counts before the final")] = None,
    version: Annotated[
        int | None, typer.Option(help="Only if the poll is at this version, as `poll show` told it")
    ] = None,
    environment: Environment = deployment.LOCAL,
) -> None:
    """Change a poll. Its times only while the old and the new one lie ahead for every consumer."""
    target = find(environment)
    desk = PollDesk(target.polls_table)
    seen, now = seen_poll(desk, poll_id, version), desk.now_ms()
    labels = dict(parse_label(text) for text in label or [])
    if unknown := labels.keys() - seen.option_ids:
        raise OperatorError(f"poll {poll_id!r} has no option {', '.join(sorted(unknown))}")
    given = {
        "title": title,
        "opens_at": None if opens is None else parse_moment(opens, now),
        "closes_at": None if closes is None else parse_moment(closes, now),
        "visibility": visibility,
        "options": tuple(
            option.model_copy(update={"label": labels.get(option.id, option.label)})
            for option in seen.options
        ),
    }
    changes = {name: value for name, value in given.items() if value is not None}
    console.print(display.poll_card(edit_like(desk, Schedules(target), target, seen, **changes)))


@poll_app.command("close")
@reported
def close_poll(
    poll_id: str,
    at: Annotated[
        str | None, typer.Option(help="+30s from now, or ISO 8601; as soon as possible if left out")
    ] = None,
    version: Annotated[int | None, typer.Option(help="Only if the poll is at this version")] = None,
    environment: Environment = deployment.LOCAL,
) -> None:
    """Close a poll early: a little in the future, when every consumer knows of it."""
    target = find(environment)
    desk = PollDesk(target.polls_table)
    seen = seen_poll(desk, poll_id, version)
    moment = None if at is None else parse_moment(at, desk.now_ms())
    console.print(display.poll_card(close_early(desk, Schedules(target), target, seen, moment)))


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking")]


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that can't be taken back.

    Raises:
        OperatorError: nobody can be asked, and ``--yes`` is missing.
        typer.Abort: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise OperatorError("this can't be taken back and there is no terminal to ask in: add --yes to do it")
    typer.confirm(question, abort=True)


@poll_app.command("cancel")
@reported
def cancel_poll(poll_id: str, yes: Yes = False, environment: Environment = deployment.LOCAL) -> None:
    """Withdraw a poll that is not final: results say `cancelled`, votes stop counting, it is never certified."""
    target = find(environment)
    desk, tallies = PollDesk(target.polls_table), Tallies(target)
    seen = desk.get(poll_id)
    if tallies.final_or_cancelled(poll_id) is not None:
        raise OperatorError(f"poll {poll_id!r} is final: a certified result is not withdrawn any more")
    confirm(f"Cancel poll {poll_id} for good?", yes=yes)
    console.print(display.poll_card(cancel_for_good(desk, Schedules(target), tallies, target, seen)))


@poll_app.command("delete")
@reported
def delete_poll(poll_id: str, yes: Yes = False, environment: Environment = deployment.LOCAL) -> None:
    """Delete a poll that has not opened yet; one that has opened can be cancelled."""
    target = find(environment)
    desk, schedules = PollDesk(target.polls_table), Schedules(target)
    seen = desk.find(poll_id)
    if seen is None:
        # An earlier try may have deleted the poll and not its schedule.
        if not schedules.delete(poll_id):
            raise OperatorError(f"there is no poll {poll_id!r}: `votectl poll list` shows them all")
    else:
        confirm(f"Delete poll {poll_id}?", yes=yes)
        delete_unopened(desk, schedules, CountReader(target), target, seen)
    console.print(f"Poll {poll_id} is deleted.", markup=False, highlight=False)


@poll_app.command("list")
@reported
def list_polls(environment: Environment = deployment.LOCAL) -> None:
    """List all polls, the one that closes last first."""
    polls, unreadable = PollDesk(find(environment).polls_table).list_all()
    console.print(display.poll_table(polls))
    if unreadable:
        rows = "; ".join(f"{row.poll_id!r} ({row.problem})" for row in unreadable)
        raise OperatorError(f"these rows of the polls table are not polls: {rows}")


@poll_app.command("show")
@reported
def show_poll(poll_id: str, environment: Environment = deployment.LOCAL) -> None:
    """Show everything about a poll."""
    console.print(display.poll_card(PollDesk(find(environment).polls_table).get(poll_id)))


@app.command()
@reported
def results(
    poll_id: str,
    watch: Annotated[bool, typer.Option("--watch", help="Keep the table up to date until the final")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="How it is written")] = Output.TABLE,
    environment: Environment = deployment.LOCAL,
) -> None:
    """Show how a poll stands, hidden counts included."""
    if watch and output is not Output.TABLE:
        raise OperatorError("--watch draws a table: leave it out for JSON and CSV")
    reader = ResultReader(find(environment))
    result = reader.read(poll_id)
    if output is not Output.TABLE:
        typer.echo(as_text(result, output), nl=output is Output.JSON)
        return
    if not watch:
        console.print(as_picture(result))
        return
    with Live(as_picture(result), console=console, auto_refresh=False) as live:
        try:
            while result.stage.final is None:
                time.sleep(1)
                result = reader.read(poll_id)
                live.update(as_picture(result), refresh=True)
        except KeyboardInterrupt:
            return


@app.command()
@reported
def demo(
    voters: Annotated[int, typer.Option(min=10, help="How many voters take part")] = 1000,
    seed: Annotated[int | None, typer.Option(help="The same seed sends the same votes")] = None,
    client: Client = None,
    environment: Environment = deployment.LOCAL,
) -> None:
    """Send votes of every kind to two new polls and hold the results against what was sent."""
    if not demonstration.run(find(environment), voters, seed, console, client):
        raise typer.Exit(1)


@app.command()
@reported
def smoke(client: Client = None, environment: Environment = deployment.LOCAL) -> None:
    """Take a small poll from its creation to its final result, and fail if the API answers anything else."""
    if not smoke_test.run(find(environment), console, client):
        raise OperatorError(
            f"environment {environment!r} does not do what it should: see the rows marked above"
        )
    console.print("[green]The platform works, from a vote to a final result.[/green]")


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
    if waiting:
        console.print(display.failed_batches(waiting, target.vote_writer_failure_bucket))
    else:
        console.print(f"Nothing waits in {target.vote_writer_failure_bucket}.")
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


@app.command()
@reported
def tally(
    poll_id: str,
    recount: Annotated[
        bool, typer.Option("--recount", help="Count a final poll once more, beside its final result")
    ] = False,
    environment: Environment = deployment.LOCAL,
) -> None:
    """Make a poll's result final now, or watch the tally that does so already."""
    target = find(environment)
    desk, tallies = PollDesk(target.polls_table), Tallies(target)
    poll = desk.get(poll_id)
    if desk.now_ms() < poll.closes_at:
        raise OperatorError(
            f"poll {poll_id!r} closes at {show_moment(poll.closes_at)} and is tallied by itself then: "
            f"to close it now, use `votectl poll close {poll_id}`"
        )
    final = tallies.final(poll_id)
    agrees = True
    if recount or final is None:
        end = watch(tallies, poll_id, tallies.start(poll_id, recount=recount), console)
        certified = end.output or {}
        agrees = bool(certified.get("agrees", True))
        final = tallies.final(poll_id, str(certified.get("entry", FINAL)))
    if final is not None:
        console.print(final_card(poll, final, "Recount" if recount else "Final result"))
    if not agrees:
        raise OperatorError("this recount differs from the final result: see `votectl audit`")


@app.command()
@reported
def audit(poll_id: str, environment: Environment = deployment.LOCAL) -> None:
    """Count the stored votes once more from here, and hold them against live and final result."""
    target = find(environment)
    poll = PollDesk(target.polls_table).get(poll_id)
    result = take_audit(poll, CountReader(target), Tallies(target))
    for table in audit_tables(result):
        console.print(table)
    if not result.clean:
        raise typer.Exit(1)


@app.command()
@reported
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found for a script")] = False,
    environment: Environment = deployment.LOCAL,
) -> None:
    """Check a deployment from the outside, and say what is wrong and what to do."""
    deployment.aim(environment)
    findings = examine(environment)
    if as_json:
        typer.echo(json.dumps([finding.as_document() for finding in findings], indent=2))
    else:
        console.print(screen.table(environment, findings), screen.summary(findings))
    if worst(findings) is Health.WRONG:
        raise typer.Exit(1)


@app.command()
@reported
def preflight(environment: Environment = deployment.LOCAL) -> None:
    """Check before a first apply that the account's quotas suffice for the tfvars."""
    deployment.aim(environment)
    findings = checks.preflight(environment)
    console.print(screen.table(environment, findings, "preflight"), screen.summary(findings))
    if worst(findings) in {Health.WARNING, Health.WRONG}:
        raise typer.Exit(1)


def seen_poll(desk: PollDesk, poll_id: str, version: int | None) -> Poll:
    """Return a poll as the operator has seen it.

    Raises:
        OperatorError: it is at another version now.
    """
    poll = desk.get(poll_id)
    if version is not None and poll.version != version:
        raise OperatorError(
            f"poll {poll_id!r} is at version {poll.version}, not {version}: somebody has edited it; "
            f"see `votectl poll show {poll_id}`"
        )
    return poll


def parse_option(text: str) -> Option:
    """Return the option in ``ID`` or ``ID=LABEL``.

    Raises:
        OperatorError: it is not possible.
    """
    identifier, equals, label = text.partition("=")
    try:
        return Option(id=identifier, label=label if equals else identifier)
    except ValidationError as error:
        raise OperatorError(f"--option {text!r}: {problem_of(error)}") from None


def parse_label(text: str) -> tuple[str, str]:
    """Return option id and new label in ``ID=LABEL``.

    Raises:
        OperatorError: there is no ``=``.
    """
    identifier, equals, label = text.partition("=")
    if not equals:
        raise OperatorError(f"--label {text!r} has no label: write it as ID=LABEL, for example {text}=Soup")
    return identifier, label
