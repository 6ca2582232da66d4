"""The commands of `votectl`, by their modules. To add a command, add a line here and the module."""

import os
from typing import Annotated

import typer

from scripts.bootstrap import process
from votectl.lazy import Lazy, group_of

ENVIRONMENT_VARIABLE = "VOTECTL_ENVIRONMENT"

COMMANDS = {
    "poll": Lazy("votectl.commands.poll", "Create, show, change, close and withdraw polls."),
    "codes": Lazy("votectl.commands.codes", "Make, list and void codes for voters without accounts."),
    "results": Lazy("votectl.commands.results", "Show a poll's results, hidden counts included."),
    "tally": Lazy(
        "votectl.commands.proof", "Make a poll's result final now, or watch the tally that does so."
    ),
    "audit": Lazy(
        "votectl.commands.proof", "Count the stored votes again, and compare them with the result."
    ),
    "export": Lazy("votectl.commands.pack", "Write a final poll's results pack, which anyone can verify."),
    "verify": Lazy("votectl.commands.pack", "Verify a results pack, without a deployment."),
    "ledger": Lazy("votectl.commands.proof", "Show that no record of a poll is missing."),
    "redrive": Lazy("votectl.commands.operate", "Store the votes of batches that outlived their retries."),
    "doctor": Lazy("votectl.commands.operate", "Check a deployment from the outside, and say what to do."),
    "preflight": Lazy("votectl.commands.operate", "Check the account's quotas before a first apply."),
    "smoke": Lazy("votectl.commands.operate", "Take a small poll from its creation to its final result."),
    "demo": Lazy(
        "votectl.commands.operate", "Send votes of every kind to two new polls, and check the results."
    ),
    "plan": Lazy("votectl.sizing.cli", "Choose stream, tables and functions for an event, and price them."),
    "idle": Lazy("votectl.sizing.cli", "Price a month of an environment in which nobody votes."),
    "simulate": Lazy("votectl.sizing.cli", "Take an event through a deployment that is not built."),
    "calibrate": Lazy("votectl.sizing.cli", "Measure how long the functions take, batch size by batch size."),
    "rehearse": Lazy("votectl.sizing.cli", "Send a small event, and compare the run with its simulation."),
}

app = typer.Typer(
    cls=group_of(COMMANDS),
    no_args_is_help=True,
    rich_markup_mode=None,  # errors quote the user's input, which must not be read as markup
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"votectl {version('votestream')}")
        raise typer.Exit


@app.callback()
def before_the_command(
    environment: Annotated[
        str | None,
        typer.Option("--environment", "-e", help="Which deployment to work on; after the command, too."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback ends the program
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Run polls on a Votestream deployment."""
    if environment is not None:
        os.environ[ENVIRONMENT_VARIABLE] = environment  # the default of every command's own option


if __name__ == "__main__":
    process.run("votectl.cli:app")
