"""Markdown on a narrow terminal: tables with fewer columns, and sentences that break at words."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import chain, groupby

DROPPED_FIRST = (
    "Pareto", "OOD ECE", "OOD Coverage error", "Macro F1", "MAE", "Seeds", "OOD NLL", "Parameters",
    "OOD Accuracy", "OOD MSE", "ECE", "Coverage error", "FLOPs",
)  # fmt: skip
"""Columns of the summary that a narrow table goes without, the least missed first."""


def fitted(text: str, width: int | None) -> str:
    """The text with every line no wider than ``width`` characters where that can be.

    Args:
        text: Markdown.
        width: of the terminal; None changes nothing.
    """
    if width is None:
        return text

    def wrap(line: str) -> list[str]:
        return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]

    parts: list[str] = []
    for is_table, group in groupby(text.split("\n"), lambda line: line.startswith("|")):
        lines = list(group)
        parts.extend(_narrowed(lines, width) if is_table else chain(*map(wrap, lines)))
    return "\n".join(parts)


def _narrowed(lines: Sequence[str], width: int) -> Iterator[str]:
    if max(map(len, lines)) <= width:
        yield from lines
        return
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    del rows[1]  # the rule below the heads
    heads = list(rows[0])
    kept = list(range(len(heads)))
    for name in DROPPED_FIRST:
        if _width(rows, kept) <= width:
            break
        kept = [index for index in kept if heads[index] != name]
    widths = {index: max(len(row[index]) for row in rows) for index in kept}
    for place, row in enumerate(rows):
        yield "| " + " | ".join(row[index].ljust(widths[index]) for index in kept) + " |"
        if place == 0:
            yield "|" + "|".join(":" + "-" * (widths[index] + 1) for index in kept) + "|"
    yield f"({len(kept)} of {len(heads)} columns fit this terminal; --wide prints all)"


def _width(rows: Sequence[Sequence[str]], kept: Sequence[int]) -> int:
    return sum(max(len(row[index]) for row in rows) + 3 for index in kept) + 1
