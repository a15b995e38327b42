"""One style for all figures: fonts, sizes, markers, lines, colours, file settings.

No other file of the figures names a colour or a size of text or markers (a test reads them).
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.typing import LineStyleType

from bench.figures.pdf_fonts import without_shaping
from bench.metrics.table import direction_of, keys_for, label_of

# Inches of one column and of the text width of a two-column paper. Figures are made at the size
# they are printed in, so that a font size here is the font size on paper.
COLUMN_WIDTH = 3.3
PAGE_WIDTH = 6.9

FLOPS_LABEL = "FLOPs (fused multiply-adds)"
PARAMS_LABEL = "Parameters"

FORMATS = ("png", "pdf")
DPI = 200  # of the PNG

# Sizes of text in points: running text, numbers within a panel, small print, small print in a cell.
BODY, SMALL, TINY, TINIEST = 8.0, 7.0, 5.5, 4.5
# Sizes of markers in points: a point that stands alone, points of a line, of a line in a panel of
# an inch.
MARKER, LINE_MARKER, SMALL_MARKER = 5.0, 3.5, 1.8
INK, DARK_GREY, MID_GREY, LIGHT_GREY = "#1a1a1a", "#707070", "#888888", "#b0b0b0"

# Properties of what recurs: a point that stands out and one that stands back, a front, the spread
# around a point and around a line, what a perfect or indifferent outcome would be.
OUTLINED: Mapping[str, Any] = MappingProxyType(
    {"markeredgecolor": INK, "markeredgewidth": 0.8, "zorder": 4}
)
FADED: Mapping[str, Any] = MappingProxyType({"markeredgecolor": "none", "alpha": 0.45, "zorder": 3})
FRONT: Mapping[str, Any] = MappingProxyType({"color": DARK_GREY, "linewidth": 0.9, "zorder": 2})
BARS: Mapping[str, Any] = MappingProxyType(
    {"fmt": "none", "ecolor": LIGHT_GREY, "elinewidth": 0.5, "alpha": 0.6, "zorder": 1}
)
BAND: Mapping[str, Any] = MappingProxyType({"alpha": 0.1, "linewidth": 0})
GUIDE: Mapping[str, Any] = MappingProxyType({"color": "black", "linestyle": ":", "linewidth": 0.9})
JOIN: Mapping[str, Any] = MappingProxyType(
    {"color": LIGHT_GREY, "linestyle": "-", "linewidth": 0.6, "zorder": 1}
)
HATCH = "////"

# Two series side by side: on clean data and under shift; also what is first and what is second.
FIRST: Mapping[str, Any] = MappingProxyType(
    {"color": "#4477AA", "marker": "o", "linestyle": "-", "markerfacecolor": "#4477AA"}
)
SECOND: Mapping[str, Any] = MappingProxyType(
    {"color": "#CC3311", "marker": "s", "linestyle": "--", "markerfacecolor": "white"}
)

# Colour maps of even brightness, readable without red and green.
HIGHER_IS_BETTER, LOWER_IS_BETTER = "cividis", "cividis_r"
SIGNED = "PuOr"

_LUMA = (0.299, 0.587, 0.114)  # Weights of red, green and blue in perceived brightness.
_BLACK_INK = 0.46  # Brightness above which black text has more contrast than white.

_RC: Mapping[str, Any] = MappingProxyType(
    {
        "font.size": BODY,
        "axes.titlesize": BODY,
        "axes.labelsize": BODY,
        "figure.titlesize": BODY,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "legend.fontsize": SMALL,
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


def column(height: float) -> Figure:
    """An empty figure as wide as one column, `height` inches high."""
    return _empty(COLUMN_WIDTH, height)


def page(height: float) -> Figure:
    """An empty figure as wide as the text of two columns, `height` inches high."""
    return _empty(PAGE_WIDTH, height)


def _empty(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)  # Without one, every measurement of text would make a canvas anew.
    return figure


@dataclass(frozen=True, kw_only=True)
class CategoryStyle:
    """How one legend category styles in every figure."""

    marker: str
    color: str
    linestyle: LineStyleType = "-"


_DASH_DOT_DOT: LineStyleType = (0, (4.0, 1.2, 1.0, 1.2, 1.0, 1.2))

# The nine colours of the paper's methods keep a CIELAB distance of at least 26 between any two in
# normal vision and in simulated protanopia, deuteranopia and tritanopia (Machado et al. 2009);
# Okabe-Ito has only eight colours, Tol's "muted" nine has 16. The marker repeats the colour,
# and so does the line within the baselines and within the points of SAE.
_CATEGORIES: Mapping[str, CategoryStyle] = MappingProxyType(
    {
        "Standard NN": CategoryStyle(marker="o", color="#000000"),
        "NN Ensemble": CategoryStyle(marker="s", color="#999999", linestyle="--"),
        "MC Dropout": CategoryStyle(marker="^", color="#F0C000", linestyle="-."),
        "BatchEnsemble": CategoryStyle(marker="v", color="#661100", linestyle=":"),
        "TabM-mini": CategoryStyle(marker="h", color="#EE55FF", linestyle=":"),
        "Packed-Ensemble": CategoryStyle(marker="*", color="#AA00FF", linestyle="--"),
        "Masksembles": CategoryStyle(marker="p", color="#664455", linestyle="-."),
        "MixMo": CategoryStyle(marker="d", color="#995544", linestyle=_DASH_DOT_DOT),
        "SE NN": CategoryStyle(marker="P", color="#77CCEE"),
        "EE": CategoryStyle(marker="X", color="#4477AA", linestyle="--"),
        "MIMO": CategoryStyle(marker="<", color="#EE8866", linestyle=":"),
        "MIMMO": CategoryStyle(marker=">", color="#CC3311", linestyle="-."),
        "I/B": CategoryStyle(marker="D", color="#332288", linestyle=_DASH_DOT_DOT),
    }
)
# One more colour for the first method dropped in, then with other markers those of the methods that
# are not the paper's; all fourteen colours keep a distance of 22 by the same measure. The lengths
# have no common divisor, so the first thirty unknown categories differ.
_SPARE_MARKERS = ("8", "H", "*", "p", "d", "h")
_SPARE_COLORS = ("#440044", "#AA00FF", "#664455", "#EE55FF", "#995544")


def category_styles(categories: Iterable[str]) -> dict[str, CategoryStyle]:
    """The style of each category present, in the order of the legend.

    Known categories come first, in the paper's order; unknown ones follow in sorted order and
    take spare markers and colours, so that the same set of categories always has the same styles.
    """
    present = set(categories)
    known = {name: own for name, own in _CATEGORIES.items() if name in present}
    unknown = {
        name: CategoryStyle(
            marker=_SPARE_MARKERS[i % len(_SPARE_MARKERS)],
            color=_SPARE_COLORS[i % len(_SPARE_COLORS)],
        )
        for i, name in enumerate(sorted(present - set(_CATEGORIES)))
    }
    return known | unknown


def exit_styles(n_exits: int) -> list[dict[str, Any]]:
    """Line properties of exits 1, 2, ...: an order of colours, and dashes that tell them apart.

    Stops short of the pale end of the map, which would vanish on white paper.
    """
    colors = colormaps["viridis"](np.linspace(0, 0.88, n_exits))
    dashes = ("-", "--", "-.", ":")
    return [
        {"color": to_hex(color), "linestyle": dashes[i % len(dashes)]}
        for i, color in enumerate(colors)
    ]


def part_fills(n_parts: int) -> list[dict[str, Any]]:
    """Fills of the parts of a whole, in an order: from dark to light, every second one hatched.

    Without edges: a segment of half a point would be nothing else.
    """
    colors = colormaps["cividis"](np.linspace(0.15, 0.95, n_parts))
    return [
        {
            "facecolor": to_hex(color),
            "hatch": HATCH if i % 2 else None,
            "edgecolor": "white",
            "linewidth": 0,
        }
        for i, color in enumerate(colors)
    ]


def ink_on(color: tuple[float, float, float, float]) -> str:
    """Black or white: what has more contrast on the colour (WCAG)."""
    return "black" if np.dot(color[:3], _LUMA) > _BLACK_INK else "white"


def metric_label(task: str, key: str) -> str:
    """The metric's label with an arrow towards better: axes of both directions are on one page.

    Diversity has none: neither more nor less of it is better.

    Raises:
        ValueError: A metric that the task does not have.
    """
    label = label_of(task, key)
    if keys_for(task)[key].kind == "diversity":
        return label
    arrow = {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}"}
    return f"{label} {arrow[direction_of(task, key)]}"


def render(figure: Figure, file_format: str) -> bytes:
    """A figure as the bytes of a file; the same figure gives the same bytes on every day.

    It is laid out once, for the PNG's resolution, and drawn once per format: `Figure.savefig` would
    do both twice per format.

    Raises:
        ValueError: file_format is not one of FORMATS.
    """
    if file_format not in FORMATS:
        raise ValueError(f"file format {file_format!r} is unknown; choose from {FORMATS}")
    buffer = io.BytesIO()
    with fixed():
        _lay_out(figure)
        figure.set_dpi(DPI)
        # Dates and versions in the metadata would change committed pictures that are the same.
        if file_format == "png":
            FigureCanvasAgg(figure).print_png(  # type: ignore[no-untyped-call]
                buffer, metadata={"Software": None}
            )
        else:
            dates = {"CreationDate": None, "Creator": None, "Producer": None}
            with without_shaping():
                FigureCanvasPdf(figure).print_pdf(  # type: ignore[no-untyped-call]
                    buffer, metadata=dates
                )
    return buffer.getvalue()


def _lay_out(figure: Figure) -> None:
    engine = figure.get_layout_engine()
    if engine is not None:
        figure.set_dpi(DPI)
        FigureCanvasAgg(figure)  # measures text
        engine.execute(figure)
        figure.set_layout_engine("none")
