"""Which of two measured times is the shorter one, where both have an interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.records.measurements import HIGH, LOW

FASTER, EQUAL, SLOWER, UNKNOWN = "faster", "equal", "slower", "unknown"
VERDICTS = (FASTER, EQUAL, SLOWER, UNKNOWN)
# One image alone, and an image of the large batch.
KINDS = ("latency_ms", "image_ms")


def verdict(row: Mapping[Any, Any], key: str, other: str) -> str:
    """Whether the time ``key`` of a row is shorter than ``other``.

    Returns:
        "faster" or "slower" where the 95% intervals do not meet, "equal" where they do, "unknown"
        where one of them was not measured or has no interval (fewer than 6 rounds).
    """
    names = [f"{key}{LOW}", f"{key}{HIGH}", f"{other}{LOW}", f"{other}{HIGH}"]
    low, high, other_low, other_high = (float(row.get(name, np.nan)) for name in names)
    if np.isnan([low, high, other_low, other_high]).any():
        return UNKNOWN
    if high < other_low:
        return FASTER
    return SLOWER if other_high < low else EQUAL


def cases(rows: pd.DataFrame) -> pd.DataFrame:
    """Deployed against trained network: one row per run and kind of batch.

    Args:
        rows: measured runs, as `bench.records.measurements.flat` has them, with category and
            backbone.

    Returns:
        run_id, backbone, category, kind, verdict, and ratio: time of the deployed network / time of
        the trained one, by medians.
    """
    found = []
    for row in rows.to_dict("records"):
        for kind in KINDS:
            key, other = f"eager_{kind}", f"full_{kind}"
            found.append(
                {
                    **{name: row[name] for name in ("run_id", "backbone", "category")},
                    "kind": kind,
                    "verdict": verdict(row, key, other),
                    "ratio": row[key] / row[other],
                }
            )
    return pd.DataFrame(found)


def counted(verdicts: Sequence[str]) -> dict[str, int]:
    """How often each verdict was given."""
    counts = Counter(verdicts)
    return {name: counts[name] for name in VERDICTS}


def misordered(rows: pd.DataFrame, key: str) -> tuple[int, int]:
    """Pairs of networks of which the one with more FLOPs is faster, and pairs that can be told.

    Args:
        rows: measured runs of one backbone.
        key: a time.

    Returns:
        (pairs that FLOPs order wrongly, pairs with different FLOPs whose intervals do not meet).
    """
    flops, low, high = (
        rows[name].to_numpy(dtype=float) for name in ("flops", key + LOW, key + HIGH)
    )
    cheaper = flops[:, None] < flops[None, :]
    faster = high[:, None] < low[None, :]
    return int((cheaper & faster.T).sum()), int((cheaper & (faster | faster.T)).sum())
