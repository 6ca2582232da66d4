"""The style of all pictures: colours, type that is readable at half size, one form for axes and legends."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from votectl.settings.files import BadFile

BLUE, ORANGE, GREEN, RED, GREY = "#0b6fa4", "#d1690e", "#3a8f3a", "#b3261e", "#777777"

FORMATS = (".png", ".svg")

# Wide enough to show where one curve covers another.
WIDE, NORMAL, NARROW = 6.0, 2.4, 1.2

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 15,
    "axes.titlesize": 15,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.titlesize": 18,
    "legend.fontsize": 14,
    "legend.frameon": False,
    # The same bytes for the same curves.
    "svg.hashsalt": "votestream",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw and save in the common style."""
    with mpl.rc_context(_STYLE):
        yield


def panels(number: int, height_inches: float = 2.4) -> tuple[Figure, Sequence[Axes]]:
    """Return a picture with panels below each other that share their x axis."""
    figure = Figure(figsize=(11, 1.2 + height_inches * number), layout="constrained")
    return figure, list(figure.subplots(number, 1, sharex=True, squeeze=False)[:, 0])


def headline(figure: Figure, *lines: str) -> None:
    """Put the result above the picture: a title, and a line with the outcome."""
    figure.suptitle("\n".join(lines), x=0.01, ha="left")


def finish(axes: Sequence[Axes], x_label: str) -> None:
    """Give panels a zero, readable numbers, a grid and a legend above each."""
    for axis in axes:
        axis.set_ylim(bottom=0)
        axis.yaxis.set_major_formatter(FuncFormatter(_number))
        axis.grid(axis="y", lw=0.4, alpha=0.6)
        _, labels = axis.get_legend_handles_labels()
        axis.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=len(labels), borderpad=0, borderaxespad=0.1
        )
    axes[-1].set_xlabel(x_label)


def marker(axis: Axes, x: float, label: str) -> Line2D:
    """Draw a dotted vertical line."""
    return axis.axvline(x, color=GREY, lw=1.2, ls=":", label=label)


def _number(value: float, _: int) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def check_format(path: Path) -> None:
    """Refuse a file before anything is drawn. Raises BadFile: it is neither PNG nor SVG."""
    if path.suffix not in FORMATS:
        raise BadFile(f"plot: {path} must end in {' or '.join(FORMATS)}")


def save(figure: Figure, path: Path) -> None:
    """Write a picture as PNG or SVG, by the file's name. Raises BadFile: it can't be written."""
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with style():
            figure.savefig(path, dpi=90, metadata=metadata)
    except OSError as error:
        raise BadFile(f"plot: {path} can't be written: {error.strerror}") from None
