"""The commands as they are typed: plan, simulate, calibrate, rehearse.

What they do is in ``commands``, which is imported when one of them runs: numpy and the rest take a
second, and whoever mounts this application has other commands.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from votectl.deployment import LOCAL
from votectl.errors import OperatorError
from votectl.sizing.errors import Nonsense, SizingError
from votectl.sizing.goals import Preference
from votectl.sizing.shapes import Shape

if TYPE_CHECKING:
    from votectl.sizing.commands import Chance, Given, Shown, Wish
    from votectl.sizing.demand import Event

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
        Console(stderr=True).print(f"[red]error:[/red] {escape(problem)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1)

    return run


@dataclass(frozen=True)
class Option:
    """What several commands ask for in the same words."""

    annotation: Any
    default: Any = None


def _option(kind: Any, *names: str, words: str, default: Any = None, least: int | None = None) -> Option:
    # Typer's option is made here, and no type checker can follow what it is made of.
    return Option(Annotated[kind, typer.Option(*names, help=words, min=least)], default)


# What commands are told, by the parameter that gets it; ``commands`` makes it of the options.
_TOLD: Mapping[str, Mapping[str, Option]] = {
    "event": {
        "event_file": _option(
            Path | None, "--event", words="TOML or JSON file with any of these; options win over it"
        ),
        "name": _option(str | None, words="What to call the event"),
        "votes": _option(str | None, words="Votes in all: 200k, 1.5B (two of votes, peak, duration)"),
        "peak": _option(str | None, words="Votes per second at the peak: 500, 50k, 1M"),
        "duration": _option(str | None, words="How long votes come: 90s, 10m, 1d"),
        "shape": _option(Shape | None, words="The rate's course"),
        "polls": _option(int | None, words="Polls that are voted on at once"),
        "busiest_poll_share": _option(
            float | None, words="Share of the votes that the most popular poll gets"
        ),
        "options": _option(int | None, words="Options per poll"),
        "votes_per_voter": _option(float | None, words="Votes that one voter sends, over all polls"),
        "changed_minds": _option(
            float | None, words="Share of votes that repeat one of the same voter in the same poll"
        ),
        "hot_voter_share": _option(float | None, words="Share of votes sent under one voter's id"),
        "batch_share": _option(float | None, words="Share of votes sent through the batch endpoint"),
        "votes_per_request": _option(int | None, words="Votes in a request to it, at most 500"),
        "viewers": _option(str | None, words="People who watch results"),
        "viewer_time": _option(str | None, words="How long each watches; the whole event if left out"),
        "viewer_refresh": _option(str | None, words="How often each asks"),
        "cdn": _option(bool | None, "--cdn/--no-cdn", words="Results through CloudFront, or the API alone"),
    },
    "wish": {
        "deadline": _option(str, words="From the event's end to the proved final result", default="15m"),
        "live_lag": _option(str, words="Oldest vote that may be missing from live results", default="10s"),
        "prefer": _option(
            Preference, words="Where several settings meet the deadline", default=Preference.COST
        ),
        "before": _option(str, words="How long capacity is up before the event", default="1h"),
        "after": _option(str, words="How long it stays after", default="1h"),
    },
    "given": {
        "prices": _option(Path | None, words="Prices and limits in place of the packaged ones"),
        "calibration": _option(Path | None, words="What `calibrate` measured"),
    },
    "chance": {
        "seed": _option(int, words="The same seed plays the same course", default=1, least=0),
        "step": _option(float | None, words="Seconds; chosen by the event's length if left out"),
    },
    "shown": {
        "as_json": _option(bool, "--json", words="JSON instead of tables", default=False),
        "explain": _option(
            bool, "--explain", words="Formula, inputs and sources of every number", default=False
        ),
        "only": _option(list[str] | None, words="Explain only numbers whose name begins so"),
    },
}


def told(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take what its parameters are called after, each made of options of its own.

    The event is made when the command asks for it: what is not about an event needs none.
    """
    own = inspect.signature(command).parameters
    wanted = [name for name in own if name in _TOLD]

    @functools.wraps(command)
    def run(**options: Any) -> None:
        from votectl.sizing import commands

        made = {
            name: functools.partial(commands.MAKERS[name], **{key: options.pop(key) for key in _TOLD[name]})
            for name in wanted
        }
        command(**{name: make if name == "event" else make() for name, make in made.items()}, **options)

    shared = {key: option for name in wanted for key, option in _TOLD[name].items()}
    parameters = [
        *(
            inspect.Parameter(
                key, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=option.annotation
            )
            for key, option in shared.items()
        ),
        *(own[name].replace(kind=inspect.Parameter.KEYWORD_ONLY) for name in own if name not in _TOLD),
    ]
    # What typer reads; without this it would follow functools.wraps to the command itself.
    del run.__wrapped__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _described(event: "Callable[[], Event]") -> bool:
    """Tell whether any option describes an event."""
    assert isinstance(event, functools.partial)  # noqa: S101 - as ``told`` makes it
    return any(value is not None for value in event.keywords.values())


@app.command()
@told
@reported
def plan(
    event: "Callable[[], Event]",
    wish: "Wish",
    given: "Given",
    shown: "Shown",
    current_shards: Annotated[
        int | None, typer.Option(help="Shards of the stream that exists; without it, --keep's")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="The environment's tfvars, whose other settings --out keeps")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the settings as tfvars")] = None,
    brief: Annotated[bool, typer.Option("--brief", help="The main numbers in one table")] = False,
) -> None:
    """Choose shards, units, batches and throttles for an event; say what it will do and cost."""
    from votectl.sizing import commands

    commands.plan(event(), wish, given, shown, current_shards=current_shards, keep=keep, out=out, brief=brief)


@app.command()
@told
@reported
def simulate(
    event: "Callable[[], Event]",
    wish: "Wish",
    given: "Given",
    chance: "Chance",
    shown: "Shown",
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
    plot: Annotated[
        Path | None, typer.Option(help="Write pictures: a .png or .svg file, a directory for --published")
    ] = None,
) -> None:
    """Play an event through, step by step, and show what became of it."""
    from votectl.sizing import commands

    if published and compare is not None:
        raise Nonsense("--published and --compare each play something of their own; give one of them")
    if (published or compare is not None) and (tfvars is not None or _described(event)):
        raise Nonsense(
            f"{'--published' if published else '--compare'} plays runs that are known; "
            "leave out what describes an event or a deployment"
        )
    if compare is not None and plot is not None:
        raise Nonsense("--plot shows one course, and --compare plays several; leave one of them out")
    if published:
        commands.simulate_published(given, chance, shown, plot, doubled_writes=doubled_writes)
    elif doubled_writes:
        raise Nonsense("--doubled-writes belongs to --published")
    elif compare is not None:
        commands.compare(compare, given, chance, shown)
    else:
        commands.simulate(event(), wish, given, chance, shown, tfvars_file=tfvars, plot=plot)


Environment = Annotated[
    str, typer.Option("--environment", "-e", envvar="VOTECTL_ENVIRONMENT", help="Which deployment")
]


@app.command()
@reported
def calibrate(
    poll: Annotated[str, typer.Option(help="An open poll, made for this: it will be full of test votes")],
    option: Annotated[str, typer.Option(help="One of its options")],
    out: Annotated[Path, typer.Option(help="Where to write the times, for --calibration")],
    batch_size: Annotated[list[int] | None, typer.Option(help="Votes in a batch; several")] = None,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Invocations per batch size")] = 5,
    environment: Environment = LOCAL,
) -> None:
    """Measure how long the functions take, batch size by batch size, on a deployment."""
    from votectl.sizing import commands

    commands.calibrate(environment, poll, option, batch_size or [10, 25, 100, 250, 500, 1000], repeats, out)


@app.command()
@told
@reported
def rehearse(
    event: "Callable[[], Event]",
    given: "Given",
    chance: "Chance",
    tfvars: Annotated[
        Path | None, typer.Option(help="What is deployed; without it, the environment's own file")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the run, for `simulate --compare`")] = None,
    environment: Environment = LOCAL,
) -> None:
    """Send a small event through a deployment that is otherwise idle; hold the run against its simulation."""
    from votectl.sizing import commands

    commands.rehearse(environment, event(), given, chance, tfvars_file=tfvars, out=out)
