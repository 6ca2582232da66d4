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


def _option(words: str, *names: str) -> Any:
    return typer.Option(*names, help=words)


Prices = Annotated[Path | None, _option("Prices and limits in place of the packaged ones")]
Times = Annotated[Path | None, _option("A file that `calibrate` wrote", "--calibration")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same course")]
Step = Annotated[float | None, _option("Seconds per step; default: by the event's length")]
Explain = Annotated[bool, _option("Formula, inputs and sources of every number", "--explain")]
Only = Annotated[list[str] | None, _option("Explain only numbers whose name begins so")]


def _of_event(
    event_file: Annotated[
        Path | None, _option("TOML or JSON file with any of these options; options win over it", "--event")
    ] = None,
    name: Annotated[str | None, _option("Name of the event")] = None,
    votes: Annotated[str | None, _option("All votes: 200k, 1.5B (give two of votes, peak, duration)")] = None,
    peak: Annotated[str | None, _option("Votes per second at the peak: 500, 50k, 1M")] = None,
    duration: Annotated[str | None, _option("How long votes come: 90s, 10m, 1d")] = None,
    shape: Annotated[RateShape | None, _option("The curve of the rate")] = None,
    polls: Annotated[int | None, _option("Polls that are open at once")] = None,
    busiest_poll_share: Annotated[float | None, _option("The most popular poll's share of the votes")] = None,
    options: Annotated[int | None, _option("Options per poll")] = None,
    votes_per_voter: Annotated[float | None, _option("Votes of one voter over all polls")] = None,
    changed_minds: Annotated[
        float | None, _option("Share of votes that repeat one of the same voter and poll")
    ] = None,
    hot_voter_share: Annotated[float | None, _option("Share of votes under one voter id")] = None,
) -> None:
    """Options of an event."""


def _of_plan(
    batch_share: Annotated[float | None, _option("Share of votes sent through the batch endpoint")] = None,
    votes_per_request: Annotated[int | None, _option("Votes in a batch request, at most 500")] = None,
    viewers: Annotated[str | None, _option("People who watch the results")] = None,
    viewer_time: Annotated[str | None, _option("How long each watches; default: the whole event")] = None,
    viewer_refresh: Annotated[str | None, _option("How often each asks, as a duration: 5s")] = None,
    cdn: Annotated[
        bool | None, _option("Results through CloudFront, or from the API alone", "--cdn/--no-cdn")
    ] = None,
    identity: Annotated[
        VoterIdentity | None, _option("How voters are known; default: --keep's, or iam")
    ] = None,
    firewall: Annotated[
        bool | None,
        _option(
            "Votes need AWS WAF; default: --keep's, or with identity none only", "--firewall/--no-firewall"
        ),
    ] = None,
    client_keys: Annotated[
        bool | None, _option("Votes need clients' keys; default: --keep's", "--client-keys")
    ] = None,
    user_pool_tier: Annotated[
        UserPoolTier | None, _option("The user pool's tier, with identity cognito")
    ] = None,
    new_accounts: Annotated[
        float | None, _option("Share of voters who get an e-mail for a new account")
    ] = None,
    sign_in_time: Annotated[
        str | None, _option("How long voters sign in before the event; default: with the first vote")
    ] = None,
    deadline: Annotated[str, _option("From the event's end to the proved final result")] = "15m",
    live_lag: Annotated[str, _option("The oldest vote that may be missing from live results")] = "10s",
    prefer: Annotated[
        Preference, _option("What to prefer where several settings meet the deadline")
    ] = Preference.COST,
    door: Annotated[
        Door | None, _option("What votes come through; default: the cheapest that holds the event")
    ] = None,
    before: Annotated[str, _option("How long capacity is up before the event")] = "1h",
    after: Annotated[str, _option("How long it stays up after the event")] = "1h",
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
            getattr(commands, declared.__name__)(options)

        signatures = (inspect.signature(each) for each in (*shared, declared))
        parameters = [option for each in signatures for option in each.parameters.values()]
        vars(run)["__signature__"] = inspect.Signature(parameters)
        app.command()(run)

    return register


@_command(_of_event, _of_plan)
def plan(
    current_shards: Annotated[int | None, _option("Shards of the existing stream; default: --keep's")] = None,
    keep: Annotated[
        Path | None, _option("The environment's tfvars, whose other settings --out keeps")
    ] = None,
    out: Annotated[Path | None, _option("Write the settings as tfvars")] = None,
    brief: Annotated[bool, _option("The main numbers in one table", "--brief")] = False,
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
    tfvars: Annotated[Path | None, _option("The deployment; default: what `plan` would choose")] = None,
    published: Annotated[bool, _option("Play the published sample's runs", "--published")] = False,
    doubled_writes: Annotated[
        bool, _option("With the sample's writes instead of ours", "--doubled-writes")
    ] = False,
    compare: Annotated[Path | None, _option("Compare with a real run's file")] = None,
    plot: Annotated[
        Path | None, _option("Write pictures: a .png or .svg file; for --published a directory")
    ] = None,
) -> None:
    """Play an event step by step, and show its course."""


@_command()
def calibrate(
    poll: Annotated[str, _option("An open poll made for this: it will be full of test votes")],
    option: Annotated[str, _option("One of its options")],
    out: Annotated[Path, _option("Where to write the times, for --calibration")],
    batch_size: Annotated[list[int] | None, _option("Votes in a batch; give several")] = None,
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
    tfvars: Annotated[
        Path | None, _option("The deployed settings; default: the environment's own file")
    ] = None,
    out: Annotated[Path | None, _option("Write the run, for `simulate --compare`")] = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    environment: Environment = "local",
) -> None:
    """Send a small event through an otherwise idle deployment; compare the run with its simulations."""
