"""The figures: every module here is one, its file name is its CLI name.

A figure module has pure draw functions (data frames in, Matplotlib figure out) and

    figures(frames: bench.records.frames.Frames) -> Iterator[tuple[str, Figure]]

which yields a file stem and a figure for whatever the records hold. Dropping in a file is the
registration. One that shows a pair of metrics also has `figures_in_all_pairs`, of the same form:
the same for every pair of the metric table. One with an axis for each of two costs also has
`figures_at_costs(frames, costs, pairs)`, for other costs than FLOPs and parameters.

Not figures: `style`, `layout` and `pdf_fonts`, which all share, and the package `numbers`, what is
drawn where it takes more than an average. This file imports nothing heavy, so that
`python -m bench.figures -h` is instant.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from bench.console.dropped_in import DroppedIn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.figures.numbers.cost_axes import CostAxes
    from bench.records.frames import Frames

    Figures: TypeAlias = Callable[[Frames], Iterator[tuple[str, Figure]]]

Pairs = Literal["main", "all"]

_FIGURES = DroppedIn(
    package=__name__, kind="figure", others=frozenset({"layout", "pdf_fonts", "style"})
)


def names() -> tuple[str, ...]:
    """The names of all figures, sorted."""
    return _FIGURES.names()


def load(name: str, pairs: Pairs = "main", costs: CostAxes | None = None) -> Figures:
    """The `figures` function of one figure module, which sees records in one order.

    Args:
        name: Of the module.
        pairs: "main": the task's main pair of metrics; "all": every pair, if it shows pairs.
        costs: Its cost axes, if it has two; None: FLOPs and parameters.

    Raises:
        UserError: There is no figure of that name.
        ValueError: Its module has no `figures` function.
    """
    module = _FIGURES.module(name)
    draw = module.figures
    if pairs == "all":
        draw = getattr(module, "figures_in_all_pairs", draw)
    if costs is not None and hasattr(module, "figures_at_costs"):
        draw = functools.partial(module.figures_at_costs, costs=costs, pairs=pairs)
    return _ordered(cast("Figures", draw))


def _ordered(draw: Figures) -> Figures:
    from bench.figures.numbers.order import in_order

    return lambda frames: draw(in_order(frames))
