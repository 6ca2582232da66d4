"""Pictures of a course: small files, readable without colour names, one scale per panel."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import FuncFormatter

from votectl.sizing.cost import itemise, total
from votectl.sizing.course import Course
from votectl.sizing.demand import Array
from votectl.sizing.errors import BadFile
from votectl.sizing.published import Experiments
from votectl.sizing.scenario import Scenario
from votectl.sizing.usage import Keeping, Usage

FORMATS = (".png", ".svg")
_BINS = 300  # points per curve: a screen shows no more
_COST_POINTS = 40
_BLUE, _ORANGE, _GREEN, _RED, _GREY = "#0b6fa4", "#d1690e", "#3a8f3a", "#b3261e", "#777777"

# The same bytes for the same curves.
mpl.rcParams["svg.hashsalt"] = "votestream"


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
        picture.savefig(path, dpi=90, metadata=metadata)
    except OSError as error:
        raise BadFile(f"plot: {path} can't be written: {error.strerror}") from None


def course(played: Course, scenario: Scenario, keeping: Keeping, title: str) -> Picture:
    """Return everything about one course: votes, write units, lags, throttles, cost."""
    picture = Picture(figsize=(9, 11), layout="constrained")
    votes, units, live, lags, throttles, cost = axes = picture.subplots(6, 1, sharex=True)
    picture.suptitle(title)
    edges = _edges(played)
    _rates(votes, played, edges, "sent", played.sent, _GREY)
    _rates(votes, played, edges, "accepted", played.accepted, _BLUE)
    _rates(votes, played, edges, "stored", played.stored, _GREEN)
    votes.set_ylabel("votes/s")
    _rates(units, played, edges, "votes table", played.vote_units, _BLUE)
    units.set_ylabel("WCU/s")
    # Wide enough for a few windows each: single ones would only show as a comb.
    windows = 4.0 * max(scenario.aggregator.window, 1.0)
    _rates(live, played, _edges(played, windows), "tallies table", played.live_units, _ORANGE)
    live.set_ylabel("WCU/s")
    for name, curve, colour in (
        ("oldest unstored vote (the writer's iterator age)", played.storing_lag, _BLUE),
        ("oldest vote missing in the live result", played.live_lag, _ORANGE),
    ):
        lags.plot(_minutes(edges[1:]), _highest(played.times, curve, edges), color=colour, label=name, lw=1.2)
    lags.set_ylabel("s")
    throttled = played.vote_units_throttled + played.live_units_throttled
    _rates(throttles, played, edges, "votes refused by the front door", played.refused_by_api, _RED)
    _rates(throttles, played, edges, "votes refused by the stream", played.refused_by_stream, _ORANGE)
    _rates(throttles, played, edges, "units refused by the tables", throttled, _GREY)
    throttles.set_ylabel("per second")
    throttles.set_ylim(top=max(1.0, throttles.get_ylim()[1]))  # nothing is shown as nothing
    moments = np.linspace(played.times[0], played.times[-1], _COST_POINTS)
    spent = [_cost(played, scenario, keeping, float(moment)) for moment in moments]
    cost.plot(_minutes(moments), spent, color=_BLUE, label="cost so far")
    cost.set_ylabel("USD")
    _finish(axes)
    return picture


def batch_sizes(experiments: Experiments, *, published: bool) -> Picture:
    """Return the published graph of batch sizes: votes coming in, and the votes table's write units."""
    picture = Picture(figsize=(9, 7), layout="constrained")
    axes = picture.subplots(2, 1, sharex=True)
    runs = ((experiments.known, 17_900, "a flat 17,900"), (experiments.batch_10, 17_900 / 2, "only half"))
    for axis, (run, level, words) in zip(axes, runs, strict=True):
        edges = _edges(run.course)
        _rates(axis, run.course, edges, "votes coming in", run.course.accepted, _GREEN)
        _rates(axis, run.course, edges, f"votes table, {run.name}", run.course.vote_units, _BLUE)
        if published:
            axis.axhline(level, color=_RED, ls="--", lw=1, label=f"published: {words}")
            found = next(c for c in experiments.comparisons if c.run == run.name and "level" in c.quantity)
            scale = 1.0 if run is experiments.known else experiments.known.predicted.vote_units_peak
            axis.axhspan(
                found.low * scale, found.high * scale, color=_BLUE, alpha=0.15, lw=0, label="error bar"
            )
        axis.set_ylabel("per second")
    _finish(axes)
    return picture


def windows(experiments: Experiments, *, published: bool) -> Picture:
    """Return the published graph of windows: the counters' write units at 2 s and at 5 s."""
    picture = Picture(figsize=(9, 4), layout="constrained")
    axis = picture.subplots()
    for run, colour in ((experiments.window_2, _ORANGE), (experiments.known, _BLUE)):
        edges = np.arange(0.0, run.course.event_seconds + 60.0, 30.0)
        _rates(axis, run.course, edges, run.name, run.course.live_units, colour)
    if published:
        axis.axhline(51, color=_RED, ls="--", lw=1, label="published: about 51 at 5 s")
        axis.axhline(153, color=_RED, ls=":", lw=1, label="published: three times that at 2 s")
        found = next(c for c in experiments.comparisons if c.run == experiments.window_2.name)
        level = experiments.known.predicted.live_units_per_second
        axis.axhspan(
            found.low * level, found.high * level, color=_ORANGE, alpha=0.15, lw=0, label="error bar"
        )
    axis.set_ylabel("counter writes, WCU/s")
    _finish([axis])
    return picture


def _edges(played: Course, width: float = 0.0) -> Array:
    """Return the edges between points: ``_BINS`` over the course and a little more, or of a width (s)."""
    end = float(played.times[-1]) * 1.02
    return np.linspace(0.0, end, min(_BINS, max(2, int(end / width))) + 1 if width else _BINS + 1)


def _rates(axis: Axes, played: Course, edges: Array, name: str, curve: Array, colour: str) -> None:
    """Draw a cumulative curve's mean rates between the edges."""
    rates = np.diff(np.interp(edges, played.times, curve)) / np.diff(edges)
    axis.plot(_minutes(edges[1:]), rates, color=colour, label=name, lw=1.2)


def _highest(times: Array, values: Array, edges: Array) -> Array:
    """Return the highest value between the edges."""
    starts = np.minimum(np.searchsorted(times, edges[:-1]), len(values) - 1)
    highest: Array = np.maximum.reduceat(values, starts)
    return highest


def _minutes(seconds: Array) -> Array:
    return seconds / 60


def _cost(played: Course, scenario: Scenario, keeping: Keeping, until: float) -> float:
    usage = Usage.of(played, keeping, "simulated course", until)
    return total(itemise(usage, scenario.event, scenario.deployment, scenario.facts)).value


def _finish(axes: Sequence[Axes]) -> None:
    for axis in axes:
        axis.set_ylim(bottom=0)
        axis.yaxis.set_major_formatter(FuncFormatter(_tick))
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", lw=0.4, alpha=0.6)
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, fontsize=8, frameon=False, borderpad=0)
    axes[-1].set_xlabel("minutes")


def _tick(value: float, _: int) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
