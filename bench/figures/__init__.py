"""The figures: every module here is one, its file name is its CLI name.

A figure module has pure draw functions (data frames in, Matplotlib figure out) and

    figures(frames: bench.frames.Frames) -> Iterator[tuple[str, Figure]]

which yields a file stem and a figure for whatever the records hold. Dropping in a file is the
registration. One that shows a pair of metrics also has `figures_in_all_pairs`, of the same form:
the same for every pair of the metric table.

Not figures: `style` and `layout`, which all share, and the package `numbers`, what is drawn where
it takes more than an average. This file imports nothing heavy, so that `python -m bench.figures
-h` is instant.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from bench.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.frames import Frames

    Figures: TypeAlias = Callable[[Frames], Iterator[tuple[str, Figure]]]

Pairs = Literal["main", "all"]

_NOT_FIGURES = frozenset({"__main__", "layout", "style"})


def names() -> tuple[str, ...]:
    """The names of all figures, sorted."""
    found = {module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg}
    return tuple(sorted(found - _NOT_FIGURES))


def load(name: str, pairs: Pairs = "main") -> Figures:
    """The `figures` function of one figure module, which sees records in one order.

    Args:
        name: Of the module.
        pairs: "main": the task's main pair of metrics; "all": every pair, if it shows pairs.

    Raises:
        UserError: There is no figure of that name.
        ValueError: Its module has no `figures` function.
    """
    if name not in names():
        raise UserError(f"unknown figure {name!r}; choose from {', '.join(names())}")
    module = importlib.import_module(f"{__name__}.{name}")
    if not hasattr(module, "figures"):
        raise ValueError(f"{module.__file__} has no function figures(frames), see {__name__}")
    draw = module.figures
    if pairs == "all":
        draw = getattr(module, "figures_in_all_pairs", draw)
    return _ordered(cast("Figures", draw))


def _ordered(draw: Figures) -> Figures:
    from bench.figures.numbers.order import in_order

    return lambda frames: draw(in_order(frames))
