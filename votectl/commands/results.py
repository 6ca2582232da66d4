"""`votectl results`: the results of a poll."""

import time
from typing import Annotated

import typer

from votectl import deployment as deployments
from votectl.commands.common import Environment, JsonOption, OutputOption, chosen, find, reported
from votectl.commands.common import app as new_app
from votectl.errors import OperatorError
from votectl.results import CSV_COLUMNS, ResultReader, as_document, as_picture, csv_rows
from votectl.terminal import LivePicture, Output, as_csv, as_json, console, write

app = new_app()


@app.command()
@reported
def results(
    poll_id: Annotated[str, typer.Argument(metavar="POLL", help="The poll's id.")],
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep the table up to date until the final.")
    ] = False,
    output: OutputOption = Output.TABLE,
    json_output: JsonOption = False,
    excel: Annotated[
        bool,
        typer.Option("--excel", help="CSV for spreadsheets: a byte order mark, and no cell is a formula."),
    ] = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Show a poll's results, hidden counts included."""
    output = chosen(output, json_output)
    if watch and output is not Output.TABLE:
        raise OperatorError("--watch draws a table: leave it out for JSON and CSV")
    if excel and output is not Output.CSV:
        raise OperatorError("--excel applies to CSV only: add --output csv")
    reader = ResultReader(find(environment))
    result, now_ms = reader.read(poll_id)
    match output:
        case Output.JSON:
            write(as_json(as_document(result)))
        case Output.CSV:
            write(as_csv(CSV_COLUMNS, csv_rows(result), excel=excel))
        case Output.TABLE if not watch:
            console().print(as_picture(result, now_ms))
        case Output.TABLE:
            _watch(reader, poll_id)


def _watch(reader: ResultReader, poll_id: str) -> None:
    result, now_ms = reader.read(poll_id)
    with LivePicture(as_picture(result, now_ms), console=console(), auto_refresh=False) as live:
        while not result.stage.is_over:
            time.sleep(1)
            result, now_ms = reader.read(poll_id)
            live.update(as_picture(result, now_ms), refresh=True)
