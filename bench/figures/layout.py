"""Where things stand on a page: axis scales, legends and notes that cover no data, panels."""

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from bench.figures import style


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
    if not text:
        return
    (legend,) = figure.legends
    # Letters are at least two fifths as wide as they are high; then as few as the width takes.
    n_letters = int(figure.get_figwidth() * 72 / (0.4 * style.TINY))
    while n_letters > 20:
        lines = "\n".join(textwrap.wrap(text, n_letters, break_on_hyphens=False))
        legend.set_title(lines, prop=FontProperties(size=style.TINY))
        excess = legend.get_window_extent().width / figure.bbox.width - 1
        if excess <= 0:
            return
        n_letters -= 2 * max(1, int(excess * n_letters / 4))  # At most half of what is too many.


def note_added(figure: Figure, text: str) -> None:
    """Small print after that which is there; nothing where a figure has no legend to hold it."""
    for legend in figure.legends:
        before = legend.get_title().get_text().replace("\n", " ")
        note_below(figure, f"{before}. {text}" if before else text)


def point_handle(name: str, own: style.CategoryStyle) -> Line2D:
    """A category's entry in the legend of a figure of points."""
    return Line2D(
        [], [], label=name, linestyle="none", marker=own.marker, color=own.color,
        markersize=style.MARKER, **style.OUTLINED,
    )  # fmt: skip


def point_handles(
    styles: Mapping[str, style.CategoryStyle], present: Collection[str]
) -> list[Line2D]:
    """The entries of the categories that are there, in the order of the styles."""
    return [point_handle(name, own) for name, own in styles.items() if name in present]


def line_handle(name: str, own: style.CategoryStyle) -> Line2D:
    """A category's entry in the legend of a figure of lines."""
    return Line2D(
        [], [], label=name, color=own.color, linestyle=own.linestyle, linewidth=1.2,
        marker=own.marker, markersize=style.LINE_MARKER,
    )  # fmt: skip


def three_digits(value: float) -> str:
    """A number within a panel, with the true minus sign that Matplotlib writes on axes."""
    return f"{value:#.3g}".rstrip(".").replace("-", "\N{MINUS SIGN}")
