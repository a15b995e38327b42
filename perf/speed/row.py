"""One quantity of the speed table: measured, wanted, and what stands between the two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Self

Bound = Literal["at least", "at most"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table.

    Attributes:
        quantity: what was measured, and how, in a few words.
        value: None if it could not be measured; then ``remark`` says why.
        unit: of value and target ("s", "x", "%", "MiB", ...).
        target: what the issue asks for, if it does.
        bound: how the target is meant.
        remark: conditions of the measurement.
        binds: what stands between value and target, as far as a measurement shows it.
    """

    quantity: str
    value: float | None
    unit: str
    target: float | None = None
    bound: Bound = "at most"
    remark: str = ""
    binds: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or a value."""
        if self.target is None or self.value is None:
            return None
        return self.value >= self.target if self.bound == "at least" else self.value <= self.target

    def as_dict(self) -> dict[str, Any]:
        """JSON values; ``from_dict`` is the inverse."""
        return {**self.__dict__, "met": self.met}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read what :meth:`as_dict` wrote."""
        return cls(**{key: value for key, value in values.items() if key != "met"})


def number(value: float, unit: str) -> str:
    """Three digits and the unit: 0.0421 s, 12.3 x, 1230 MiB."""
    digits = 2 - math.floor(math.log10(abs(value))) if value else 2
    return f"{round(value, digits):.{min(max(digits, 0), 6)}f} {unit}".rstrip()


def table(rows: list[Row]) -> str:
    """Markdown: quantity, measured, target, met; remarks are a column, what binds are lines."""
    lines = ["| quantity | measured | target | met | remark |", "| --- | ---: | ---: | --- | --- |"]
    for row in rows:
        measured = "not measured" if row.value is None else number(row.value, row.unit)
        target = "" if row.target is None else f"{row.bound} {number(row.target, row.unit)}"
        met = {None: "", True: "yes", False: "**no**"}[row.met]
        lines.append(f"| {row.quantity} | {measured} | {target} | {met} | {row.remark} |")
    missed = [row for row in rows if row.met is False]
    if missed:
        lines += ["", "What binds where a target is missed:", ""]
        lines += [f"- {row.quantity}: {row.binds or 'not measured'}" for row in missed]
    return "\n".join(lines) + "\n"
