"""`votectl export` and `verify`: results packs."""

from pathlib import Path
from typing import Annotated

import typer

from results_pack import verify_pack
from votectl import deployment as deployments
from votectl.commands.common import Environment, find, reported
from votectl.commands.common import app as new_app
from votectl.pack.exporting import export as export_pack
from votectl.pack.exporting import pack_card
from votectl.pack.store import PackStore
from votectl.polls import PollStore
from votectl.tallying import Tallies

app = new_app()


@app.command()
@reported
def export(
    poll_id: Annotated[str, typer.Argument(metavar="POLL", help="The poll's id.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the pack; results-pack-POLL if left out.")
    ] = None,
    environment: Environment = deployments.LOCAL,
) -> None:
    """Write a final poll's results pack: its certificate, signed, and one anonymous line per stored vote."""
    deployment = find(environment)
    poll = PollStore(deployment.polls_table).get(poll_id)
    pack = export_pack(
        poll, Tallies(deployment), PackStore(deployment), out or Path(f"results-pack-{poll_id}")
    )
    typer.echo(pack_card(pack))


@app.command()
def verify(
    pack: Annotated[Path, typer.Argument(metavar="PACK", help="Folder of a results pack.")],
    key_fingerprint: Annotated[
        str | None, typer.Option(help="The fingerprint that the organiser published.")
    ] = None,
    opening: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A voter's opening: find the voter's line.")
    ] = None,
) -> None:
    """Verify a results pack. It needs no deployment and no network."""
    options = {"--key-fingerprint": key_fingerprint, "--opening": opening}
    given = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    raise typer.Exit(verify_pack.main([str(pack), *given]))
