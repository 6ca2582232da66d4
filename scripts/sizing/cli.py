"""The commands as they are typed: plan, simulate, calibrate.

What they do is in ``commands``, which is imported when one of them runs: numpy and the rest take a
second, and whoever mounts this application has other commands.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from sizing.errors import Nonsense, SizingError
from sizing.goals import Preference
from sizing.shapes import Shape
from votectl.deployment import LOCAL
from votectl.errors import OperatorError

app = typer.Typer(no_args_is_help=True, help="Size, price and simulate an event.")


def reported[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Show errors that an operator can act on as one line, and exit with 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (SizingError, OperatorError) as error:
            problem = str(error)
        except (ClientError, BotoCoreError) as error:
            problem = f"the cloud refused: {error}"
        Console(stderr=True).print(f"[red]error:[/red] {problem}", highlight=False, soft_wrap=True)
        raise typer.Exit(1)

    return run


# What several commands ask for.
EventFile = Annotated[
    Path | None, typer.Option("--event", help="TOML or JSON file with any of these; options win over it")
]
Name = Annotated[str | None, typer.Option(help="What to call the event")]
Votes = Annotated[str | None, typer.Option(help="Votes in all: 200k, 1.5B (two of votes, peak, duration)")]
Peak = Annotated[str | None, typer.Option(help="Votes per second at the peak: 500, 50k, 1M")]
Duration = Annotated[str | None, typer.Option(help="How long votes come: 90s, 10m, 1d")]
ShapeOption = Annotated[Shape | None, typer.Option(help="The rate's course")]
Polls = Annotated[int | None, typer.Option(help="Polls that are voted on at once")]
Options = Annotated[int | None, typer.Option(help="Options per poll")]
VotesPerVoter = Annotated[float | None, typer.Option(help="Votes that one voter sends, over all polls")]
ChangedMinds = Annotated[
    float | None, typer.Option(help="Share of votes that repeat one of the same voter in the same poll")
]
HotVoter = Annotated[float | None, typer.Option(help="Share of votes sent under one voter's id")]
Batched = Annotated[float | None, typer.Option(help="Share of votes sent through the batch endpoint")]
PerRequest = Annotated[int | None, typer.Option(help="Votes in a request to it, at most 500")]
Viewers = Annotated[str | None, typer.Option(help="People who watch results")]
ViewerTime = Annotated[str | None, typer.Option(help="How long each watches; the whole event if left out")]
Refresh = Annotated[str | None, typer.Option(help="How often each asks")]
Cdn = Annotated[
    bool | None, typer.Option("--cdn/--no-cdn", help="Results through CloudFront, or the API alone")
]
Deadline = Annotated[str, typer.Option(help="From the event's end to the proved final result")]
LiveLag = Annotated[str, typer.Option(help="Oldest vote that may be missing from live results")]
Prefer = Annotated[Preference, typer.Option(help="Where several settings meet the deadline")]
Before = Annotated[str, typer.Option(help="How long capacity is up before the event")]
After = Annotated[str, typer.Option(help="How long it stays after")]
CurrentShards = Annotated[int | None, typer.Option(help="Shards of the stream that exists")]
Prices = Annotated[Path | None, typer.Option(help="Prices and limits in place of the packaged ones")]
CalibrationFile = Annotated[Path | None, typer.Option("--calibration", help="What `calibrate` measured")]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of tables")]
Explain = Annotated[bool, typer.Option("--explain", help="Formula, inputs and sources of every number")]
Only = Annotated[list[str] | None, typer.Option(help="Explain only numbers whose name begins so")]


@app.command()
@reported
def plan(
    event_file: EventFile = None,
    name: Name = None,
    votes: Votes = None,
    peak: Peak = None,
    duration: Duration = None,
    shape: ShapeOption = None,
    polls: Polls = None,
    options: Options = None,
    votes_per_voter: VotesPerVoter = None,
    changed_minds: ChangedMinds = None,
    hot_voter_share: HotVoter = None,
    batch_share: Batched = None,
    votes_per_request: PerRequest = None,
    viewers: Viewers = None,
    viewer_time: ViewerTime = None,
    viewer_refresh: Refresh = None,
    cdn: Cdn = None,
    deadline: Deadline = "15m",
    live_lag: LiveLag = "10s",
    prefer: Prefer = Preference.COST,
    before: Before = "1h",
    after: After = "1h",
    current_shards: CurrentShards = None,
    prices: Prices = None,
    calibration: CalibrationFile = None,
    out: Annotated[Path | None, typer.Option(help="Write the settings as tfvars")] = None,
    as_json: Json = False,
    brief: Annotated[bool, typer.Option("--brief", help="The main numbers in one table")] = False,
    explain: Explain = False,
    only: Only = None,
) -> None:
    """Choose shards, units, batches and throttles for an event; say what it will do and cost."""
    from sizing import commands

    commands.plan(
        event=commands.told_event(
            event_file,
            name=name, votes=votes, peak=peak, duration=duration, shape=shape, polls=polls, options=options,
            votes_per_voter=votes_per_voter, changed_minds=changed_minds, hot_voter_share=hot_voter_share,
            batch_share=batch_share, votes_per_request=votes_per_request, viewers=viewers,
            viewer_time=viewer_time, viewer_refresh=viewer_refresh, cdn=cdn,
        ),
        wish=commands.Wish(deadline, live_lag, prefer, before, after),
        given=commands.Given(prices, calibration),
        current_shards=current_shards,
        out=out,
        shown=commands.Shown(as_json, explain, only or [], brief),
    )  # fmt: skip


@app.command()
@reported
def simulate(
    event_file: EventFile = None,
    name: Name = None,
    votes: Votes = None,
    peak: Peak = None,
    duration: Duration = None,
    shape: ShapeOption = None,
    polls: Polls = None,
    options: Options = None,
    votes_per_voter: VotesPerVoter = None,
    changed_minds: ChangedMinds = None,
    hot_voter_share: HotVoter = None,
    batch_share: Batched = None,
    votes_per_request: PerRequest = None,
    viewers: Viewers = None,
    viewer_time: ViewerTime = None,
    viewer_refresh: Refresh = None,
    cdn: Cdn = None,
    deadline: Deadline = "15m",
    live_lag: LiveLag = "10s",
    prefer: Prefer = Preference.COST,
    before: Before = "1h",
    after: After = "1h",
    prices: Prices = None,
    calibration: CalibrationFile = None,
    tfvars: Annotated[
        Path | None, typer.Option(help="The deployment; without it, what `plan` would choose")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="The published sample's runs instead of an event")
    ] = False,
    doubled_writes: Annotated[
        bool, typer.Option("--doubled-writes", help="With the sample's writes instead of ours")
    ] = False,
    compare: Annotated[Path | None, typer.Option(help="A real run's file, instead of an event")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed plays the same course")] = 1,
    step: Annotated[
        float | None, typer.Option(help="Seconds; chosen by the event's length if left out")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write pictures: a .png or .svg file, a directory for --published")
    ] = None,
    as_json: Json = False,
    explain: Explain = False,
    only: Only = None,
) -> None:
    """Play an event through, step by step, and show what became of it."""
    from sizing import commands

    given, shown = commands.Given(prices, calibration), commands.Shown(as_json, explain, only or [])
    chance = commands.Chance(seed, step)
    if published:
        commands.simulate_published(given, chance, shown, plot, doubled_writes=doubled_writes)
    elif doubled_writes:
        raise Nonsense("--doubled-writes belongs to --published")
    elif compare is not None:
        commands.compare(compare, given, chance, shown)
    else:
        commands.simulate(
            event=commands.told_event(
                event_file,
                name=name, votes=votes, peak=peak, duration=duration, shape=shape, polls=polls, options=options,
                votes_per_voter=votes_per_voter, changed_minds=changed_minds, hot_voter_share=hot_voter_share,
                batch_share=batch_share, votes_per_request=votes_per_request, viewers=viewers,
                viewer_time=viewer_time, viewer_refresh=viewer_refresh, cdn=cdn,
            ),
            wish=commands.Wish(deadline, live_lag, prefer, before, after),
            given=given,
            tfvars_file=tfvars,
            chance=chance,
            plot=plot,
            shown=shown,
        )  # fmt: skip


@app.command()
@reported
def calibrate(
    poll: Annotated[str, typer.Option(help="An open poll, made for this: it will be full of test votes")],
    option: Annotated[str, typer.Option(help="One of its options")],
    out: Annotated[Path, typer.Option(help="Where to write the times, for --calibration")],
    batch_size: Annotated[list[int] | None, typer.Option(help="Votes in a batch; several")] = None,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Invocations per batch size")] = 5,
    environment: Annotated[
        str, typer.Option("--environment", "-e", envvar="VOTECTL_ENVIRONMENT", help="Which deployment")
    ] = LOCAL,
) -> None:
    """Measure how long the functions take, batch size by batch size, on a deployment."""
    from sizing import commands

    commands.calibrate(environment, poll, option, batch_size or [10, 25, 100, 250, 500, 1000], repeats, out)
