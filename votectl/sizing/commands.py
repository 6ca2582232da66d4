"""What the commands do: read what was typed, call, show."""

import json
import re
import shlex
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress

from scripts.bootstrap.layout import HERE
from votectl import deployment as deployments
from votectl.settings import tfvars
from votectl.sizing import calibration as calibrations
from votectl.sizing import facts as fact_files
from votectl.sizing import measure, plots, published, real_run, rehearsal, report
from votectl.sizing.around import PREWARMING
from votectl.sizing.calibration import Calibration
from votectl.sizing.cost import Item, itemise, total
from votectl.sizing.course import Outcome
from votectl.sizing.demand import LONGEST_EVENT_SECONDS, WORLD_POPULATION, Event, event
from votectl.sizing.errors import BadFile, Disagreement, Nonsense
from votectl.sizing.explain import Figure
from votectl.sizing.facts import Facts
from votectl.sizing.files import problems
from votectl.sizing.function_time import FunctionTimes
from votectl.sizing.goals import Goals, Preference
from votectl.sizing.plan import plan as make_plan
from votectl.sizing.predict import flow
from votectl.sizing.quantities import amount, seconds, spoken
from votectl.sizing.real_run import Compared, RealRun
from votectl.sizing.scenario import Scenario
from votectl.sizing.simulate import simulate as play
from votectl.sizing.usage import Keeping, Usage

console = Console()

ENVIRONMENTS = HERE.root / "infra" / "environments"

# What options and files call a field, where ``demand.Event`` calls it something else.
_NAMES = {
    "options": "options_per_poll",
    "batch_share": "batch_endpoint_share",
    "votes_per_request": "votes_per_batch_request",
    "viewer_time": "viewer_seconds",
    "viewer_refresh": "viewer_refresh_seconds",
    "cdn": "results_by_cdn",
}
# What error messages call a field, besides.
_SPOKEN = {
    "peak": "peak_votes_per_second",
    "duration": "duration_seconds",
    "deadline": "final_deadline_seconds",
    "live_lag": "live_lag_seconds",
}
_READERS: dict[str, Callable[[str], float]] = {
    "votes": amount,
    "peak": amount,
    "viewers": amount,
    "duration": seconds,
    "viewer_time": seconds,
    "viewer_refresh": seconds,
}


class Wish(NamedTuple):
    """What is wanted of the result, and how long capacity is kept around the event, as typed."""

    deadline: str
    live_lag: str
    prefer: Preference
    before: str
    after: str

    def goals(self) -> Goals:
        """Return the goals.

        Raises:
            Nonsense: a time that is not positive.
        """
        wanted = {"deadline": seconds(self.deadline), "live_lag": seconds(self.live_lag)}
        for name, value in wanted.items():
            if value <= 0:
                raise Nonsense(f"{name}: {value:g} s is not positive")
        try:
            return Goals(
                final_deadline_seconds=wanted["deadline"],
                live_lag_seconds=wanted["live_lag"],
                prefer=self.prefer,
            )
        except ValidationError as error:
            raise Nonsense(_as_typed("; ".join(problems(error)))) from None

    def keeping(self) -> Keeping:
        """Return how long capacity is kept.

        Raises:
            Nonsense: a time that nobody keeps it.
        """
        kept = {"before": seconds(self.before), "after": seconds(self.after)}
        for name, value in kept.items():
            if value > LONGEST_EVENT_SECONDS:
                raise Nonsense(f"{name}: {spoken(value)} are more than 30 days; price everyday use instead")
        return Keeping(kept["before"] / 3600, kept["after"] / 3600)


class Given(NamedTuple):
    """Files that take the place of what is known without them."""

    prices: Path | None
    calibration: Path | None

    def facts(self) -> Facts:
        """Return prices and limits."""
        return fact_files.packaged() if self.prices is None else fact_files.load(self.prices)

    def times(self) -> FunctionTimes:
        """Return measured times, or none."""
        if self.calibration is None:
            return FunctionTimes()
        return calibrations.load(self.calibration).function_times()


class Chance(NamedTuple):
    """How a simulation is played."""

    seed: int
    step: float | None

    def checked(self) -> "Chance":
        """Return itself.

        Raises:
            Nonsense: steps that do not make a second.
        """
        if self.step is not None and not (
            0 < self.step <= 1 and abs(round(1 / self.step) * self.step - 1) < 1e-9
        ):
            raise Nonsense(
                f"step: {self.step:g} s: a whole number of steps must make a second (1, 0.5, 0.2, 0.1)"
            )
        return self


class Shown(NamedTuple):
    """How the result is shown."""

    as_json: bool
    explain: bool
    only: Sequence[str] | None

    def checked(self) -> "Shown":
        """Return itself.

        Raises:
            Nonsense: options that contradict each other.
        """
        if self.as_json and self.explain:
            raise Nonsense("--json and --explain both say how to show the result; give one of them")
        if self.only and not self.explain:
            raise Nonsense("--only belongs to --explain")
        return self

    def explained(self, figures: dict[str, Figure]) -> str:
        """Return where the figures come from.

        Raises:
            Nonsense: there is no figure of a name that was asked for.
        """
        try:
            return report.explanation(figures, self.only or ())
        except KeyError as error:
            raise Nonsense(f"--only {error}: there are {', '.join(figures)}") from None


def told_event(event_file: Path | None = None, **options: Any) -> Event:
    """Return the event of a file and of the options, which win.

    Raises:
        BadFile: the file can't be read.
        Nonsense: it can't be meant.
    """
    told = {} if event_file is None else _fields(event_file)
    told |= {key: value for key, value in options.items() if value is not None}
    for key in _READERS:
        if isinstance(told.get(key), str):
            told[key] = _read(key, told[key])
        elif isinstance(told.get(key), bool) or not isinstance(told.get(key), float | int | None):
            raise Nonsense(f"{key}: {told[key]!r} is no number")
    if (told.get("viewers") or 0) > WORLD_POPULATION:
        raise Nonsense(f"viewers: {told['viewers']:.3g} are more than there are people")
    try:
        return event(**{_NAMES.get(key, key): value for key, value in told.items()})
    except Nonsense as error:
        raise Nonsense(_as_typed(str(error))) from None


def _read(name: str, text: str) -> float:
    try:
        return _READERS[name](text)
    except Nonsense as error:
        raise Nonsense(f"{name}: {error}") from None


def _as_typed(message: str) -> str:
    """Return a message with the names under which fields were typed."""
    for typed, field in (_NAMES | _SPOKEN).items():
        message = re.sub(rf"\b{field}\b", typed, message)
    return message


def _fields(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        read: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise BadFile(f"event: {path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise BadFile(f"event: {path}: {error}") from None
    if not isinstance(read, dict):
        raise BadFile(f'event: {path} holds no names and values, as in {{"peak": 500, "duration": 600}}')
    return read


# What makes the parameters of a command out of its options (``cli``).
MAKERS: Mapping[str, Callable[..., Any]] = {
    "event": told_event,
    "wish": Wish,
    "given": Given,
    "chance": Chance,
    "shown": Shown,
}


def plan(
    event: Event,
    wish: Wish,
    given: Given,
    shown: Shown,
    *,
    current_shards: int | None,
    keep: Path | None,
    out: Path | None,
    brief: bool,
) -> None:
    """Plan an event; write the settings and show the rest."""
    shown.checked()
    if keep is not None and out is None:
        raise Nonsense("--keep belongs to --out: it says what that file repeats")
    kept = None if keep is None else tfvars.parsed(keep)
    if kept is not None and current_shards is None:
        current_shards = kept.get("stream", {}).get("shard_count")
    found = make_plan(
        event,
        wish.goals(),
        given.facts(),
        keeping=wish.keeping(),
        times=given.times(),
        current_shards=current_shards,
    )
    if out is not None:
        _write(out, tfvars.write(found, _command(), kept))
    if shown.explain:
        _print_plain(shown.explained(found.figures()))
    elif shown.as_json:
        _print_plain(report.plan_json(found))
    else:
        console.print(report.brief(found) if brief else report.plan(found))


def simulate(
    event: Event,
    wish: Wish,
    given: Given,
    chance: Chance,
    shown: Shown,
    *,
    tfvars_file: Path | None,
    plot: Path | None,
) -> None:
    """Play an event on what the plan would choose, or on a deployment's own settings."""
    shown.checked()
    if plot is not None:
        plots.check(plot)
    facts, times, keeping = given.facts(), given.times(), wish.keeping()
    beforehand: list[Item] = []
    if tfvars_file is None:
        found = make_plan(event, wish.goals(), facts, keeping=keeping, times=times)
        scenario = found.scenario
        beforehand = [item for item in found.items if item.what == PREWARMING]
    else:
        scenario = Scenario.expected(
            event,
            tfvars.read(tfvars_file),
            facts,
            writer_time=times.writer,
            aggregator_time=times.aggregator,
        )
    course = play(scenario, *chance.checked())
    simulated, predicted = Outcome.of(course), Outcome.of(flow(scenario))
    items = itemise(Usage.of(course, keeping, "simulated course"), event, scenario.deployment, facts)
    items += beforehand
    if plot is not None:
        plots.save(plots.course(course, scenario, keeping, event.name), plot)
    if shown.explain:
        how = f"simulated step by step, seed {chance.seed}"
        figures = report.course_figures(scenario, simulated, how)
        flows = report.course_figures(scenario, predicted, "expected flows along the arrival curve")
        figures |= {f"predicted: {name}": figure for name, figure in flows.items()}
        figures |= {f"cost: {item.service}, {item.what}": item.cost for item in items}
        figures["total cost"] = total(items)
        _print_plain(shown.explained(figures))
    elif shown.as_json:
        _print_plain(report.course_json(scenario, predicted, simulated, items, chance.seed))
    else:
        console.print(report.course(scenario, predicted, simulated, items))


def simulate_published(
    given: Given, chance: Chance, shown: Shown, plot: Path | None, *, doubled_writes: bool
) -> None:
    """Play the published sample's runs, with its writes or with ours."""
    shown.checked()
    if plot is not None and plot.exists() and not plot.is_dir():
        raise BadFile(f"plot: {plot} is a file; --published writes two pictures, and wants a directory")
    seed, step = chance.checked()
    found = published.play(given.facts(), doubled_writes=doubled_writes, seed=seed, step=step)
    if plot is not None:
        whose = "sample" if doubled_writes else "ours"
        plots.save(plots.batch_sizes(found, published=doubled_writes), plot / f"batch-sizes-{whose}.png")
        plots.save(plots.windows(found, published=doubled_writes), plot / f"windows-{whose}.png")
    if shown.explain:
        figures: dict[str, Figure] = {}
        for run in (found.known, found.batch_10, found.window_2):
            how = f"{run.name}, simulated step by step, seed {seed}"
            of_run = report.course_figures(run.scenario, run.simulated, how)
            figures |= {f"{run.name}: {name}": figure for name, figure in of_run.items()}
        _print_plain(shown.explained(figures))
    elif shown.as_json:
        _print_plain(report.published_json(found, doubled_writes=doubled_writes, seed=seed))
    else:
        console.print(report.published(found, doubled_writes=doubled_writes))


def compare(path: Path, given: Given, chance: Chance, shown: Shown) -> None:
    """Hold a real run against its simulation.

    Raises:
        Disagreement: they differ.
    """
    shown.checked()
    run = real_run.load(path)
    rows = _beside_simulation(run, given, chance)
    if shown.explain:
        _print_plain(shown.explained(real_run.figures(run, rows, given.facts(), given.times())))
    elif shown.as_json:
        _print_plain(report.compared_json(rows))
    else:
        console.print(report.compared(rows))
    _check_agreement(rows)


def _beside_simulation(run: RealRun, given: Given, chance: Chance) -> Sequence[Compared]:
    courses = real_run.simulations(run, given.facts(), given.times(), *chance.checked())
    return real_run.compare(run, courses)


def _check_agreement(rows: Sequence[Compared]) -> None:
    if differing := [row.quantity for row in rows if not row.agrees]:
        raise Disagreement(f"run and simulation differ in {', '.join(differing)}")


def rehearse(
    environment: str,
    event: Event,
    given: Given,
    chance: Chance,
    *,
    tfvars_file: Path | None,
    out: Path | None,
) -> None:
    """Send an event's votes through a deployment, and hold what became of them against the simulation.

    Raises:
        Disagreement: they differ.
        Nonsense: the event is too large for a rehearsal.
    """
    rehearsal.check(event)
    if out is not None:
        _check_place(out)
    settings = tfvars.read(tfvars_file or ENVIRONMENTS / f"{environment}.tfvars")
    deployments.aim(environment)
    target = deployments.find(environment)
    with console.status(f"sending {event.votes:,.0f} votes in {spoken(event.duration_seconds)}"):
        run = rehearsal.rehearse(target, event, settings, chance.seed)
    if out is not None:
        _write(out, run.model_dump_json(indent=2) + "\n")
    rows = _beside_simulation(run, given, chance)
    console.print(run.description, report.compared(rows), sep="\n")
    _check_agreement(rows)


def calibrate(
    environment: str, poll: str, option: str, batch_sizes: Sequence[int], repeats: int, out: Path
) -> None:
    """Measure both functions of a deployment and write their times."""
    sizes = sorted(set(batch_sizes))
    if len(sizes) < 2 or not all(1 <= size <= 10_000 for size in sizes):
        raise Nonsense("batch_size: at least two different sizes from 1 to 10000 are needed")
    _check_place(out)
    deployments.aim(environment)
    target = deployments.find(environment)
    client = boto3.client("lambda")
    now = datetime.now(UTC)
    run = now.strftime("%Y%m%dt%H%M%S")
    functions = (target.vote_writer_function, target.vote_aggregator_function)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("invoking", total=len(functions) * len(sizes) * (repeats + 1))
        writer, aggregator = (
            measure.measure(
                client,
                function,
                lambda size: measure.events(poll, option, run, size, now.timestamp()),
                sizes,
                repeats,
                time.perf_counter,
                lambda: progress.advance(task),
            )
            for function in functions
        )
    found = Calibration(
        environment=environment,
        measured_at=now.isoformat(timespec="seconds"),
        vote_writer=writer,
        vote_aggregator=aggregator,
    )
    _write(out, found.model_dump_json(indent=2) + "\n")
    console.print(report.calibration(found))


def _command() -> str:
    """Return what was typed, on one line."""
    return " ".join(shlex.join(["votectl", *sys.argv[1:]]).split())


def _print_plain(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def _check_place(path: Path) -> None:
    """Refuse a file that can't be written, before minutes of work for it."""
    if not path.parent.is_dir() or path.is_dir():
        raise BadFile(f"{path} can't be written: there is no such directory, or it is one")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise BadFile(f"{path} can't be written: {error.strerror}") from None
