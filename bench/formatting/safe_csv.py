"""Tables as CSV whose cells no spreadsheet takes for formulas."""

from __future__ import annotations

import pandas as pd

_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(frame: pd.DataFrame) -> str:
    """The rows without their index; text that begins as a formula does gets a quote before it.

    Labels come from data and from methods of anyone.
    """
    return frame.map(_plain).to_csv(index=False)


def _plain(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_STARTS) else cell
