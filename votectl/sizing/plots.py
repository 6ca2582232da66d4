"""Pictures of courses: small files, readable without colour names, one scale per panel."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure as Picture

from votectl import drawing
from votectl.drawing import BLUE, GREEN, GREY, ORANGE, RED
from votectl.settings.files import BadFile
from votectl.sizing.cost import itemise, total
from votectl.sizing.course import Course, Keeping, Usage
from votectl.sizing.event import Array
from votectl.sizing.published import PlayedExperiments
from votectl.sizing.scenario import EventScenario

FORMATS = (".png", ".svg")
_BINS = 300  # points per curve: a screen shows no more
_COST_POINTS = 40


# A curve: its name, times, values and colour.
type Line = tuple[str, Array, Array, str]


class Panel(NamedTuple):
    """A panel of a picture: curves in one unit, published levels with their words, and an error bar."""

    unit: str
    lines: list[Line]
    levels: tuple[tuple[str, float], ...] = ()
    bar: tuple[float, float] | None = None


def check(path: Path) -> None:
    """Refuse a file that ``save`` would, before anything is drawn. Raises BadFile: it is neither PNG nor SVG."""
    if path.suffix not in FORMATS:
        raise BadFile(f"plot: {path} must end in {' or '.join(FORMATS)}")


def save(picture: Picture, path: Path) -> None:
    """Write a picture as PNG or SVG, by the file's name. Raises BadFile: another ending, or it can't be written."""
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
    refused = [
        _rate(played, "votes, by the front door", played.refused_by_api, RED),
        _rate(played, "votes, by the stream", played.refused_by_stream, ORANGE),
        _rate(played, "write units, by the tables", throttled, GREY),
    ]
    refusals = [line for line in refused if line[2].any()]
    moments = np.linspace(played.times[0], played.times[-1], _COST_POINTS)
    usages = (Usage.of(played, keeping, "simulated course", float(moment)) for moment in moments)
    bills = (itemise(usage, scenario.event, scenario.deployment, scenario.facts) for usage in usages)
    spent = beforehand + np.array([total(bill).value for bill in bills])
    # Wide enough for a few windows each: single ones would only show as a comb.
    window = 4.0 * max(scenario.aggregator.window, 1.0)
    panels = [
        Panel(
            "votes/s",
            [
                _rate(played, "sent", played.sent, GREY),
                _rate(played, "accepted", played.accepted, BLUE),
                _rate(played, "stored", played.stored, GREEN),
            ],
        ),
        Panel("WCU/s", [_rate(played, "votes table", played.vote_units, BLUE)]),
        Panel("WCU/s", [_rate(played, "tallies table", played.live_units, ORANGE, window)]),
        Panel(
            "age, s",
            [
                _oldest(played, "oldest vote not in the live result", played.live_lag, ORANGE),
                _oldest(played, "oldest vote not stored", played.storing_lag, BLUE),
            ],
        ),
        *([Panel("refused/s", refusals)] if refusals else []),
        Panel("US$", [(f"cost so far, door {scenario.deployment.api.vote_door}", moments, spent, BLUE)]),
    ]
    after = max(0.0, played.done(played.stored) - played.event_seconds)
    lost = played.refused_by_api[-1] + played.refused_by_stream[-1]
    return _picture(
        panels,
        f"{title}: {played.stored[-1]:,.0f} votes stored, the last one {after:,.0f} s after the end",
        f"{lost:,.0f} votes refused, oldest vote {np.max(played.storing_lag):,.0f} s, US$ {spent[-1]:,.2f}",
    )


def batch_sizes(experiments: PlayedExperiments, *, published: bool) -> Picture:
    """Return the published graph of batch sizes: incoming votes, and the votes table's write units."""
    names, levels = ("batch 25, 5 s", "batch 10, 5 s"), (("a flat 17,900", 17_900), ("only half", 17_900 / 2))
    panels = []
    for name, (words, level) in zip(names, levels, strict=True):
        run = experiments.runs[name].course
        lines = [
            _rate(run, "votes in", run.accepted, GREEN),
            _rate(run, f"votes table, {name}", run.vote_units, BLUE),
        ]
        marks = ((f"published: {words}", level),) if published else ()
        panels.append(
            Panel(
                "per second", lines, marks, _bar(experiments, name, "vote_units_peak") if published else None
            )
        )
    faster, slower = (experiments.runs[name].course for name in names)
    ratio = slower.done(slower.stored) / faster.done(faster.stored)
    return _picture(panels, f"A batch of 10 takes {ratio:.1f} times as long as a batch of 25")


def windows(experiments: PlayedExperiments, *, published: bool) -> Picture:
    """Return the published graph of windows: the counters' write units at 2 s and at 5 s."""
    names = ("batch 25, 2 s", "batch 25, 5 s")
    short, long = (experiments.runs[name] for name in names)
    lines = [
        _rate(run.course, name, run.course.live_units, colour, 30.0)
        for name, run, colour in zip(names, (short, long), (ORANGE, BLUE), strict=True)
    ]
    marks = (("published, 5 s", 51.0), ("published, 2 s", 153.0)) if published else ()
    panel = Panel(
        "counter writes, WCU/s",
        lines,
        marks,
        _bar(experiments, names[0], "live_units_per_second") if published else None,
    )
    more = short.predicted.live_units_per_second / long.predicted.live_units_per_second
    return _picture([panel], f"A window of 2 s writes {more:.1f} times as many counters as one of 5 s")


def _bar(experiments: PlayedExperiments, run: str, field: str) -> tuple[float, float]:
    """Return the error bar of a run's first comparison, its level; a ratio is scaled by the known run's."""
    found = next(each for each in experiments.comparisons if each.run == run)
    scale = getattr(experiments.runs[run].predicted, field) / found.predicted
    return found.low * scale, found.high * scale


def _edges(played: Course, width: float = 0.0) -> Array:
    """Return the edges of ``_BINS`` bins of a course, or of bins of a width (s)."""
    end = float(played.times[-1]) * 1.02
    return np.linspace(0.0, end, min(_BINS, max(2, int(end / width))) + 1 if width else _BINS + 1)


def _rate(played: Course, label: str, curve: Array, colour: str, width: float = 0.0) -> Line:
    """Return a cumulative curve's mean rates."""
    edges = _edges(played, width)
    return label, edges[1:], np.diff(np.interp(edges, played.times, curve)) / np.diff(edges), colour


def _oldest(played: Course, label: str, ages: Array, colour: str) -> Line:
    """Return the highest of some ages in each bin."""
    edges = _edges(played)
    starts = np.minimum(np.searchsorted(played.times, edges[:-1]), len(ages) - 1)
    return label, edges[1:], np.maximum.reduceat(ages, starts), colour


def _picture(panels: list[Panel], *headline: str) -> Picture:
    with drawing.style():
        picture, axes = drawing.panels(len(panels), 2.4 if len(panels) > 2 else 3.8)
        for axis, panel in zip(axes, panels, strict=True):
            # Curves that cover each other stay visible: the first are wider.
            for number, (label, times, values, colour) in enumerate(reversed(panel.lines)):
                width = drawing.NARROW + 2 * number
                axis.plot(times / 60, values, color=colour, label=label, lw=width, zorder=-number)
            for words, level in panel.levels:
                axis.axhline(level, color=RED, ls="--", lw=1.5, label=words)
            if panel.bar is not None:
                axis.axhspan(*panel.bar, color=BLUE, alpha=0.15, lw=0, label="error bar")
            axis.set_ylabel(panel.unit)
        drawing.headline(picture, *headline)
        drawing.finish(axes, "minutes")
    return picture
