"""`python -m loadtest run`, `worker`, `verify` and `latency`."""

import math
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.table import Column

from loadtest.answers import read_journal, split
from loadtest.latency import measure
from loadtest.measuring import Timing, drained_after, lag_of, latencies_of
from loadtest.polls import RunPolls
from loadtest.report import Report, summary, write_document, write_page
from loadtest.run import Files
from loadtest.scenario import Plan, Shape, steps_expected
from loadtest.verification import Verdict, expect, verify
from scripts.bootstrap import process
from scripts.bootstrap.process import INTERRUPTED
from votectl import deployment as deployments
from votectl.commands.common import Client, Environment, find, reported
from votectl.credentials import for_voters_of
from votectl.errors import OperatorError
from votectl.terminal import console as terminal_console
from votectl.terminal import table as new_table

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / ".state" / "loadtest"
LOCUSTFILE = ROOT / "loadtest" / "locustfile.py"

# How long users may finish their requests.
STOP_TIMEOUT_SECONDS = 40

# Exit codes of `verify` and `run`. 2 means a wrong option.
EXIT_CODES = {Verdict.EXACT: 0, Verdict.WRONG: 1, Verdict.UNDECIDED: 3}

# More than one process can send (a few hundred votes a second), and a day: beyond these a run is a typing error.
MOST_PER_SENDER, MOST_MINUTES = 2_000, 24 * 60

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Send load to a deployment, and verify that every vote counted once.",
)
console = terminal_console()


@app.command()
@reported
def run(
    environment: Environment = deployments.LOCAL,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long to send")] = 15,
    rate: Annotated[float, typer.Option(min=1, help="Highest rate in votes per second")] = 60,
    shape: Annotated[Shape, typer.Option(help="Course of the rate over the run")] = Shape.SPIKE,
    viewers: Annotated[float, typer.Option(min=0, max=1, help="Viewers per active voter")] = 0.1,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the voters; the same seed sends the same votes")
    ] = None,
    client: Client = None,
    host: Annotated[str | None, typer.Option(help="Front door, instead of the deployment's")] = None,
    votes_host: Annotated[
        str | None, typer.Option(help="Door for votes only, instead of the deployment's")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Sending processes on this machine")] = 1,
    workers: Annotated[
        int,
        typer.Option(
            min=0, max=1_000, help="Number of `loadtest worker` on other machines to wait for and send from"
        ),
    ] = 0,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before sending to a deployment on AWS")
    ] = False,
) -> None:
    """Send votes, wait for the final result, and compare.

    Ctrl-C ends the run early and verifies what was sent; a second Ctrl-C ends it at once.
    """
    refuse_impossible(rate, minutes, senders=workers or processes)
    if math.isnan(viewers):
        raise OperatorError("--viewers nan is not a number from 0 to 1")
    for option, address in (("--host", host), ("--votes-host", votes_host)):
        if address is not None:
            refuse_bad_host(option, address)
    deployment = find(environment)
    credentials = for_voters_of(deployment, client)
    credentials.find()  # report missing ones before polls exist
    run_id = f"{time.strftime('%m%d-%H%M%S', time.gmtime())}-{os.getpid()}"
    plan = Plan(
        run=run_id,
        environment=environment,
        front_door=(host or deployment.front_door).rstrip("/"),
        votes_door=(votes_host or host or deployment.votes_door).rstrip("/"),
        seed=time.time_ns() // 1_000_000_000 if seed is None else seed,
        shape=shape,
        rate=rate,
        seconds=minutes * 60,
        viewers=viewers,
        credentials=credentials,
    )
    _make_sure(plan, yes=yes)
    files = Files(RUNS / run_id)
    files.begin(plan)
    console.print(
        f"Run {run_id}: about {steps_expected(plan):,.0f} votes to {plan.votes_door}, seed {plan.seed}",
        soft_wrap=True,
    )
    _send(files, plan, processes=processes, workers=workers)
    _finish(files, RunPolls(deployment), goes_on=True)


@app.command()
@reported
def worker(
    master: Annotated[str, typer.Option(help="Host of `loadtest run --workers`")],
    processes: Annotated[int, typer.Option(min=1, max=64, help="Sending processes on this machine")] = 1,
) -> None:
    """Send for a run on another machine until it ends."""
    refuse_unknown_master(master)
    more = ["--processes", str(processes)] if processes > 1 else []
    raise typer.Exit(_locust("--worker", f"--master-host={master}", *more))


@app.command("verify")
@reported
def verify_again(
    folder: Annotated[Path, typer.Argument(help="Folder of a run, .state/loadtest/…")],
) -> None:
    """Compare a run's votes with the counts again."""
    if not folder.is_dir():
        raise OperatorError(f"there is no folder {folder}: name the folder of a run below {_shown(RUNS)}")
    files = Files(folder)
    _finish(files, RunPolls(find(files.scenario().plan.environment)), goes_on=False)


def refuse_impossible(rate: float, minutes: float, *, senders: int) -> None:
    """Refuse an impossible run, before anything is looked up or sent.

    Args:
        rate: highest number of votes per second.
        minutes: how long to send.
        senders: processes that send, here or elsewhere.

    Raises:
        OperatorError: a number that is not finite, or too large.
    """
    if not math.isfinite(rate) or rate > MOST_PER_SENDER * senders:
        raise OperatorError(
            f"--rate {rate:g} is more than {senders} sending process(es) can send "
            f"(at most {MOST_PER_SENDER:,} votes a second each): lower it, or add --processes or --workers"
        )
    if not math.isfinite(minutes) or minutes > MOST_MINUTES:
        raise OperatorError(f"--minutes {minutes:g} is more than {MOST_MINUTES:,}, a day: lower it")


def refuse_bad_host(option: str, host: str) -> None:
    """Refuse an address that no vote can be sent to.

    Args:
        option: the option that named it.
        host: the address.

    Raises:
        OperatorError: it is not an address of HTTP.
    """
    try:
        parts = urlsplit(host)
        possible = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no such port, or half an IPv6 address
        possible = False
    if not possible:
        example = "https://abc123.execute-api.eu-central-1.amazonaws.com/v1"
        raise OperatorError(
            f"{option} {host!r} is not an address of HTTP: write for example {example}", examples=[example]
        )


def refuse_unknown_master(name: str) -> None:
    """Refuse a machine that has no address: Locust would try it for ever.

    Raises:
        OperatorError: the name has no address.
    """
    try:
        found = bool(name) and socket.getaddrinfo(name, None)
    except (OSError, UnicodeError):
        found = False
    if not found:
        raise OperatorError(
            f"--master {name!r} has no address: name the machine on which `loadtest run --workers` runs"
        )


@app.command()
@reported
def latency(
    environment: Environment = deployments.LOCAL,
    votes: Annotated[int, typer.Option(min=2, max=100_000, help="Votes through each door")] = 1_000,
) -> None:
    """Send votes one after the other through each open door, and compare their latencies."""
    deployment = find(environment)
    if not _is_loopback(deployment.front_door):
        typer.confirm(
            f"This sends {votes:,} votes through each door, which costs money. Continue?", abort=True
        )
    found = measure(deployment, votes)
    rest = found[0]
    table = new_table(
        "door",
        Column("votes", justify="right"),
        Column("p50", justify="right"),
        Column("p99", justify="right"),
        "p50 of REST's",
    )
    for one in found:
        table.add_row(
            one.door,
            f"{one.votes:,}",
            f"{one.p50_ms:.1f} ms",
            f"{one.p99_ms:.1f} ms",
            f"{one.p50_ms / rest.p50_ms:.2f}",
        )
    console.print(table)


def _make_sure(plan: Plan, *, yes: bool) -> None:
    """Ask before votes are sent that cost money."""
    if yes or _is_loopback(plan.votes_door):
        return
    typer.confirm(
        f"This sends about {steps_expected(plan):,.0f} votes to {plan.votes_door}, which costs money. Continue?",
        abort=True,
    )


def _is_loopback(url: str) -> bool:
    name = urlsplit(url).hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _send(files: Files, plan: Plan, *, processes: int, workers: int) -> None:
    options = [
        "--headless",
        "--only-summary",
        "--html",
        str(files.locust),
        "--host",
        plan.front_door,
        "--stop-timeout",
        str(STOP_TIMEOUT_SECONDS),
        "--loadtest-folder",
        str(files.root),
    ]
    if workers:
        options += ["--master", "--expect-workers", str(workers)]
    elif processes > 1:
        # Several runs on one machine must not meet at Locust's default port.
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        options += ["--processes", str(processes), "--master-bind-port", port, "--master-port", port]
    code = _locust(*options)
    if code:
        raise OperatorError(f"Locust ended with exit code {code}, see its output above; nothing is verified")


def _locust(*options: str) -> int:
    """Run Locust to its end; return its exit code.

    Raises:
        KeyboardInterrupt: an interrupt ended it before it had sent anything, or a second one ended it at once.
    """
    command = [
        sys.executable,
        "-m",
        "loadtest.sending",
        "-f",
        str(LOCUSTFILE),
        "--loglevel",
        "WARNING",
        *options,
    ]
    handled = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    # The process starts with these signals blocked: Python answers one during its start with a traceback.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, handled)
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        # A group of its own, so that an interrupt reaches it through here only, and thus once. Such a process
        # must not read from the terminal.
        process_group=0,
        stdin=subprocess.DEVNULL,
    )

    def forward(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    handlers = {number: signal.signal(number, forward) for number in handled}
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        code = process.wait()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if code in (-signal.SIGINT, INTERRUPTED):
        raise KeyboardInterrupt
    return code


def _finish(files: Files, run_polls: RunPolls, *, goes_on: bool) -> None:
    """Wait for the final results, compare, write the report, and exit with the verdict's code."""
    scenario = run_polls.close(files.scenario())
    files.write_scenario(scenario)
    answers, readings = split(read_journal(files.journal))
    expected = expect(scenario, answers)
    before = files.unattributed_before()

    def say(words: str) -> None:
        console.print(words, soft_wrap=True)

    def counted() -> int:
        now = run_polls.counted(scenario, before)
        if goes_on:  # the curve of an earlier run is complete
            files.note_sample(round(time.time() * 1000), now)
        return now

    acknowledged = expected.acknowledged.total()
    run_polls.wait_until_counted(counted, acknowledged, say)
    run_polls.wait_until_final(scenario, say)
    observed = run_polls.observe(scenario, before)
    verification = verify(expected, observed, readings, files.missing())
    samples = files.samples()
    timing = Timing(
        acknowledged=latencies_of(answer.micros for answer in answers if answer.acknowledged),
        refused=latencies_of(answer.micros for answer in answers if answer.refused),
        read=latencies_of(reading.micros for reading in readings if reading.status == HTTPStatus.OK),
        live_lag=lag_of(answers, samples),
        counted_after=drained_after(answers, samples),
        final_after={
            poll.poll_id: (final.certified_at - poll.closes_at) / 1000
            for poll in scenario.polls
            if (final := observed.polls[poll.poll_id].final) is not None
        },
    )
    report = Report(scenario, verification, timing, answers, readings, samples)
    write_document(report, files.document)
    write_page(report, files.page)
    for renderable in summary(report):
        console.print(renderable)
    for file in (files.page, files.document, files.locust):
        console.print(f"  {_shown(file)}", soft_wrap=True)
    raise typer.Exit(EXIT_CODES[verification.verdict])


def _shown(file: Path) -> str:
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


if __name__ == "__main__":
    process.run("loadtest.cli:app")
