"""The command line: `python -m localcloud up|down|status|env|logs`."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from localcloud import cloud
from localcloud.environment import environment, external_endpoint, running_settings, shell_lines
from localcloud.errors import LocalCloudError, StartFailedError
from localcloud.settings import CloudSettings, Emulator
from scripts.bootstrap import process

app = typer.Typer(add_completion=False, no_args_is_help=True, help="A cloud on this machine.")
# Paths, endpoints and messages are foreign text, so they are not read as markup or emoji codes.
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(highlight=False, soft_wrap=True, markup=False, emoji=False, stderr=True)


@app.command()
def up(
    emulator: Annotated[Emulator | None, typer.Option(help="The emulator of AWS [env: EMULATOR].")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="Port of everything except DynamoDB [env: LOCALCLOUD_PORT]."),
    ] = None,
    dynamodb_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Port of DynamoDB [env: LOCALCLOUD_DYNAMODB_PORT].")
    ] = None,
    state_bucket: Annotated[
        str | None,
        typer.Option(help="Bucket to create for Terraform's state [env: LOCALCLOUD_STATE_BUCKET]."),
    ] = None,
) -> None:
    """Start the local cloud, and wait until it is healthy. A running one stays unchanged."""
    with _plain_errors():
        if endpoint := external_endpoint():
            out.print(f"AWS_ENDPOINT_URL is {endpoint}: all tools use that endpoint, so nothing is started")
            return
        settings = CloudSettings.from_environment()
        settings = replace(
            settings,
            emulator=emulator or settings.emulator,
            port=port or settings.port,
            dynamodb_port=dynamodb_port or settings.dynamodb_port,
            state_bucket=state_bucket or settings.state_bucket,
        )
        started = time.monotonic()
        running, is_new = cloud.up(settings)
        where = running.endpoint_url + (
            f", DynamoDB at {running.dynamodb_endpoint_url}" if running.dynamodb_endpoint_url else ""
        )
        how = f"up after {time.monotonic() - started:.1f} s" if is_new else "up already"
        out.print(f"local cloud {how}: {where}")


@app.command()
def down() -> None:
    """Stop the local cloud and remove its data; the logs stay."""
    with _plain_errors():
        if endpoint := external_endpoint():
            out.print(f"AWS_ENDPOINT_URL is {endpoint}: nothing was started, nothing is stopped")
        elif cloud.down(CloudSettings.from_environment()):
            out.print("local cloud stopped")
        else:
            out.print("no local cloud is running")


@app.command()
def status() -> None:
    """Show the local cloud's parts and function processes; exit with 1 unless all parts are healthy."""
    with _plain_errors():
        if endpoint := external_endpoint():
            out.print(f"AWS_ENDPOINT_URL is {endpoint}: not a cloud that was started here")
            return
        settings = CloudSettings.from_environment()
        parts = cloud.status(settings)
        table = Table(
            *(Column(name, overflow="fold") for name in ("part", "state", "pid", "address")), box=None
        )
        for part in parts:
            state = "healthy" if part.healthy else "not healthy" if part.running else "not running"
            table.add_row(part.name, state, str(part.pid or ""), part.address)
        for name, pid in cloud.function_pids(settings).items():
            table.add_row(name, "function", str(pid), "")
        out.print(table)
        if not all(part.healthy for part in parts):
            raise typer.Exit(1)


@app.command()
def env() -> None:
    """Print the variables that point tools to the local cloud, for: eval "$(python -m localcloud env)"."""
    with _plain_errors():
        settings = running_settings(CloudSettings.from_environment())
        if not (external := external_endpoint()) and not all(part.running for part in cloud.status(settings)):
            raise LocalCloudError("the local cloud does not run: make local-up")
        for line in shell_lines(environment(), clear=external is None):
            sys.stdout.write(f"{line}\n")


@app.command()
def logs(
    name: Annotated[str | None, typer.Argument(help="A part or a function; all of them if left out.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", help="Number of last lines.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new lines.")] = False,
) -> None:
    """Show the last log lines of parts and functions."""
    with _plain_errors():
        folder = CloudSettings.from_environment().logs
        files = {file.stem: file for file in sorted(folder.rglob("*.log"))}
        if name is not None and name not in files:
            known = ", ".join(files) or "none yet"
            raise LocalCloudError(f"there is no log of {name!r}; there is {known}")
        chosen = files if name is None else {name: files[name]}
        for title, file in chosen.items():
            if len(chosen) > 1:
                out.print(title, style="bold")
            for line in cloud.last_lines(file, lines):
                sys.stdout.write(f"{line}\n")
        if follow:
            _follow(chosen)


def _follow(files: dict[str, Path]) -> None:
    """Print new lines of files until interrupted."""
    read_to = {file: file.stat().st_size for file in files.values()}
    try:
        while True:
            for file, position in read_to.items():
                with file.open("rb") as log:
                    # A log that got shorter belongs to a restarted cloud.
                    log.seek(position if position <= file.stat().st_size else 0)
                    sys.stdout.write(log.read().decode(errors="replace"))
                    read_to[file] = log.tell()
            sys.stdout.flush()
            time.sleep(0.3)
    except KeyboardInterrupt:
        return


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn expected errors into one line and an exit code."""
    try:
        yield
    except LocalCloudError as error:
        err.print(Text("local cloud:", style="red"), str(error))
        for line in error.log_lines if isinstance(error, StartFailedError) else ():
            err.print(f"  {line}")
        raise typer.Exit(1) from None


def main() -> None:
    """Run the command that was typed."""
    app(prog_name="localcloud")


if __name__ == "__main__":
    process.run("localcloud.cli:main")
