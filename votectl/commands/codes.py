"""`votectl codes`: codes for voters without accounts, on cards or in letters."""

from pathlib import Path
from typing import Annotated

import typer

from votectl import deployment as deployments
from votectl import display
from votectl.codes import issuing
from votectl.codes.files import Render, csv_of
from votectl.codes.minting import new_batch_id
from votectl.codes.register import CodeRegister, unknown_batch
from votectl.codes.wording import Language, Paper
from votectl.commands.common import (
    Environment,
    JsonOption,
    OutputOption,
    YesOption,
    chosen,
    confirm,
    find,
    reported,
)
from votectl.commands.common import app as new_app
from votectl.polls import PollStore
from votectl.terminal import Output, console, emit, emit_fields
from votectl.times import parse_moment

app = new_app("Make, list and void codes for voters without accounts.")

PollId = Annotated[str, typer.Argument(metavar="POLL", help="The poll's id.")]


@app.command("create")
@reported
def create_codes(
    poll_id: PollId,
    count: Annotated[
        int, typer.Option(min=1, max=issuing.MOST_CODES, help="How many codes; one code is one voter.")
    ],
    expires: Annotated[
        str | None, typer.Option(help="+2d from now, or ISO 8601; a day after the poll's end if left out.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="A note on the batch, for `codes list`.")] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the files.")] = Path(),
    sheet: Annotated[bool, typer.Option(help="Also write the cards as PDF.")] = True,
    paper: Annotated[Paper, typer.Option(help="Paper of the cards.")] = Paper.A4,
    language: Annotated[Language, typer.Option(help="Language of the cards.")] = Language.EN,
    font: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A TrueType font for the cards, for scripts that DejaVu lacks."),
    ] = None,
    page: Annotated[
        str | None, typer.Option(metavar="URL", help="Where people vote, if not on the deployment's page.")
    ] = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Make a batch of codes, as CSV for a mail merge and as cards with QR codes to print."""
    deployment = find(environment)
    issuer = issuing.issuer_of(deployment)
    poll_store = PollStore(deployment.polls_table)
    poll, now = poll_store.get(poll_id), poll_store.now_ms()
    batch = issuing.batch_for(poll, now, count, None if expires is None else parse_moment(expires, now), note)
    page = issuing.page_of(deployment, page)
    batch_id = new_batch_id()
    stem = out / f"codes-{poll_id}-{batch_id}"
    renders: dict[Path, Render] = {stem.with_name(f"{stem.name}.csv"): csv_of}
    if sheet:
        from votectl.codes.sheet import SheetText, renderer

        text = SheetText(poll.title, batch_id, language)
        renders[stem.with_name(f"{stem.name}.pdf")] = renderer(count, text, paper, font)
    order = issuing.BatchOrder(issuer.terms(poll_id, batch_id, batch), batch, page, renders)
    with display.counted("signing codes", count) as progress:
        issuing.issue(order, CodeRegister(deployment.polls_table), issuer.sign, progress)
    fields = display.batch_fields(batch_id, batch) | {"files": [str(path) for path in renders]}
    output = chosen(output, as_json)
    emit_fields(output, [display.batch_card(poll_id, batch_id, batch, list(renders), now)], fields)
    if output is Output.TABLE:
        console().print(
            "Keep these files like passwords: anyone who has a code can vote with it. docs/codes.md says how to hand "
            "them out."
        )


@app.command("list")
@reported
def list_codes(
    poll_id: PollId,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """List a poll's batches of codes, the oldest first. The codes themselves are stored nowhere."""
    deployment = find(environment)
    poll_store = PollStore(deployment.polls_table)
    poll_store.get(poll_id)
    batches = CodeRegister(deployment.polls_table).batches(poll_id)
    now = poll_store.now_ms()
    emit(
        chosen(output, as_json),
        [display.batch_table(poll_id, batches, now)],
        [display.batch_fields(name, batch) for name, batch in batches.items()],
        display.BATCH_COLUMNS,
        [display.batch_row(name, batch) for name, batch in batches.items()],
    )


@app.command("void")
@reported
def void_codes(
    poll_id: PollId,
    batch_id: Annotated[str, typer.Argument(metavar="BATCH", help="The batch, as `codes list` shows it.")],
    yes: YesOption = False,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Void a batch permanently: within 30 s its codes can't vote any more. Stored votes stay."""
    deployment = find(environment)
    poll_store, register = PollStore(deployment.polls_table), CodeRegister(deployment.polls_table)
    poll_store.get(poll_id)
    seen = register.batches(poll_id).get(batch_id)
    if seen is None:
        raise unknown_batch(poll_id, batch_id)
    if seen.voided_at is None:
        confirm(f"Void the {seen.count:,} codes of batch {batch_id} permanently?", yes=yes)
    batch = register.void(poll_id, batch_id, poll_store.now_ms())
    emit_fields(
        chosen(output, as_json),
        [
            f"Batch {batch_id} is void: within 30 s its {batch.count:,} codes can't vote any more. Votes that are "
            "stored stay."
        ],
        display.batch_fields(batch_id, batch),
    )
