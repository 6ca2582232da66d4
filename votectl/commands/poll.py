"""`votectl poll`: create, show, change, close and withdraw polls."""

from typing import Annotated, Any

import typer
from pydantic import ValidationError

from votectl import deployment as deployments
from votectl import display, lifecycle, links
from votectl.codes.register import CodeRegister
from votectl.commands.common import (
    Environment,
    JsonOption,
    OutputOption,
    YesOption,
    chosen,
    complain,
    confirm,
    find,
    reported,
)
from votectl.commands.common import app as new_app
from votectl.counts import CountReader
from votectl.errors import OperatorError, command, problem_of
from votectl.polls import PollStore
from votectl.results import ResultReader
from votectl.tallying import Tallies
from votectl.terminal import Output, console, emit, emit_fields
from votectl.times import parse_moment
from voting.polls import Option, Poll, Visibility
from voting.settings import VoterAuth

app = new_app("Create, show, change, close and withdraw polls.")

PollId = Annotated[str, typer.Argument(metavar="POLL", help="The poll's id.")]
Version = Annotated[int | None, typer.Option(help="Only if the poll is at this version (see `poll show`).")]


@app.command("create")
@reported
def create_poll(
    poll_id: Annotated[str, typer.Argument(metavar="POLL", help="The poll's id: 1-64 of a-z, 0-9, -.")],
    option: Annotated[list[str], typer.Option(help="An answer, ID or ID=LABEL; give at least two.")],
    closes: Annotated[str, typer.Option(help="+10m from now, or 2026-11-28T20:15+01:00.")],
    title: Annotated[str | None, typer.Option(help="Title for people; the id if left out.")] = None,
    opens: Annotated[str | None, typer.Option(help="Like --closes; as soon as possible if left out.")] = None,
    visibility: Annotated[Visibility, typer.Option(help="Who may see counts before the final.")] = (
        Visibility.ALWAYS
    ),
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Create a poll, and schedule its tally for its end."""
    options = [parse_option(text) for text in option]
    deployment = find(environment)
    poll_store = PollStore(deployment.polls_table)
    now = poll_store.now_ms()
    draft = poll_store.draft(
        poll_id,
        poll_id if title is None else title,
        options,
        None if opens is None else parse_moment(opens, now),
        parse_moment(closes, now),
        visibility,
    )
    lifecycle.must_be_unused(Tallies(deployment), poll_id)
    poll = lifecycle.create(poll_store, lifecycle.Schedules(deployment), draft)
    output = chosen(output, as_json)
    show(deployment, poll, now, output)
    if output is Output.TABLE and deployment.voter_auth is VoterAuth.CODES:
        example = command("codes create", poll_id, options="--count 100")
        console().print(f"People vote with codes. Make some with {example}.")
    elif output is Output.TABLE and deployment.voter_auth in {VoterAuth.NONE, VoterAuth.IAM}:
        from votectl.credentials import for_voters_of
        from votectl.demo import commands

        commands(deployment, for_voters_of(deployment), poll, console())


@app.command("edit")
@reported
def edit_poll(
    poll_id: PollId,
    title: Annotated[str | None, typer.Option(help="What people read.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="An option's new label, ID=LABEL.")] = None,
    opens: Annotated[str | None, typer.Option(help="+10m from now, or ISO 8601 with an offset.")] = None,
    closes: Annotated[str | None, typer.Option(help="Like --opens.")] = None,
    visibility: Annotated[
        Visibility | None, typer.Option(help="Who may see counts before the final.")
    ] = None,
    version: Version = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Change a poll. Title, labels and times freeze when it closes."""
    pairs = [parse_label(text) for text in label or []]
    labels = dict(pairs)
    if len(labels) < len(pairs):
        raise OperatorError("two --label name the same option")
    deployment = find(environment)
    poll_store = PollStore(deployment.polls_table)
    seen, now = seen_poll(poll_store, poll_id, version), poll_store.now_ms()
    if unknown := labels.keys() - seen.option_ids:
        raise OperatorError(
            f"poll {poll_id!r} has no option {', '.join(map(repr, sorted(unknown)))}: it has "
            f"{', '.join(option.id for option in seen.options)}"
        )
    given: dict[str, Any] = {
        "title": title,
        "opens_at": None if opens is None else parse_moment(opens, now),
        "closes_at": None if closes is None else parse_moment(closes, now),
        "visibility": visibility,
        "options": labels
        and tuple(
            option.model_copy(update={"label": labels.get(option.id, option.label)})
            for option in seen.options
        ),
    }
    changes = {name: value for name, value in given.items() if value not in (None, {})}
    poll = lifecycle.edit(poll_store, lifecycle.Schedules(deployment), deployment, seen, **changes)
    show(deployment, poll, now, chosen(output, as_json))
    if "closes_at" in changes and deployment.voter_auth is VoterAuth.CODES:
        warn_of_codes(CodeRegister(deployment.polls_table), poll)


@app.command("close")
@reported
def close_poll(
    poll_id: PollId,
    at: Annotated[
        str | None, typer.Option(help="+30s from now, or ISO 8601; as soon as possible if left out.")
    ] = None,
    version: Version = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Close a poll early: a few seconds from now, when every consumer knows of it."""
    deployment = find(environment)
    poll_store = PollStore(deployment.polls_table)
    seen, now = seen_poll(poll_store, poll_id, version), poll_store.now_ms()
    moment = None if at is None else parse_moment(at, now)
    poll = lifecycle.close(poll_store, lifecycle.Schedules(deployment), deployment, seen, moment)
    show(deployment, poll, now, chosen(output, as_json))


@app.command("cancel")
@reported
def cancel_poll(
    poll_id: PollId,
    yes: YesOption = False,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Withdraw a poll permanently: results say `cancelled`, votes stop counting, and it never gets a final result."""
    deployment = find(environment)
    poll_store, tallies = PollStore(deployment.polls_table), Tallies(deployment)
    seen = poll_store.get(poll_id)
    if tallies.final_or_cancelled(poll_id) is not None:
        raise OperatorError(f"poll {poll_id!r} is final: a certified result cannot be withdrawn")
    confirm(f"Cancel poll {poll_id} permanently?", yes=yes)
    poll = lifecycle.cancel(poll_store, lifecycle.Schedules(deployment), tallies, deployment, seen)
    show(deployment, poll, poll_store.now_ms(), chosen(output, as_json))


@app.command("delete")
@reported
def delete_poll(
    poll_id: PollId, yes: YesOption = False, environment: Environment = deployments.LOCAL
) -> None:
    """Delete a poll that has not opened yet. One that has opened can be cancelled."""
    deployment = find(environment)
    poll_store, schedules = PollStore(deployment.polls_table), lifecycle.Schedules(deployment)
    seen = poll_store.find(poll_id)
    if seen is None:
        # An earlier try may have deleted the poll and not its schedule.
        if not schedules.delete(poll_id):
            raise OperatorError(f"there is no poll {poll_id!r}: `votectl poll list` shows them all")
    else:
        confirm(f"Delete poll {poll_id}?", yes=yes)
        lifecycle.delete(poll_store, schedules, CountReader(deployment), deployment, seen)
    console().print(f"Poll {poll_id} is deleted.")


@app.command("list")
@reported
def list_polls(
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """List all polls, the one that closes last first."""
    deployment = find(environment)
    poll_store = PollStore(deployment.polls_table)
    polls, unreadable = poll_store.list_all()
    now = poll_store.now_ms()
    listed = list(zip(polls, ResultReader(deployment).statuses(polls, now), strict=True))
    emit(
        chosen(output, as_json),
        [display.poll_table(listed, now)],
        [display.poll_fields(poll, status) for poll, status in listed],
        display.POLL_COLUMNS,
        [display.poll_row(poll, status) for poll, status in listed],
    )
    for row in unreadable:
        complain(f"the row {row.poll_id!r} of the polls table is not a poll: {row.problem}")
    if unreadable:
        raise typer.Exit(1)


@app.command("show")
@reported
def show_poll(
    poll_id: PollId,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Show everything about a poll."""
    deployment = find(environment)
    poll_store = PollStore(deployment.polls_table)
    show(deployment, poll_store.get(poll_id), poll_store.now_ms(), chosen(output, as_json))


def show(deployment: deployments.Deployment, poll: Poll, now_ms: int, output: Output) -> None:
    """Write a poll, and the addresses of its pages, in the chosen format."""
    status = ResultReader(deployment).status(poll, now_ms)
    if output is Output.CSV:
        emit(output, (), None, display.POLL_COLUMNS, [display.poll_row(poll, status)])
        return
    fields = display.poll_fields(poll, status) | {"links": links.links(deployment, poll.poll_id)}
    emit_fields(output, [display.poll_card(poll, status, now_ms)], fields)
    if output is Output.TABLE:
        links.show(deployment, poll.poll_id, console())


def warn_of_codes(register: CodeRegister, poll: Poll) -> None:
    """Warn of codes that can't vote until the end of a poll."""
    early = [
        name
        for name, batch in register.batches(poll.poll_id).items()
        if batch.voided_at is None and batch.expires_at < poll.closes_at
    ]
    if early:
        console(stderr=True).print(
            f"warning: codes of {', '.join(early)} expire before the poll ends, see "
            f"{command('codes list', poll.poll_id)}: move the end to an earlier time, or hand out new codes",
            style="yellow",
            soft_wrap=True,
        )


def seen_poll(poll_store: PollStore, poll_id: str, version: int | None) -> Poll:
    """Return a poll at the version that the operator has seen.

    Raises:
        OperatorError: it is at another version now.
    """
    poll = poll_store.get(poll_id)
    if version is not None and poll.version != version:
        raise OperatorError(
            f"poll {poll_id!r} is at version {poll.version}, not {version}: another operator has edited it; "
            f"see {command('poll show', poll_id)}"
        )
    return poll


def parse_option(text: str) -> Option:
    """Return the option in ``ID`` or ``ID=LABEL``.

    Raises:
        OperatorError: it is invalid.
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
        example = f"{text}=Soup"
        raise OperatorError(
            f"--label {text!r} has no label: write ID=LABEL, for example {example}", examples=[example]
        )
    return identifier, label
