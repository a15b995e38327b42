"""The tables: every module here but the three of `_NOT_TABLES` is one, its file name its CLI name.

A table module has

    tables(frames: bench.frames.Frames) -> Iterator[bench.tables.table.Table]

which yields a table for whatever the records hold. Dropping in a file is the registration. This
file imports nothing heavy, so that `python -m bench.tables -h` is instant.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias, cast

from bench.errors import UserError

if TYPE_CHECKING:
    from bench.frames import Frames
    from bench.tables.table import Table

    Tables: TypeAlias = Callable[[Frames], Iterator[Table]]

_NOT_TABLES = frozenset({"__main__", "cells", "rendering", "table"})


def names() -> tuple[str, ...]:
    """The names of all tables, sorted."""
    found = {module.name for module in pkgutil.iter_modules(__path__)}
    return tuple(sorted(found - _NOT_TABLES))


def load(name: str) -> Tables:
    """The `tables` function of one table module.

    Raises:
        UserError: There is no table of that name.
        ValueError: Its module has no `tables` function.
    """
    if name not in names():
        raise UserError(f"unknown table {name!r}; choose from {', '.join(names())}")
    module = importlib.import_module(f"{__name__}.{name}")
    if not hasattr(module, "tables"):
        raise ValueError(f"{module.__file__} has no function tables(frames), see {__name__}")
    return cast("Tables", module.tables)
