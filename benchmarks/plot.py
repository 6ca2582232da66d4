"""CPU per vote over batch size, and a backlog's draining over time, as SVG."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import subjects
from benchmarks.report import TITLES
from benchmarks.results import Results, Spread, find
from benchmarks.scenarios import BATCH_SIZE, FIRST_VOTES

_COLOURS = {
    subjects.PUT_ITEM: "#9a9a9a",
    subjects.BATCH_WRITE_ITEM: "#c98b2b",
    subjects.VOTE_WRITER: "#1f5fa8",
    subjects.VOTE_AGGREGATOR: "#2b8a5a",
    subjects.JSON_LOADS: "#555555",
}


@contextmanager
def _drawn(path: Path) -> Iterator[Axes]:
    """Yield axes to draw on, and save them; equal drawings give equal bytes."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "votestream", "font.family": "sans-serif"}):
        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        axes = figure.subplots()
        yield axes
        axes.grid(visible=True, alpha=0.25)
        axes.legend(frameon=False, fontsize="small")
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def plot_drains(results: Results, path: Path) -> None:
    """Draw write units of each second while a backlog drains, relative to the table's capacity."""
    if not results.drains:
        return
    with _drawn(path) as axes:
        axes.axhline(1, color=_COLOURS[subjects.PUT_ITEM], linestyle="--", label="what the table takes")
        for drain in results.drains:
            paced = drain.writes_per_second_of_a_lane > 0
            axes.stairs(
                [units / drain.write_units for units in drain.units_by_second],
                color=_COLOURS[subjects.VOTE_WRITER if paced else subjects.BATCH_WRITE_ITEM],
                linewidth=2,
                label="two lanes, paced" if paced else "two lanes, unpaced",
            )
        axes.set_ylim(bottom=0)
        axes.set_xlabel("seconds")
        axes.set_ylabel("write units in a second\n(1 = the table's)")


def plot_batch_sizes(results: Results, path: Path) -> None:
    """Draw CPU per first vote, relative to one conditional put_item per vote."""
    unit = find(results.batch_sizes, subjects.PUT_ITEM, BATCH_SIZE, FIRST_VOTES)
    if unit is None:
        return
    one = Spread.of(unit.cpu_us_per_vote).median
    with _drawn(path) as axes:
        for subject, colour in _COLOURS.items():
            rows = [row for row in results.batch_sizes if row.subject == subject]
            sizes = [row.batch_size for row in rows]
            spreads = [Spread.of(number / one for number in row.cpu_us_per_vote) for row in rows]
            axes.plot(
                sizes,
                [spread.median for spread in spreads],
                marker="o",
                markersize=3.5,
                color=colour,
                linestyle="--" if subject == subjects.JSON_LOADS else "-",
                label=TITLES[subject].strip("*"),
            )
            axes.fill_between(
                sizes,
                [s.least for s in spreads],
                [s.most for s in spreads],
                color=colour,
                alpha=0.15,
                linewidth=0,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        ticks = sorted({row.batch_size for row in results.batch_sizes})
        axes.set_xticks(ticks, [f"{size:,}" for size in ticks])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set_xlabel("votes in a batch")
        axes.set_ylabel(f"CPU per vote\n(1 = one conditional put_item a vote, batches of {BATCH_SIZE})")
