"""What the commands do: each takes the options of its command line by name, as ``cli`` declares them."""

import shlex
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3

from votectl.commands.common import find, refuse
from votectl.errors import OperatorError
from votectl.settings import files, tfvars
from votectl.sizing import evidence, facts, measurements, plan_file, report
from votectl.sizing.consumer import FunctionTimes
from votectl.sizing.cost import idle_month, itemise, total
from votectl.sizing.course import CourseSummary, Keeping, Usage
from votectl.sizing.doors import PAID_BEFORE
from votectl.sizing.event import LONGEST_EVENT_SECONDS, WORLD_POPULATION, Goals, VotingEvent, event, validated
from votectl.sizing.inputs import InvalidInput, amount, seconds, spoken
from votectl.sizing.plan import CapacityPlan
from votectl.sizing.plan import plan as make_plan
from votectl.sizing.planner import COUNT_READS
from votectl.sizing.predict import flow
from votectl.sizing.scenario import EventScenario
from votectl.sizing.simulate import simulate as play
from votectl.terminal import Output, console, visible, write

type Options = Mapping[str, Any]

_OF_EVENT = {"votes", *VotingEvent.model_fields}
_READERS: dict[str, Callable[[str], float]] = {
    **dict.fromkeys(("votes", "peak", "viewers"), amount),
    **dict.fromkeys(("duration", "viewer_time", "viewer_refresh", "sign_in_time"), seconds),
}


def event_of(options: Options) -> VotingEvent:
    """Return the event of the file and of the options, which win. Raises BadFile or InvalidInput: it is invalid."""
    path, example = options["event_file"], '{"peak": 500, "duration": 600}'
    told = ({} if path is None else files.mapping_of(path, "event", example)) | _told_event(options)
    for key, reader in _READERS.items():
        if isinstance(told.get(key), str):
            told[key] = _read(reader, key, told[key])
        elif isinstance(told.get(key), bool) or not isinstance(told.get(key), float | int | None):
            raise InvalidInput(f"{key}: {told[key]!r} is not a number")
    if (told.get("viewers") or 0) > WORLD_POPULATION:
        raise InvalidInput(f"viewers: {told['viewers']:.3g} are more than there are people")
    return event(**told)


def _told_event(options: Options) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key in _OF_EVENT and value is not None}


def _read(reader: Callable[[str], float], name: str, text: str) -> float:
    try:
        return reader(text)
    except OperatorError as error:
        raise InvalidInput(f"{name}: {error}", error.examples) from error


def _keeping(options: Options) -> Keeping:
    kept = {name: _read(seconds, name, options[name]) for name in ("before", "after")}
    for name, value in kept.items():
        if value > LONGEST_EVENT_SECONDS:
            raise InvalidInput(f"{name}: {spoken(value)} is more than 30 days; price everyday use instead")
    return Keeping(kept["before"] / 3600, kept["after"] / 3600)


def _times(options: Options) -> FunctionTimes:
    path = options["calibration"]
    return files.load(measurements.Calibration, path, "calibration").function_times() if path else {}


def _step(options: Options) -> float | None:
    step: float | None = options["step"]
    if step is not None and not (0 < step <= 1 and abs(round(1 / step) * step - 1) < 1e-9):
        possible = ["1", "0.5", "0.2", "0.1"]
        whole = f"a second must be a whole number of steps ({', '.join(possible)})"
        raise InvalidInput(f"step: {whole}, not {step:g} s", examples=possible)
    return step


def check_shown(options: Options) -> None:
    """Refuse options of the output that contradict each other. Raises InvalidInput."""
    explain, formatted = options.get("explain"), options["output"] is not Output.TABLE
    refuse(
        (explain and formatted, "give one of --output (or --json) and --explain"),
        (options.get("only") and not explain, "--only belongs to --explain"),
    )


def _show(options: Options, shown: report.SizingReport) -> None:
    """Show a result as an explanation, or in the form that was asked for."""
    if not options.get("explain"):
        shown.emit(options["output"])
        return
    try:
        write(visible(report.explanation(shown.figures, options["only"] or ())))
    except KeyError as error:
        raise InvalidInput(f"--only {error}: the names are {', '.join(shown.figures)}") from None


def plan(options: Options) -> None:
    """Plan an event; write the settings and show the rest."""
    keep, out = options["keep"], options["out"]
    refuse((keep and not out, "--keep belongs to --out: it says what that file repeats"))
    kept = tfvars.known(keep) if keep else None
    options = _with_kept(options, kept.converted) if kept else options
    found = _planned(event_of(options), options)
    command = " ".join(shlex.join(["votectl", *sys.argv[1:]]).split())
    files.write(out, plan_file.write(found, command, kept))
    _show(options, report.plan(found, brief=options["brief"]))


def idle(options: Options) -> None:
    """Price a month of an environment in which nobody votes."""
    settings, prices = tfvars.environment(options["environment"]), facts.load(options["prices"])
    _show(options, report.idle(options["environment"], idle_month(settings, prices)))


def _with_kept(options: Options, kept: Mapping[str, Any]) -> Options:
    """Return the options; what they leave out about the environment is as its file has it."""
    names = ("api", "stream", "results_api", "voter_auth")
    api, stream, results, auth = (kept.get(name) or {} for name in names)
    of_file = {
        "identity": auth.get("mode"),
        "user_pool_tier": auth.get("user_pool_tier"),
        "firewall": kept.get("firewall") is not None or None,
        "client_keys": bool(api.get("clients")) or None,
        "current_shards": stream.get("shard_count"),
    }
    filled = {name: value for name, value in of_file.items() if options[name] is None and value is not None}
    pages_by_cdn = results.get("cdn_enabled") or False if kept.get("web") is not None else None
    metrics = stream.get("shard_level_metrics") or ()
    return {**options, **filled, "pages_by_cdn": pages_by_cdn, "shard_level_metrics": metrics}


def _planned(planned: VotingEvent, options: Options) -> CapacityPlan:
    names = ("current_shards", "door", "shard_level_metrics", "pages_by_cdn")
    more = {name: options[name] for name in names if name in options}
    told = {name: _read(seconds, name, options[name]) for name in ("deadline", "live_lag")}
    goals = validated(Goals, {**told, "prefer": options["prefer"]})
    prices, keeping, times = facts.load(options["prices"]), _keeping(options), _times(options)
    return make_plan(planned, goals, prices, keeping=keeping, times=times, **more)


def simulate(options: Options) -> None:
    """Play an event, the published runs, or a real run again."""
    of_sample, compare, plot = options["published"], options["compare"], options["plot"]
    of_event = _told_event(options) or options["event_file"] or options["tfvars"]
    known = "--published" if of_sample else "--compare" if compare else None
    refuse(
        (of_sample and compare, "give one of --published and --compare; each plays its own runs"),
        (known and of_event, f"{known} plays known runs; leave out options of an event or a deployment"),
        (compare and plot, "--plot shows one course, and --compare plays several; leave one of them out"),
        (options["doubled_writes"] and not of_sample, "--doubled-writes belongs to --published"),
    )
    if compare:
        _compare(files.load(evidence.RealRun, compare, "run"), options)
    elif of_sample:
        _simulate_published(options)
    else:
        _simulate_event(event_of(options), options)


def _simulate_event(played: VotingEvent, options: Options) -> None:
    """Play an event on what the plan would choose, or on a deployment's own settings."""
    if (plot := options["plot"]) is not None:
        from votectl import drawing  # matplotlib takes half a second
        from votectl.sizing import plots

        drawing.check_format(plot)
    prices, times, keeping = facts.load(options["prices"]), _times(options), _keeping(options)
    if options["tfvars"] is None:
        found = _planned(played, options)
        scenario, count_reads = found.scenario, found.decisions.get(COUNT_READS)
        beforehand = [item for item in found.offer.items if item.what in PAID_BEFORE]
    else:
        settings, beforehand, count_reads = tfvars.read(options["tfvars"]), [], None
        scenario = EventScenario.expected(played, settings, prices, **times)
    course = play(scenario, options["seed"], _step(options))
    usage = Usage.of(course, keeping, "simulated course")
    items = itemise(usage, scenario, count_reads) + beforehand
    if plot is not None:
        drawing.save(plots.course(course, scenario, keeping, played.name, total(beforehand).value), plot)
    predicted, simulated = CourseSummary(flow(scenario)), CourseSummary(course)
    _show(options, report.course(scenario, predicted, simulated, items, options["seed"]))


def _simulate_published(options: Options) -> None:
    """Play the published sample's runs, with its writes or with ours."""
    plot, doubled, seed = options["plot"], options["doubled_writes"], options["seed"]
    if plot is not None and plot.exists() and not plot.is_dir():
        raise files.BadFile(f"plot: {plot} is a file; --published writes two pictures and needs a directory")
    prices = facts.load(options["prices"])
    found = evidence.play(prices, doubled_writes=doubled, seed=seed, step=_step(options))
    if plot is not None:
        from votectl import drawing  # matplotlib takes half a second
        from votectl.sizing import plots

        for name, picture in plots.published(found, doubled_writes=doubled).items():
            drawing.save(picture, plot / f"{name}-{'sample' if doubled else 'ours'}.png")
    _show(options, report.published(found, doubled_writes=doubled, seed=seed))


def _compare(run: evidence.RealRun, options: Options, description: str = "") -> None:
    """Compare a run with its simulations. Raises OperatorError: they differ."""
    played = run.simulations(facts.load(options["prices"]), _times(options), options["seed"], _step(options))
    rows = evidence.compare(run, played)
    _show(options, report.compared(rows, description))
    if differing := [row.real.name for row in rows if not row.agrees]:
        raise OperatorError(f"run and simulation differ in {', '.join(differing)}")


def rehearse(options: Options) -> None:
    """Send an event's votes through a deployment, and compare the run with its simulations."""
    sent, out, environment = event_of(options), options["out"], options["environment"]
    measurements.check(sent)
    files.check_place(out)
    applied = options["tfvars"]
    settings = tfvars.read(applied) if applied else tfvars.environment(environment)
    target = find(environment)
    with console(stderr=True).status(f"sending {sent.votes:,.0f} votes in {spoken(sent.duration)}"):
        run = measurements.rehearse(target, sent, settings, options["seed"])
    files.write(out, run)
    _compare(run, options, run.description)


def calibrate(options: Options) -> None:
    """Measure both functions of a deployment and write their times."""
    sizes = sorted(set(options["batch_size"] or [10, 25, 100, 250, 500, 1000]))
    if len(sizes) < 2 or not all(1 <= size <= 10_000 for size in sizes):
        raise InvalidInput("batch_size: give at least two different sizes from 1 to 10000")
    files.check_place(options["out"])
    now, environment = datetime.now(UTC), options["environment"]
    poll, option, run = options["poll"], options["option"], now.strftime("%Y%m%dt%H%M%S")
    target, client = find(environment), boto3.client("lambda")
    batches = partial(measurements.events, poll, option, run, now)
    measured: dict[str, Any] = {}
    with console(stderr=True).status("invoking the functions"):
        for name in ("vote_writer", "vote_aggregator"):
            function = getattr(target, f"{name}_function")
            measured[name] = measurements.measure(client, function, batches, sizes, options["repeats"])
    measured |= {"environment": environment, "measured_at": now.isoformat(timespec="seconds")}
    found = measurements.Calibration.model_validate(measured)
    files.write(options["out"], found)
    _show(options, report.calibration(found))
