"""One look for all figures: fonts, sizes, the legend's markers and colours, file settings."""

import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from bench.metrics import direction_of, label_of

# Inches of one column and of the text width of a two-column paper. Figures are made at the size
# they are printed in, so that a font size here is the font size on paper.
COLUMN_WIDTH = 3.3
PAGE_WIDTH = 6.9

FLOPS_LABEL = "FLOPs (fused multiply-adds)"
PARAMS_LABEL = "Parameters"

FORMATS = ("png", "pdf")

_NOTE_SIZE = 5.5

_RC: Mapping[str, Any] = MappingProxyType(
    {
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 7,
        "legend.frameon": False,
        "legend.handletextpad": 0.4,
        "legend.columnspacing": 1.0,
        "legend.labelspacing": 0.35,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.color": "#e4e4e4",
        "grid.linewidth": 0.5,
        "lines.linewidth": 1.2,
        "hatch.linewidth": 0.7,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "figure.constrained_layout.use": True,
        # TrueType instead of Type 3 fonts: venues ask for it, and the text stays selectable.
        "pdf.fonttype": 42,
    }
)


@contextmanager
def fixed() -> Iterator[None]:
    """Draw with the project's style, whatever matplotlibrc the user has.

    Also works as a decorator. Saving needs it as well as drawing: Matplotlib resolves some
    settings only then.
    """
    with matplotlib.style.context(dict(_RC), after_reset=True):
        yield


@dataclass(frozen=True, kw_only=True)
class CategoryStyle:
    """How one legend category looks in every figure."""

    marker: str
    color: str


# The nine colours keep a CIELAB distance of at least 26 between any two in normal vision and in
# simulated protanopia, deuteranopia and tritanopia (Machado et al. 2009); Okabe-Ito has only
# eight colours, Tol's "muted" nine has 16. The marker says the same once more.
_CATEGORIES: Mapping[str, CategoryStyle] = MappingProxyType(
    {
        "Standard NN": CategoryStyle(marker="o", color="#000000"),
        "NN Ensemble": CategoryStyle(marker="s", color="#999999"),
        "MC Dropout": CategoryStyle(marker="^", color="#F0C000"),
        "BatchEnsemble": CategoryStyle(marker="v", color="#661100"),
        "SE NN": CategoryStyle(marker="P", color="#77CCEE"),
        "EE": CategoryStyle(marker="X", color="#4477AA"),
        "MIMO": CategoryStyle(marker="<", color="#EE8866"),
        "MIMMO": CategoryStyle(marker=">", color="#CC3311"),
        "I/B": CategoryStyle(marker="D", color="#332288"),
    }
)
# For methods dropped in later; all thirteen colours keep a distance of 23 by the same measure.
# The lengths have no common divisor, so the first twenty unknown categories differ.
_SPARE_MARKERS = ("*", "p", "h", "d", "8")
_SPARE_COLORS = ("#AA00FF", "#664455", "#EE55FF", "#995544")


def category_styles(categories: Iterable[str]) -> dict[str, CategoryStyle]:
    """The style of each category present, in the order of the legend.

    Known categories come first, in the paper's order; unknown ones follow in sorted order and
    take spare markers and colours, so that the same set of categories always looks the same.
    """
    present = set(categories)
    known = {name: look for name, look in _CATEGORIES.items() if name in present}
    unknown = {
        name: CategoryStyle(
            marker=_SPARE_MARKERS[i % len(_SPARE_MARKERS)],
            color=_SPARE_COLORS[i % len(_SPARE_COLORS)],
        )
        for i, name in enumerate(sorted(present - set(_CATEGORIES)))
    }
    return known | unknown


def metric_label(task: str, key: str) -> str:
    """The metric's label with an arrow towards better: axes of both directions are on one page."""
    arrow = {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}"}
    return f"{label_of(task, key)} {arrow[direction_of(task, key)]}"


def scale_axis(axes: Axes, which: Literal["x", "y"], values: npt.ArrayLike) -> None:
    """Make one axis logarithmic if its values are positive and span over a decade.

    Ticks carry unit prefixes (k, M, G) where the numbers are large.
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if numbers.size == 0:
        return
    low, high = numbers.min(), numbers.max()
    axis = axes.xaxis if which == "x" else axes.yaxis
    if low > 0 and high > 10 * low:
        axes.set(**{f"{which}scale": "log"})
        few_decades = high < 1000 * low
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few_decades else (1.0,)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(EngFormatter(sep="") if high >= 1000 else "{x:g}")
    elif high >= 1000:
        axis.set_major_formatter(EngFormatter(sep=""))


def legend_below(figure: Figure, handles: Sequence[Artist]) -> None:
    """One legend below the axes, where it covers no data, in as many columns as the width takes.

    The names of categories dropped in later are not known here, hence the measuring.
    """
    for columns in range(len(handles), 0, -1):
        legend = figure.legend(handles=list(handles), loc="outside lower center", ncols=columns)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def note_below(figure: Figure, text: str | None) -> None:
    """Small print between the axes and the legend below them; nothing without a text."""
    if text:
        # Letters are half as wide as they are high: as many as the width takes.
        n_letters = int(figure.get_figwidth() * 72 / (0.52 * _NOTE_SIZE))
        (legend,) = figure.legends
        lines = "\n".join(textwrap.wrap(text, n_letters))
        legend.set_title(lines, prop=FontProperties(size=_NOTE_SIZE))


def render(figure: Figure, file_format: str) -> bytes:
    """A figure as the bytes of a file; the same figure gives the same bytes on every day.

    Raises:
        ValueError: file_format is not one of FORMATS.
    """
    if file_format not in FORMATS:
        raise ValueError(f"file format {file_format!r} is unknown; choose from {FORMATS}")
    # Dates and versions in the metadata would change a committed picture without a change in it.
    metadata = {
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    buffer = io.BytesIO()
    with fixed():
        figure.savefig(buffer, format=file_format, dpi=200, metadata=metadata[file_format])
    return buffer.getvalue()
