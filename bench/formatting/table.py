"""What a table is: numbers for a program, cells for a reader."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of the study.

    Attributes:
        stem: its file's name without the ending, and its LaTeX label.
        caption: one sentence or two; no trailing notes.
        numbers: what the CSV holds: one value a column, unrounded.
        cells: what Markdown and LaTeX show: text alone.
        notes: below the table in Markdown, the end of the caption in LaTeX.

    Raises:
        TypeError: a cell that is not text.
    """

    stem: str
    caption: str
    numbers: pd.DataFrame
    cells: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for head, column in self.cells.items():
            for cell in column:
                if not isinstance(cell, str):
                    raise TypeError(f"{self.stem}: {head} has the cell {cell!r}; cells are text")
