"""Pictures of a course: small files, readable without colour names, one scale per panel."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from votectl import drawing
from votectl.settings.files import BadFile
from votectl.sizing.cost import itemise, total
from votectl.sizing.course import Course, Keeping, Usage
from votectl.sizing.event import Array
from votectl.sizing.published import Experiments
from votectl.sizing.scenario import EventScenario

FORMATS = (".png", ".svg")
_BINS = 300  # points per curve: a screen shows no more
_COST_POINTS = 40
# A curve of a panel: its name, its cumulative values, its colour.
type Line = tuple[str, Array, str]


def check(path: Path) -> None:
    """Refuse a file that ``save`` would, before anything is drawn.

    Raises:
        BadFile: its name says neither PNG nor SVG.
    """
    if path.suffix not in FORMATS:
        raise BadFile(f"plot: {path} must end in {' or '.join(FORMATS)}")


def save(picture: Picture, path: Path) -> None:
    """Write a picture as PNG or SVG, by the file's name.

    Raises:
        BadFile: another ending, or it can't be written.
    """
    check(path)
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with drawing.style():
            picture.savefig(path, dpi=90, metadata=metadata)
    except OSError as error:
        raise BadFile(f"plot: {path} can't be written: {error.strerror}") from None


def course(
    played: Course, scenario: EventScenario, keeping: Keeping, title: str, beforehand: float = 0.0
) -> Picture:
    """Return everything about one course: votes, write units, ages, refusals if there are any, cost.

    ``beforehand``: USD that are paid before the event (pre-warming, provisioned concurrency).
    """
    throttled = played.vote_units_throttled + played.live_units_throttled
    refusals: list[Line] = [
        ("votes, by the front door", played.refused_by_api, drawing.RED),
        ("votes, by the stream", played.refused_by_stream, drawing.ORANGE),
        ("write units, by the tables", throttled, drawing.GREY),
    ]
    refused = [line for line in refusals if line[1][-1] > 0]
    edges = _edges(played)
    # Wide enough for a few windows each: single ones would only show as a comb.
    live_edges = _edges(played, 4.0 * max(scenario.aggregator.window, 1.0))
    with drawing.style():
        picture, axes = drawing.panels(6 if refused else 5)
        votes, units, live, ages, *refusing, cost = axes
        _rates(votes, "votes/s", played, edges, ("sent", played.sent, drawing.GREY), width=drawing.WIDE)
        _rates(votes, "votes/s", played, edges, ("accepted", played.accepted, drawing.BLUE))
        _rates(
            votes, "votes/s", played, edges, ("stored", played.stored, drawing.GREEN), width=drawing.NARROW
        )
        _rates(units, "WCU/s", played, edges, ("votes table", played.vote_units, drawing.BLUE))
        _rates(live, "WCU/s", played, live_edges, ("tallies table", played.live_units, drawing.ORANGE))
        starts = np.minimum(np.searchsorted(played.times, edges[:-1]), len(played.times) - 1)
        for name, curve, colour in (
            ("oldest vote not stored", played.storing_lag, drawing.BLUE),
            ("oldest vote not in the live result", played.live_lag, drawing.ORANGE),
        ):
            _draw(ages, "age, s", edges[1:], np.maximum.reduceat(curve, starts), name, colour)
        for axis in refusing:
            _rates(axis, "refused/s", played, edges, *refused)
        moments = np.linspace(played.times[0], played.times[-1], _COST_POINTS)
        spent = beforehand + np.array([_cost(played, scenario, keeping, float(each)) for each in moments])
        label = f"cost so far, door {scenario.deployment.api.vote_door}"
        _draw(cost, "US$", moments, spent, label, drawing.BLUE)
        after = max(0.0, played.done(played.stored) - played.event_seconds)
        lost = played.refused_by_api[-1] + played.refused_by_stream[-1]
        drawing.headline(
            picture,
            f"{title}: {played.stored[-1]:,.0f} votes stored, the last one {after:,.0f} s after the end",
            f"{lost:,.0f} votes refused, oldest vote {np.max(played.storing_lag):,.0f} s, US$ {spent[-1]:,.2f}",
        )
        drawing.finish(axes, "minutes")
    return picture


def batch_sizes(experiments: Experiments, *, published: bool) -> Picture:
    """Return the published graph of batch sizes: incoming votes, and the votes table's write units."""
    known, batch_10 = experiments.known, experiments.batch_10
    with drawing.style():
        picture, axes = drawing.panels(2, 3.4)
        runs = ((known, 17_900, "a flat 17,900", 1.0), (batch_10, 17_900 / 2, "only half", None))
        for axis, (run, level, words, scale) in zip(axes, runs, strict=True):
            curve = run.course.vote_units
            lines = (
                ("votes in", run.course.accepted, drawing.GREEN),
                (f"votes table, {run.name}", curve, drawing.BLUE),
            )
            _rates(axis, "per second", run.course, _edges(run.course), *lines)
            if published:
                axis.axhline(level, color=drawing.RED, ls="--", lw=1.5, label=f"published: {words}")
                _error_bar(
                    axis, experiments, run.name, scale or known.predicted.vote_units_peak, drawing.BLUE
                )
        slower, faster = (run.course.done(run.course.stored) for run in (batch_10, known))
        drawing.headline(picture, f"A batch of 10 takes {slower / faster:.1f} times as long as a batch of 25")
        drawing.finish(axes, "minutes")
    return picture


def windows(experiments: Experiments, *, published: bool) -> Picture:
    """Return the published graph of windows: the counters' write units at 2 s and at 5 s."""
    known, window_2 = experiments.known, experiments.window_2
    level = known.predicted.live_units_per_second
    with drawing.style():
        picture, axes = drawing.panels(1, 4.4)
        axis = axes[0]
        for run, colour in ((window_2, drawing.ORANGE), (known, drawing.BLUE)):
            edges = np.arange(0.0, run.course.event_seconds + 60.0, 30.0)
            line = (run.name, run.course.live_units, colour)
            _rates(axis, "counter writes, WCU/s", run.course, edges, line)
        if published:
            axis.axhline(51, color=drawing.RED, ls="--", lw=1.5, label="published, 5 s")
            axis.axhline(153, color=drawing.RED, ls=":", lw=2, label="published, 2 s")
            _error_bar(axis, experiments, window_2.name, level, drawing.ORANGE)
        more = window_2.predicted.live_units_per_second / level
        drawing.headline(picture, f"A window of 2 s writes {more:.1f} times as many counters as one of 5 s")
        drawing.finish(axes, "minutes")
    return picture


def _error_bar(axis: Axes, experiments: Experiments, run: str, scale: float, colour: str) -> None:
    """Draw the error bar of a run's first comparison: its level."""
    found = next(each for each in experiments.comparisons if each.run == run)
    axis.axhspan(found.low * scale, found.high * scale, color=colour, alpha=0.15, lw=0, label="error bar")


def _edges(played: Course, width: float = 0.0) -> Array:
    """Return the edges between points: ``_BINS`` over the course and a little more, or of a width (s)."""
    end = float(played.times[-1]) * 1.02
    return np.linspace(0.0, end, min(_BINS, max(2, int(end / width))) + 1 if width else _BINS + 1)


def _rates(
    axis: Axes, unit: str, played: Course, edges: Array, *lines: Line, width: float = drawing.NORMAL
) -> None:
    """Draw cumulative curves' mean rates between the edges."""
    for name, curve, colour in lines:
        rates = np.diff(np.interp(edges, played.times, curve)) / np.diff(edges)
        _draw(axis, unit, edges[1:], rates, name, colour, width)


def _draw(
    axis: Axes, unit: str, times: Array, values: Array, name: str, colour: str, width: float = drawing.NORMAL
) -> None:
    axis.plot(times / 60, values, color=colour, label=name, lw=width)
    axis.set_ylabel(unit)


def _cost(played: Course, scenario: EventScenario, keeping: Keeping, until: float) -> float:
    usage = Usage.of(played, keeping, "simulated course", until)
    return total(itemise(usage, scenario.event, scenario.deployment, scenario.facts)).value
