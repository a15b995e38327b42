"""What a table of the page holds; `page/macros.html.j2` writes it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        text: what is shown.
        value: what it sorts by; None: its text. NaN sorts last.
        below: a second line in small print, such as an interval.
        best: is it the best of its column?
        mark: a word on it: "better", "worse" or nothing.
        hint: the sentence of the mark's tooltip.
    """

    text: str
    value: float | None = None
    below: str = ""
    best: bool = False
    mark: str = ""
    hint: str = ""

    @property
    def order(self) -> str | None:
        """The value as an attribute; empty where it is not known."""
        if self.value is None:
            return None
        return f"{self.value:.6g}" if math.isfinite(self.value) else ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: a configuration (which has a page), or the category alone, and its cells."""

    category: str
    cells: tuple[Cell, ...]
    config_id: str = ""
    label: str = ""
    seeds: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of configurations or categories.

    Attributes:
        caption: what it shows, for those who cannot see where it stands.
        first: the head of the first column.
        heads: of the cells; category and configuration come before them.
        rows: in the order that they are shown in first.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    first: str = "Category"

    @property
    def has_configurations(self) -> bool:
        """Whether rows are configurations."""
        return any(row.config_id for row in self.rows)

    @property
    def has_seeds(self) -> bool:
        """Whether rows say how many seeds they have."""
        return any(row.seeds for row in self.rows)
