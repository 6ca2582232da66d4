"""`votectl redrive`, `doctor`, `smoke` and `demo`: check a deployment, and repair it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from votectl import deployment as deployments
from votectl.commands.common import Client, Environment, JsonOption, OutputOption, chosen, find, reported
from votectl.commands.common import app as new_app
from votectl.errors import OperatorError
from votectl.terminal import Output, console, emit

if TYPE_CHECKING:
    from votectl.doctor.findings import Finding, Health

app = new_app()


@app.command()
@reported
def demo(
    voters: Annotated[int, typer.Option(min=10, help="Number of voters.")] = 1000,
    seed: Annotated[int | None, typer.Option(help="The same seed sends the same votes.")] = None,
    client: Client = None,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Send votes of every kind to two new polls, and compare the results with what was sent."""
    from votectl import demo as demonstration

    if not demonstration.run(find(environment), voters, seed, console(), client):
        raise typer.Exit(1)


@app.command()
@reported
def smoke(client: Client = None, environment: Environment = deployments.LOCAL) -> None:
    """Take a small poll from its creation to its final result; fail if the API answers anything else."""
    from votectl import smoke as smoke_test

    screen = console()
    if not smoke_test.run(find(environment), screen, client):
        raise OperatorError(
            f"environment {environment!r} does not work as it should: see the marked rows above"
        )
    screen.print("The platform works, from a vote to a final result.", style="green")


@app.command()
@reported
def redrive(
    dry_run: Annotated[
        bool, typer.Option("--list", help="Only list the waiting batches; change nothing.")
    ] = False,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Store the votes of batches that outlived their retries. Safe to repeat, at any time."""
    from rich.console import RenderableType
    from rich.progress import track

    from votectl import display
    from votectl.redrive import FailureDestination, Warnings, writer_like
    from votectl.redrive import redrive as bring_back

    output = chosen(output, as_json)
    if output is not Output.TABLE and not dry_run:
        raise OperatorError("--output json and csv only list batches: add --list")
    deployment = find(environment)
    destinations = {
        bucket: FailureDestination(bucket)
        for bucket in (deployment.vote_writer_failure_bucket, deployment.vote_aggregator_failure_bucket)
    }
    batches = {bucket: list(destination.batches()) for bucket, destination in destinations.items()}
    waiting = batches[deployment.vote_writer_failure_bucket]
    rows = [
        (bucket, *display.failed_batch_row(batch)) for bucket, found in batches.items() for batch in found
    ]
    screen = console()
    picture: list[RenderableType] = [
        display.failed_batches(found, bucket) for bucket, found in batches.items() if found
    ]
    if not waiting:
        picture.insert(0, f"No batch waits in {deployment.vote_writer_failure_bucket}.")
    if batches[deployment.vote_aggregator_failure_bucket]:
        warning = (
            "Live counts will never have the aggregator's records; stored votes and the final result do."
        )
        picture.append(Text(warning, style="yellow"))
    columns = ("bucket", *display.FAILED_BATCH_COLUMNS)
    emit(output, picture, [dict(zip(columns, row, strict=True)) for row in rows], columns, rows)
    if dry_run or not waiting:
        return
    warnings = Warnings()
    runtime = writer_like(deployment, warnings)
    writer_failures = destinations[deployment.vote_writer_failure_bucket]
    done = bring_back(writer_failures, track(waiting, "redriving", console=screen), runtime)
    screen.print(f"{done.batches} batches with {done.records:,} records settled")
    for message in warnings.messages:
        screen.print(message, style="yellow")
    for batch in done.waiting:
        screen.print(Text("still waiting, run again later: ", style="yellow"), batch.info.place, sep="")
    for batch in done.lost:
        lost = Text("LOST: past the stream's retention, without payload: ", style="red bold")
        screen.print(lost, batch.info.place, sep="")
    if done.waiting or done.lost:
        raise typer.Exit(1)


@app.command()
@reported
def doctor(
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Check a deployment from the outside; report what is wrong and what to do."""
    from votectl.doctor.checks import examine
    from votectl.doctor.findings import Health

    deployments.aim(environment)
    _show_findings("doctor", environment, examine(environment), chosen(output, as_json), {Health.WRONG})


@app.command()
@reported
def preflight(
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Check before a first apply that the account's quotas suffice for the tfvars."""
    from votectl.doctor import checks
    from votectl.doctor.findings import Health

    deployments.aim(environment)
    findings = checks.preflight(environment)
    bad = {Health.WARNING, Health.WRONG}
    _show_findings("preflight", environment, findings, chosen(output, as_json), bad)


def _show_findings(
    command: str, environment: str, findings: "Sequence[Finding]", output: Output, bad: "set[Health]"
) -> None:
    """Write findings, and exit with 1 if the worst of them is bad."""
    from votectl.doctor import screen
    from votectl.doctor.findings import worst

    documents = [finding.as_document() for finding in findings]
    columns = tuple(documents[0])
    emit(
        output,
        [screen.table(environment, findings, command), screen.summary(findings)],
        documents,
        columns,
        [tuple(document.values()) for document in documents],
    )
    if worst(findings) in bad:
        raise typer.Exit(1)
