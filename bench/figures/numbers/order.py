"""One order of rows, whatever order records were read in: sums of floats depend on it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from bench.records.frames import Frames

# What tells two rows of a frame apart, whichever frame it is.
_IDENTITY = (
    "dataset", "method", "run_id", "split", "corruption", "severity", "epoch", "input", "exit",
    "part",
)  # fmt: skip


def in_order(frames: Frames) -> Frames:
    """The same frames with sorted rows, so that the same records are drawn the same to the byte."""
    tables: dict[str, Any] = {
        field.name: _sorted(table)
        for field in dataclasses.fields(frames)
        if isinstance(table := getattr(frames, field.name), pd.DataFrame)
    }
    return dataclasses.replace(frames, **tables)


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    keys = [key for key in _IDENTITY if key in table.columns]
    return table.sort_values(keys, kind="stable", ignore_index=True) if keys else table
