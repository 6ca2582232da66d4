"""Pictures of courses: small files, readable without colour names, one scale per panel."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from votectl import drawing
from votectl.drawing import BLUE, GREEN, GREY, ORANGE, RED
from votectl.sizing.cost import itemise, total
from votectl.sizing.course import Course, Keeping, Usage
from votectl.sizing.event import Array
from votectl.sizing.evidence import PlayedExperiments
from votectl.sizing.scenario import EventScenario

_BINS = 300  # points per curve: a screen shows no more
_COST_POINTS = 40
KNOWN, SMALL, SHORT = "batch 25, 5 s", "batch 10, 5 s", "batch 25, 2 s"  # published runs
# A curve: its name, values and colour.
type Line = tuple[str, Array, str]


def course(
    played: Course, scenario: EventScenario, keeping: Keeping, title: str, beforehand: float = 0.0
) -> Picture:
    """Return everything about one course. ``beforehand``: USD that are paid before the event."""
    throttled = played.vote_units_throttled + played.live_units_throttled
    refusals = [
        ("votes, by the front door", played.refused_by_api, RED),
        ("votes, by the stream", played.refused_by_stream, ORANGE),
        ("write units, by the tables", throttled, GREY),
    ]
    refused = [line for line in refusals if line[1][-1] > 0]
    with drawing.style():
        picture, (votes, units, live, ages, *refusing, cost) = drawing.panels(6 if refused else 5)
        sent, accepted = ("sent", played.sent, GREY), ("accepted", played.accepted, BLUE)
        _rates(votes, "votes/s", played, sent, accepted, ("stored", played.stored, GREEN))
        _rates(units, "WCU/s", played, ("votes table", played.vote_units, BLUE))
        # Bins are a few windows wide: single windows would only show as a comb.
        window = 4.0 * max(scenario.aggregator.window, 1.0)
        _rates(live, "WCU/s", played, ("tallies table", played.live_units, ORANGE), width=window)
        edges = _edges(played)
        starts = np.minimum(np.searchsorted(played.times, edges[:-1]), len(played.times) - 1)
        for name, age, colour in (
            ("oldest vote not in the live result", played.live_lag, ORANGE),
            ("oldest vote not stored", played.storing_lag, BLUE),
        ):
            ages.plot(edges[1:] / 60, np.maximum.reduceat(age, starts), color=colour, label=name)
        ages.set_ylabel("age, s")
        for axis in refusing:
            _rates(axis, "refused/s", played, *refused)
        moments = np.linspace(played.times[0], played.times[-1], _COST_POINTS)
        usages = (Usage.of(played, keeping, "simulated course", float(moment)) for moment in moments)
        spent = beforehand + np.array([total(itemise(usage, scenario)).value for usage in usages])
        label = f"cost so far, door {scenario.deployment.api.vote_door}"
        cost.plot(moments / 60, spent, color=BLUE, label=label)
        cost.set_ylabel("US$")
        last = (
            f"the last one {max(0.0, played.done(played.stored) - played.event_seconds):,.0f} s after the end"
        )
        lost = f"{played.refused_by_api[-1] + played.refused_by_stream[-1]:,.0f} votes refused"
        cost_and_age = f"oldest vote {np.max(played.storing_lag):,.0f} s, US$ {spent[-1]:,.2f}"
        stored = f"{title}: {played.stored[-1]:,.0f} votes stored"
        drawing.headline(picture, f"{stored}, {last}", f"{lost}, {cost_and_age}")
        drawing.finish(picture.axes, "minutes")
    return picture


def published(experiments: PlayedExperiments, *, doubled_writes: bool) -> dict[str, Picture]:
    """Return the published graphs by name: of batch sizes, and of windows. The levels are those of doubled writes."""
    known, small, short = (experiments.runs[name] for name in (KNOWN, SMALL, SHORT))
    with drawing.style():
        batches, axes = drawing.panels(2, 3.4)
        for axis, name, run, words, level in (
            (axes[0], KNOWN, known.course, "a flat 17,900", 17_900),
            (axes[1], SMALL, small.course, "only half", 17_900 / 2),
        ):
            written = (f"votes table, {name}", run.vote_units, BLUE)
            _rates(axis, "per second", run, ("votes in", run.accepted, GREEN), written)
            if doubled_writes:
                axis.axhline(level, color=RED, ls="--", lw=1.5, label=f"published: {words}")
                _error_bar(axis, experiments, name, "vote_units_peak")
        ratio = small.course.done(small.course.stored) / known.course.done(known.course.stored)
        drawing.headline(batches, f"A batch of 10 takes {ratio:.1f} times as long as a batch of 25")
        drawing.finish(axes, "minutes")
        windows, (axis,) = drawing.panels(1, 4.4)
        for name, run, colour in ((SHORT, short.course, ORANGE), (KNOWN, known.course, BLUE)):
            _rates(axis, "counter writes, WCU/s", run, (name, run.live_units, colour), width=30.0)
        if doubled_writes:
            axis.axhline(51, color=RED, ls="--", lw=1.5, label="published, 5 s")
            axis.axhline(153, color=RED, ls=":", lw=2, label="published, 2 s")
            _error_bar(axis, experiments, SHORT, "live_units_per_second")
        more = short.predicted.live_units_per_second / known.predicted.live_units_per_second
        drawing.headline(windows, f"A window of 2 s writes {more:.1f} times as many counters as one of 5 s")
        drawing.finish([axis], "minutes")
    return {"batch-sizes": batches, "windows": windows}


def _error_bar(axis: Axes, experiments: PlayedExperiments, run: str, field: str) -> None:
    """Draw the error bar of a run's first comparison; a ratio is scaled by the known run's number."""
    found = next(each for each in experiments.comparisons if each.run == run)
    scale = getattr(experiments.runs[run].predicted, field) / found.predicted
    axis.axhspan(found.low * scale, found.high * scale, color=BLUE, alpha=0.15, lw=0, label="error bar")


def _edges(played: Course, width: float = 0.0) -> Array:
    """Return the edges of ``_BINS`` bins of a course, or of bins of a width (s)."""
    end = float(played.times[-1]) * 1.02
    return np.linspace(0.0, end, min(_BINS, max(2, int(end / width))) + 1 if width else _BINS + 1)


def _rates(axis: Axes, unit: str, played: Course, *lines: Line, width: float = 0.0) -> None:
    """Draw cumulative curves' mean rates. The first are wider, so that covered ones stay visible."""
    edges = _edges(played, width)
    for number, (name, curve, colour) in enumerate(lines, 1):
        rates = np.diff(np.interp(edges, played.times, curve)) / np.diff(edges)
        axis.plot(edges[1:] / 60, rates, color=colour, label=name, lw=1.2 + 1.6 * (len(lines) - number))
    axis.set_ylabel(unit)
