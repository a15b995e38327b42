"""The tables: every module here but the `others` of `_TABLES` is one, its file name its CLI name.

A table module has

    tables(frames: bench.records.frames.Frames) -> Iterator[bench.formatting.table.Table]

which yields a table for whatever the records hold. Dropping in a file is the registration. This
file imports nothing heavy, so that `python -m bench.tables -h` is instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias, cast

from bench.console.dropped_in import DroppedIn

if TYPE_CHECKING:
    from bench.formatting.table import Table
    from bench.records.frames import Frames

    Tables: TypeAlias = Callable[[Frames], Iterator[Table]]

_TABLES = DroppedIn(
    package=__name__, kind="table", others=frozenset({"answers", "narrow", "printed"})
)


def names() -> tuple[str, ...]:
    """The names of all tables, sorted."""
    return _TABLES.names()


def load(name: str) -> Tables:
    """The `tables` function of one table module.

    Raises:
        UserError: There is no table of that name.
        ValueError: Its module has no `tables` function.
    """
    return cast("Tables", _TABLES.module(name).tables)
