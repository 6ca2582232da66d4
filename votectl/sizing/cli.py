"""The sizing commands as they are typed. ``commands`` has their logic, and takes a second to import."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from votectl.commands.common import Environment, JsonOption, OutputOption, chosen, reported
from votectl.commands.common import app as new_app
from votectl.settings.deployment import Door, UserPoolTier, VoterIdentity
from votectl.sizing.inputs import Preference, RateShape
from votectl.terminal import Output

app = new_app("Size, price and simulate an event.")


def _option(words: str, *names: str, default: Any = None) -> Any:
    return typer.Option(default, *names, help=words)


Prices = Annotated[Path | None, typer.Option(help="Prices and limits in place of the packaged ones")]
Times = Annotated[Path | None, typer.Option("--calibration", help="A file that `calibrate` wrote")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same course")]
Step = Annotated[float | None, typer.Option(help="Seconds per step; default: by the event's length")]
Explain = Annotated[bool, typer.Option("--explain", help="Formula, inputs and sources of every number")]
Only = Annotated[list[str] | None, typer.Option(help="Explain only numbers whose name begins so")]


def _of_event(
    event_file: Path | None = _option("A TOML or JSON file of these options; those typed win", "--event"),
    name: str | None = _option("Name of the event"),
    votes: str | None = _option("All votes: 200k, 1.5B (give two of votes, peak, duration)"),
    peak: str | None = _option("Votes per second at the peak: 500, 50k, 1M"),
    duration: str | None = _option("How long votes come: 90s, 10m, 1d"),
    shape: RateShape | None = _option("The curve of the rate"),
    polls: int | None = _option("Polls that are open at once"),
    busiest_poll_share: float | None = _option("The most popular poll's share of the votes"),
    options: int | None = _option("Options per poll"),
    votes_per_voter: float | None = _option("Votes of one voter over all polls"),
    changed_minds: float | None = _option("Share of votes that repeat one of the same voter and poll"),
    hot_voter_share: float | None = _option("Share of votes under one voter id"),
) -> None:
    """Options of an event."""


def _of_plan(
    batch_share: float | None = _option("Share of votes sent through the batch endpoint"),
    votes_per_request: int | None = _option("Votes in a batch request, at most 500"),
    viewers: str | None = _option("People who watch the results"),
    viewer_time: str | None = _option("How long each watches; default: the whole event"),
    viewer_refresh: str | None = _option("How often each asks, as a duration: 5s"),
    cdn: bool | None = _option("Results through CloudFront, or from the API alone", "--cdn/--no-cdn"),
    identity: VoterIdentity | None = _option("How voters are known; default: --keep's, or iam"),
    firewall: bool | None = _option(
        "Votes need AWS WAF; default: --keep's, or with identity none only", "--firewall/--no-firewall"
    ),
    client_keys: bool | None = _option("Votes need clients' keys; default: --keep's", "--client-keys"),
    user_pool_tier: UserPoolTier | None = _option("The user pool's tier, with identity cognito"),
    new_accounts: float | None = _option("Share of voters who get an e-mail for a new account"),
    sign_in_time: str | None = _option("How long they sign in before; default: with the first vote"),
    deadline: str = _option("From the event's end to the proved final result", default="15m"),
    live_lag: str = _option("The oldest vote that may be missing from live results", default="10s"),
    prefer: Preference = _option("The choice if several settings meet the deadline", default=Preference.COST),
    door: Door | None = _option("What votes come through; default: the cheapest that holds the event"),
    before: str = _option("How long capacity is up before the event", default="1h"),
    after: str = _option("How long it stays up after the event", default="1h"),
    prices: Prices = None,
    calibration: Times = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    explain: Explain = False,
    only: Only = None,
) -> None:
    """Options of an event that is planned, and of its answer."""


def _command(*shared: Callable[..., None]) -> Callable[[Callable[..., None]], None]:
    """Register a command with shared options and its own: its namesake in ``commands`` gets them by name."""

    def register(declared: Callable[..., None]) -> None:
        @reported
        @functools.wraps(declared)
        def run(**options: Any) -> None:
            from votectl.sizing import commands

            options["output"] = chosen(options["output"], options.pop("as_json"))
            commands.check_shown(options)
            getattr(commands, declared.__name__)(options)

        signatures = (inspect.signature(each) for each in (*shared, declared))
        parameters = [option for each in signatures for option in each.parameters.values()]
        vars(run)["__signature__"] = inspect.Signature(parameters)
        app.command()(run)

    return register


@_command(_of_event, _of_plan)
def plan(
    current_shards: int | None = _option("Shards of the existing stream; default: --keep's"),
    keep: Path | None = _option("The environment's tfvars, whose other settings --out keeps"),
    out: Path | None = _option("Write the settings as tfvars"),
    brief: bool = _option("The main numbers in one table", "--brief", default=False),
) -> None:
    """Choose shards, units, batches and throttles for an event; predict its course and cost."""


@_command()
def idle(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="An environment that has tfvars")],
    prices: Prices = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    explain: Explain = False,
    only: Only = None,
) -> None:
    """Price a month in which nobody votes."""


@_command(_of_event, _of_plan)
def simulate(
    seed: Seed = 1,
    step: Step = None,
    tfvars: Path | None = _option("The deployment; default: what `plan` would choose"),
    published: bool = _option("Play the published sample's runs", "--published", default=False),
    doubled_writes: bool = _option("With the sample's writes", "--doubled-writes", default=False),
    compare: Path | None = _option("Compare with a real run's file"),
    plot: Path | None = _option("Write pictures: a .png or .svg file; for --published a directory"),
) -> None:
    """Play an event step by step, and show its course."""


@_command()
def calibrate(
    poll: str = _option("An open poll made for this: it will be full of test votes", default=...),
    option: str = _option("One of its options", default=...),
    out: Path = _option("Where to write the times, for --calibration", default=...),
    batch_size: list[int] | None = _option("Votes in a batch; give several"),
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Invocations per batch size")] = 5,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = "local",
) -> None:
    """Measure how long the functions take, batch size by batch size, on a deployment."""


@_command(_of_event)
def rehearse(
    prices: Prices = None,
    calibration: Times = None,
    seed: Seed = 1,
    step: Step = None,
    tfvars: Path | None = _option("The deployed settings; default: the environment's own file"),
    out: Path | None = _option("Write the run, for `simulate --compare`"),
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = "local",
) -> None:
    """Send a small event through an otherwise idle deployment; compare the run with its simulations."""
