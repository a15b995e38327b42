"""One quantity of a table of measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table.

    Attributes:
        quantity: what was measured, and how, in a few words.
        value: None if it could not be measured; then ``remark`` has the reason.
        unit: of the value ("s", "x", "%", "MiB", ...).
        remark: conditions of the measurement.
    """

    quantity: str
    value: float | None
    unit: str
    remark: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON values; ``from_dict`` is the inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read what :meth:`as_dict` wrote."""
        return cls(**values)


def number(value: float, unit: str) -> str:
    """Three digits and the unit: 0.0421 s, 12.3 x, 1230 MiB."""
    digits = 2 - math.floor(math.log10(abs(value))) if value else 2
    return f"{round(value, digits):.{min(max(digits, 0), 6)}f} {unit}".rstrip()


def table(rows: Sequence[Row]) -> str:
    """Markdown: quantity, measured, remark."""
    lines = ["| quantity | measured | remark |", "| --- | ---: | --- |"]
    for row in rows:
        measured = "not measured" if row.value is None else number(row.value, row.unit)
        lines.append(f"| {row.quantity} | {measured} | {row.remark} |")
    return "\n".join(lines) + "\n"
