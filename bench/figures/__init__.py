"""The figures: every module here except `style` is one, its file name is its CLI name.

A figure module has pure draw functions (data frames in, Matplotlib figure out) and

    figures(frames: bench.frames.Frames) -> Iterator[tuple[str, Figure]]

which yields a file stem and a figure for whatever the records hold. Dropping in a file is the
registration. This file imports nothing heavy, so that `python -m bench.figures -h` is instant.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias, cast

from bench.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.frames import Frames

    Figures: TypeAlias = Callable[[Frames], Iterator[tuple[str, Figure]]]

_NOT_FIGURES = frozenset({"__main__", "style"})


def names() -> tuple[str, ...]:
    """The names of all figures, sorted."""
    found = {module.name for module in pkgutil.iter_modules(__path__)}
    return tuple(sorted(found - _NOT_FIGURES))


def load(name: str) -> Figures:
    """The `figures` function of one figure module.

    Raises:
        UserError: There is no figure of that name.
        ValueError: Its module has no `figures` function.
    """
    if name not in names():
        raise UserError(f"unknown figure {name!r}; choose from {', '.join(names())}")
    module = importlib.import_module(f"{__name__}.{name}")
    if not hasattr(module, "figures"):
        raise ValueError(f"{module.__file__} has no function figures(frames), see {__name__}")
    return cast("Figures", module.figures)
