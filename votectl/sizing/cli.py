"""The sizing commands as they are typed. ``commands`` has their logic, and takes a second to import."""

import functools
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


EventFile = Annotated[
    Path | None, _option("TOML or JSON file with any of these options; options win over it", "--event")
]
Name = Annotated[str | None, _option("Name of the event")]
Votes = Annotated[str | None, _option("All votes: 200k, 1.5B (give two of votes, peak, duration)")]
Peak = Annotated[str | None, _option("Votes per second at the peak: 500, 50k, 1M")]
Duration = Annotated[str | None, _option("How long votes come: 90s, 10m, 1d")]
Shape = Annotated[RateShape | None, _option("The curve of the rate")]
Polls = Annotated[int | None, _option("Polls that are open at once")]
BusiestPoll = Annotated[float | None, _option("The most popular poll's share of the votes")]
Options = Annotated[int | None, _option("Options per poll")]
VotesPerVoter = Annotated[float | None, _option("Votes of one voter over all polls")]
ChangedMinds = Annotated[float | None, _option("Share of votes that repeat one of the same voter and poll")]
HotVoter = Annotated[float | None, _option("Share of votes under one voter id")]
BatchShare = Annotated[float | None, _option("Share of votes sent through the batch endpoint")]
VotesPerRequest = Annotated[int | None, _option("Votes in a batch request, at most 500")]
Viewers = Annotated[str | None, _option("People who watch the results")]
ViewerTime = Annotated[str | None, _option("How long each watches; default: the whole event")]
ViewerRefresh = Annotated[str | None, _option("How often each asks, as a duration: 5s")]
Cdn = Annotated[bool | None, _option("Results through CloudFront, or from the API alone", "--cdn/--no-cdn")]
Deadline = Annotated[str, _option("From the event's end to the proved final result")]
LiveLag = Annotated[str, _option("The oldest vote that may be missing from live results")]
Prefer = Annotated[Preference, _option("What to prefer where several settings meet the deadline")]
Identity = Annotated[VoterIdentity | None, _option("How voters are known; default: --keep's, or iam")]
NeedsFirewall = Annotated[
    bool | None,
    _option("Votes need AWS WAF; default: --keep's, or with identity none only", "--firewall/--no-firewall"),
]
ClientKeys = Annotated[bool | None, _option("Votes need clients' keys; default: --keep's", "--client-keys")]
PoolTier = Annotated[UserPoolTier | None, _option("The user pool's tier, with identity cognito")]
NewAccounts = Annotated[float | None, _option("Share of voters who get an e-mail for a new account")]
SignInTime = Annotated[
    str | None, _option("How long voters sign in before the event; default: with the first vote")
]
VoteDoor = Annotated[
    Door | None, _option("What votes come through; default: the cheapest that holds the event")
]
Before = Annotated[str, _option("How long capacity is up before the event")]
After = Annotated[str, _option("How long it stays up after the event")]
Prices = Annotated[Path | None, _option("Prices and limits in place of the packaged ones")]
Times = Annotated[Path | None, _option("A file that `calibrate` wrote", "--calibration")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same course")]
Step = Annotated[float | None, _option("Seconds per step; default: by the event's length")]
Explain = Annotated[bool, _option("Formula, inputs and sources of every number", "--explain")]
Only = Annotated[list[str] | None, _option("Explain only numbers whose name begins so")]


def _command[**P](declared: Callable[P, None]) -> Callable[P, None]:
    """Register a command: the function of this name in ``commands`` gets its options by name."""

    @app.command()
    @reported
    @functools.wraps(declared)
    def run(*_: P.args, **options: P.kwargs) -> None:
        from votectl.sizing import commands

        told: dict[str, Any] = {**options}
        told["output"] = chosen(told["output"], told.pop("as_json"))
        getattr(commands, declared.__name__)(told)

    return run


@_command
def plan(
    event_file: EventFile = None,
    name: Name = None,
    votes: Votes = None,
    peak: Peak = None,
    duration: Duration = None,
    shape: Shape = None,
    polls: Polls = None,
    busiest_poll_share: BusiestPoll = None,
    options: Options = None,
    votes_per_voter: VotesPerVoter = None,
    changed_minds: ChangedMinds = None,
    hot_voter_share: HotVoter = None,
    batch_share: BatchShare = None,
    votes_per_request: VotesPerRequest = None,
    viewers: Viewers = None,
    viewer_time: ViewerTime = None,
    viewer_refresh: ViewerRefresh = None,
    cdn: Cdn = None,
    identity: Identity = None,
    firewall: NeedsFirewall = None,
    client_keys: ClientKeys = None,
    user_pool_tier: PoolTier = None,
    new_accounts: NewAccounts = None,
    sign_in_time: SignInTime = None,
    deadline: Deadline = "15m",
    live_lag: LiveLag = "10s",
    prefer: Prefer = Preference.COST,
    door: VoteDoor = None,
    before: Before = "1h",
    after: After = "1h",
    prices: Prices = None,
    calibration: Times = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    explain: Explain = False,
    only: Only = None,
    current_shards: Annotated[int | None, _option("Shards of the existing stream; default: --keep's")] = None,
    keep: Annotated[
        Path | None, _option("The environment's tfvars, whose other settings --out keeps")
    ] = None,
    out: Annotated[Path | None, _option("Write the settings as tfvars")] = None,
    brief: Annotated[bool, _option("The main numbers in one table", "--brief")] = False,
) -> None:
    """Choose shards, units, batches and throttles for an event; predict its course and cost."""


@_command
def idle(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="An environment that has tfvars")],
    prices: Prices = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    explain: Explain = False,
    only: Only = None,
) -> None:
    """Price a month in which nobody votes."""


@_command
def simulate(
    event_file: EventFile = None,
    name: Name = None,
    votes: Votes = None,
    peak: Peak = None,
    duration: Duration = None,
    shape: Shape = None,
    polls: Polls = None,
    busiest_poll_share: BusiestPoll = None,
    options: Options = None,
    votes_per_voter: VotesPerVoter = None,
    changed_minds: ChangedMinds = None,
    hot_voter_share: HotVoter = None,
    batch_share: BatchShare = None,
    votes_per_request: VotesPerRequest = None,
    viewers: Viewers = None,
    viewer_time: ViewerTime = None,
    viewer_refresh: ViewerRefresh = None,
    cdn: Cdn = None,
    identity: Identity = None,
    firewall: NeedsFirewall = None,
    client_keys: ClientKeys = None,
    user_pool_tier: PoolTier = None,
    new_accounts: NewAccounts = None,
    sign_in_time: SignInTime = None,
    deadline: Deadline = "15m",
    live_lag: LiveLag = "10s",
    prefer: Prefer = Preference.COST,
    door: VoteDoor = None,
    before: Before = "1h",
    after: After = "1h",
    prices: Prices = None,
    calibration: Times = None,
    seed: Seed = 1,
    step: Step = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
    explain: Explain = False,
    only: Only = None,
    tfvars: Annotated[Path | None, _option("The deployment; default: what `plan` would choose")] = None,
    published: Annotated[bool, _option("Play the published sample's runs", "--published")] = False,
    doubled_writes: Annotated[
        bool, _option("With the sample's writes instead of ours", "--doubled-writes")
    ] = False,
    plot: Annotated[
        Path | None, _option("Write pictures: a .png or .svg file; for --published a directory")
    ] = None,
) -> None:
    """Play an event step by step, and show its course."""


@_command
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
