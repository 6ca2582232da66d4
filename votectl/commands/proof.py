"""`votectl tally`, `audit` and `ledger`: the proofs of a result."""

import time
from typing import Annotated

import typer

from votectl import deployment as deployments
from votectl import display
from votectl.auditing import audit as take_audit
from votectl.auditing import audit_fields, audit_tables, sample_checks
from votectl.commands.common import Environment, JsonOption, OutputOption, chosen, find, reported
from votectl.commands.common import app as new_app
from votectl.counts import CountReader
from votectl.errors import OperatorError, command
from votectl.ledger import take
from votectl.pack.publishing import Publication
from votectl.pack.store import PackStore
from votectl.polls import PollStore
from votectl.results import TALLY_STARTS_WITHIN_MS
from votectl.sampling import SampleReader, audit_sample
from votectl.tallying import Tallies, certificate_fields, final_card, watch
from votectl.terminal import Output, console, emit_fields
from votectl.times import relative, show_moment
from voting.tallies import FINAL

app = new_app()
PollId = Annotated[str, typer.Argument(metavar="POLL", help="The poll's id.")]


@app.command()
@reported
def tally(
    poll_id: PollId,
    recount: Annotated[
        bool, typer.Option("--recount", help="Count a final poll again, beside its final result.")
    ] = False,
    acknowledge_dropped: Annotated[
        bool,
        typer.Option(
            "--acknowledge-dropped",
            help="Certify although records were lost: the certificate then records it, with --by and --reason.",
        ),
    ] = False,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who acknowledges.")] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why the result holds.")] = "",
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Make a poll's result final now, or watch the tally that does so."""
    if acknowledge_dropped != bool(by and reason) or bool(by) != bool(reason):
        raise OperatorError("--acknowledge-dropped, --by NAME and --reason TEXT belong together")
    deployment = find(environment)
    poll_store, tallies = PollStore(deployment.polls_table), Tallies(deployment)
    poll, now = poll_store.get(poll_id), poll_store.now_ms()
    if poll.cancelled_at is not None:
        raise OperatorError(f"poll {poll_id!r} was cancelled: it has no result")
    if now < poll.closes_at:
        raise OperatorError(
            f"poll {poll_id!r} closes {relative(poll.closes_at, now)}, at {show_moment(poll.closes_at)}, and its tally "
            f"starts by itself then: to close it now, use {command('poll close', poll_id)}"
        )
    final = tallies.final(poll_id)
    if acknowledge_dropped:
        if final is not None and not recount:
            raise OperatorError(f"poll {poll_id!r} is final: there is nothing to acknowledge any more")
        tallies.acknowledge(poll_id, by, reason, now)
    agrees = True
    publication = Publication(deployment, poll_id)
    # A tally of a final poll releases lanes that an interrupted one still holds, and publishes a missing pack.
    if recount or final is None or tallies.holds_lanes(poll_id) or publication.is_missing():
        # Progress is for people: it goes to stderr, apart from the data.
        screen = console(stderr=True)
        late = final is None and now > poll.closes_at + TALLY_STARTS_WITHIN_MS
        if late and not tallies.has_scheduled(poll_id):
            screen.print(
                f"closed {relative(poll.closes_at, now)}, and the poll's schedule has started no tally: EventBridge "
                "Scheduler does not fire here, or its role may not start the state machine. Starting one now",
                style="yellow",
                soft_wrap=True,
            )
        end = watch(tallies, poll_id, tallies.start(poll_id, recount=recount), screen)
        certified = end.output or {}
        agrees = bool(certified.get("agrees", True))
        final = tallies.final(poll_id, str(certified.get("entry", FINAL)))
    if final is not None:
        recounts = () if recount else tallies.recounts(poll_id)
        card = final_card(poll, final, "Recount" if recount else "Final result", recounts)
        emit_fields(chosen(output, as_json), [card], certificate_fields(final))
        if any(later.votes != final.votes for later in recounts):
            console(stderr=True).print(
                f"a recount contradicts this result: see {command('audit', poll_id)}",
                style="red",
                soft_wrap=True,
            )
        if sentence := publication.sentence():
            console(stderr=True).print(sentence, soft_wrap=True, highlight=False)
    if not agrees:
        raise OperatorError("this recount differs from the final result: see `votectl audit`")


@app.command()
@reported
def ledger(
    poll_id: PollId,
    settle: Annotated[
        int, typer.Option(min=0, help="Seconds to wait for consumers before a gap is reported.")
    ] = 30,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Show that no record of a poll is missing: received = accepted + rejected, accepted >= voters."""
    deployment = find(environment)
    poll, reader = PollStore(deployment.polls_table).get(poll_id), CountReader(deployment)
    deadline = time.monotonic() + settle
    entry = take(poll, reader)
    while not entry.conserved and time.monotonic() < deadline:
        time.sleep(1)  # the consumers run independently: one may be ahead of the other
        entry = take(poll, reader)
    emit_fields(chosen(output, as_json), [display.ledger(entry)], entry.as_fields())
    if not entry.conserved:
        raise typer.Exit(1)


@app.command()
@reported
def audit(
    poll_id: PollId,
    sample: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Also compare N stored votes of a final poll with the stream, and N of its records with stored votes.",
        ),
    ] = None,
    seed: Annotated[
        str | None,
        typer.Option(help="Chooses the samples: a text that nobody knew before the result was published."),
    ] = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Count the stored votes again, from here, and compare them with live and final result."""
    if (sample is None) != (seed is None):
        raise OperatorError(
            "--sample and --seed belong together, such as --sample 1000 --seed 'dice: 4 2 6 6 1'"
        )
    deployment = find(environment)
    poll_store = PollStore(deployment.polls_table)
    poll = poll_store.get(poll_id)
    result = take_audit(poll, CountReader(deployment), Tallies(deployment))
    if sample is not None and seed is not None:
        if result.final is None:
            raise OperatorError(f"poll {poll_id!r} has no final result yet: only final results are sampled")
        store = PackStore(deployment)
        reader = SampleReader(deployment)
        taken = audit_sample(
            poll, store.pages(poll), store.key_of(poll_id), reader, seed, sample, poll_store.now_ms()
        )
        result = result.with_findings(sample_checks(taken))
    emit_fields(chosen(output, as_json), audit_tables(result), audit_fields(result))
    if not result.clean:
        raise typer.Exit(1)
