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
    refusals = [
        ("votes, by the front door", played.refused_by_api, drawing.RED),
        ("votes, by the stream", played.refused_by_stream, drawing.ORANGE),
        (
            "write units, by the tables",
            played.vote_units_throttled + played.live_units_throttled,
            drawing.GREY,
        ),
    ]
    refused = [(name, curve, colour) for name, curve, colour in refusals if curve[-1] > 0]
    with drawing.style():
        picture, axes = drawing.panels(6 if refused else 5)
        votes, units, live, ages, *refusing, cost = axes
        edges = _edges(played)
        _rates(votes, played, edges, "sent", played.sent, drawing.GREY, drawing.WIDE)
        _rates(votes, played, edges, "accepted", played.accepted, drawing.BLUE, drawing.NORMAL)
        _rates(votes, played, edges, "stored", played.stored, drawing.GREEN, drawing.NARROW)
        votes.set_ylabel("votes/s")
        _rates(units, played, edges, "votes table", played.vote_units, drawing.BLUE)
        units.set_ylabel("WCU/s")
        # Wide enough for a few windows each: single ones would only show as a comb.
        windows = 4.0 * max(scenario.aggregator.window, 1.0)
        _rates(live, played, _edges(played, windows), "tallies table", played.live_units, drawing.ORANGE)
        live.set_ylabel("WCU/s")
        for name, curve, colour in (
            ("oldest vote not stored", played.storing_lag, drawing.BLUE),
            ("oldest vote not in the live result", played.live_lag, drawing.ORANGE),
        ):
            highest = _highest(played.times, curve, edges)
            ages.plot(_minutes(edges[1:]), highest, color=colour, label=name, lw=drawing.NORMAL)
        ages.set_ylabel("age, s")
        for axis in refusing:
            for name, curve, colour in refused:
                _rates(axis, played, edges, name, curve, colour)
            axis.set_ylabel("refused/s")
        moments = np.linspace(played.times[0], played.times[-1], _COST_POINTS)
        spent = [beforehand + _cost(played, scenario, keeping, float(moment)) for moment in moments]
        cost.plot(
            _minutes(moments),
            spent,
            color=drawing.BLUE,
            label=f"cost so far, door {scenario.deployment.api.vote_door}",
            lw=drawing.NORMAL,
        )
        cost.set_ylabel("US$")
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
    runs = ((experiments.known, 17_900, "a flat 17,900"), (experiments.batch_10, 17_900 / 2, "only half"))
    with drawing.style():
        picture, axes = drawing.panels(2, 3.4)
        for axis, (run, level, words) in zip(axes, runs, strict=True):
            edges = _edges(run.course)
            _rates(axis, run.course, edges, "votes in", run.course.accepted, drawing.GREEN)
            _rates(axis, run.course, edges, f"votes table, {run.name}", run.course.vote_units, drawing.BLUE)
            if published:
                axis.axhline(level, color=drawing.RED, ls="--", lw=1.5, label=f"published: {words}")
                found = next(
                    c for c in experiments.comparisons if c.run == run.name and "level" in c.quantity
                )
                scale = 1.0 if run is experiments.known else experiments.known.predicted.vote_units_peak
                _error_bar(axis, found.low * scale, found.high * scale, drawing.BLUE)
            axis.set_ylabel("per second")
        slower, faster = (
            run.course.done(run.course.stored) for run in (experiments.batch_10, experiments.known)
        )
        drawing.headline(picture, f"A batch of 10 takes {slower / faster:.1f} times as long as a batch of 25")
        drawing.finish(axes, "minutes")
    return picture


def windows(experiments: Experiments, *, published: bool) -> Picture:
    """Return the published graph of windows: the counters' write units at 2 s and at 5 s."""
    with drawing.style():
        picture, axes = drawing.panels(1, 4.4)
        axis = axes[0]
        for run, colour in ((experiments.window_2, drawing.ORANGE), (experiments.known, drawing.BLUE)):
            edges = np.arange(0.0, run.course.event_seconds + 60.0, 30.0)
            _rates(axis, run.course, edges, run.name, run.course.live_units, colour)
        if published:
            axis.axhline(51, color=drawing.RED, ls="--", lw=1.5, label="published, 5 s")
            axis.axhline(153, color=drawing.RED, ls=":", lw=2, label="published, 2 s")
            found = next(c for c in experiments.comparisons if c.run == experiments.window_2.name)
            level = experiments.known.predicted.live_units_per_second
            _error_bar(axis, found.low * level, found.high * level, drawing.ORANGE)
        axis.set_ylabel("counter writes, WCU/s")
        more = experiments.window_2.predicted.live_units_per_second / (
            experiments.known.predicted.live_units_per_second
        )
        drawing.headline(picture, f"A window of 2 s writes {more:.1f} times as many counters as one of 5 s")
        drawing.finish(axes, "minutes")
    return picture


def _error_bar(axis: Axes, low: float, high: float, colour: str) -> None:
    axis.axhspan(low, high, color=colour, alpha=0.15, lw=0, label="error bar")


def _edges(played: Course, width: float = 0.0) -> Array:
    """Return the edges between points: ``_BINS`` over the course and a little more, or of a width (s)."""
    end = float(played.times[-1]) * 1.02
    return np.linspace(0.0, end, min(_BINS, max(2, int(end / width))) + 1 if width else _BINS + 1)


def _rates(
    axis: Axes,
    played: Course,
    edges: Array,
    name: str,
    curve: Array,
    colour: str,
    width: float = drawing.NORMAL,
) -> None:
    """Draw a cumulative curve's mean rates between the edges."""
    rates = np.diff(np.interp(edges, played.times, curve)) / np.diff(edges)
    axis.plot(_minutes(edges[1:]), rates, color=colour, label=name, lw=width)


def _highest(times: Array, values: Array, edges: Array) -> Array:
    """Return the highest value between the edges."""
    starts = np.minimum(np.searchsorted(times, edges[:-1]), len(values) - 1)
    highest: Array = np.maximum.reduceat(values, starts)
    return highest


def _minutes(seconds: Array) -> Array:
    return seconds / 60


def _cost(played: Course, scenario: EventScenario, keeping: Keeping, until: float) -> float:
    usage = Usage.of(played, keeping, "simulated course", until)
    return total(itemise(usage, scenario.event, scenario.deployment, scenario.facts)).value
