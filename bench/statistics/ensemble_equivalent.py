"""How many networks of a naive ensemble reach a method's NLL: the deep-ensemble equivalent.

Ashukha, Lyzhov, Molchanov & Vetrov (2020), "Pitfalls of in-domain uncertainty estimation and
ensembling in deep learning": scores are compared at each method's best temperature, here the one
fitted on validation, since an uncalibrated NLL is dominated by its temperature.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.predictive import FloatArray
from bench.metrics.table import TEMPERATURE_SUFFIX
from bench.records.frames import Frames
from bench.records.selection import SELECTION_METRIC, metric_of
from bench.statistics.budget import chosen_within, costs_of, with_costs
from bench.statistics.influence import Split
from bench.statistics.measured import Measured, Measurements, contrast
from bench.statistics.reference import reference

KEY = f"nll{TEMPERATURE_SUFFIX}"
COLUMNS = (
    "dataset", "category", "config_id", "label", "n_seeds", "family", "most", "nll", "equivalent",
    "low", "high",
)  # fmt: skip
_STEP = 0.05


def ensemble_equivalents(
    frames: Frames, *, select: str = SELECTION_METRIC, split: Split = "test"
) -> pd.DataFrame:
    """The equivalent of each category's chosen configuration, in `COLUMNS`.

    A configuration is compared with the ensembles of 1 (the standard NN), 2, ... networks of its
    own width and depth (``family``), or of the reference network's where its own were not run.

    Args:
        frames: read from a results folder, whose predictions are read too.
        select: the validation metric that chooses; the NLL where a task lacks it.
        split: "test" or "ood".

    Returns:
        One row per dataset and category; datasets without ensembles are left out. ``equivalent`` is
        the interpolated number of networks whose mean `KEY` equals the method's, 0 where one
        network is better already and infinite where ``most`` networks are worse. ``low`` and
        ``high`` bound the numbers of networks from which the method cannot be told at 5%,
        inverting the interval of the difference; they are 0 and infinite beyond the ends too.

    Raises:
        ValueError: frames without a folder.
        UserError: predictions that are missing.
    """
    measurements = Measurements(frames)
    rows = [
        row
        for dataset, runs in frames.runs.groupby("dataset", sort=True)
        for row in _of_dataset(measurements, str(dataset), runs, select, split)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_dataset(
    measurements: Measurements, dataset: str, runs: pd.DataFrame, select: str, split: Split
) -> Iterator[dict[str, Any]]:
    task, costs = str(runs["task"].iloc[0]), costs_of(runs)
    metric = metric_of(task, select)
    table = with_costs(runs, list(dict.fromkeys([metric, KEY])))
    shapes = runs.groupby("config_id")[["width", "depth"]].first()
    of_each = {
        shape: _family(runs[runs["config_id"].isin(rows.index)], table.index)
        for shape, rows in shapes.groupby(["width", "depth"])
    }
    base = reference(runs, costs)
    default = of_each.get((base.width, base.depth), {}) if base else {}
    for row in chosen_within(table, task, metric, costs[0]).to_dict("records"):
        config_id = str(row["config_id"])
        shape = tuple(shapes.loc[config_id])
        own = of_each.get(shape, {})
        family = own if len(own) >= 2 else default
        ours = measurements(dataset, config_id, split, KEY)
        if len(family) < 2 or not ours.seeds:
            continue
        width, depth = shape if family is own else (base.width, base.depth) if base else shape
        curve = {m: measurements(dataset, one, split, KEY) for m, one in family.items()}
        yield {
            "dataset": dataset, "category": row["category"], "config_id": config_id,
            "label": row["label"], "n_seeds": len(ours.seeds), "family": f"W={width:g} D={depth:g}",
            "most": max(family), "nll": float(ours.values_S.mean()), **equivalent(ours, curve),
        }  # fmt: skip


def _family(runs: pd.DataFrame, whole: pd.Index) -> dict[int, str]:
    """Number of networks -> config_id of the naive ensembles that compete; 1: the standard NN."""
    known = runs[runs["method"].isin(("standard", "ensemble")) & runs["config_id"].isin(whole)]
    sizes = known["n_members"].where(known["method"] == "ensemble", 1)
    found = known.assign(size=sizes).drop_duplicates("size").sort_values("size")
    return {
        int(size): str(one) for size, one in zip(found["size"], found["config_id"], strict=True)
    }


def equivalent(ours: Measured, curve: Mapping[int, Measured]) -> dict[str, float]:
    """The number of networks whose NLL is ours, with its 95% interval.

    Args:
        ours: the method's NLL.
        curve: that of each number of networks.

    Returns:
        equivalent, low, high; between two numbers of networks the NLL is interpolated linearly.
    """
    sizes = sorted(curve)
    grid = np.append(np.arange(sizes[0], sizes[-1], _STEP), sizes[-1])
    found = [contrast([(1.0, ours), *_interpolated(m, sizes, curve)]).estimate for m in grid]
    gaps = np.array([one.value for one in found])  # above 0: ours is worse than m networks
    if not np.isfinite(gaps).all():
        return {"equivalent": math.nan, "low": math.nan, "high": math.nan}
    inside = np.array([abs(one.value) <= one.half_width() for one in found])
    low, high = _bounds(grid, gaps, inside)
    return {"equivalent": _crossing(grid, gaps), "low": low, "high": high}


def _interpolated(
    m: float, sizes: Sequence[int], curve: Mapping[int, Measured]
) -> list[tuple[float, Measured]]:
    """The terms of minus the curve at m networks."""
    weights = [float(np.interp(m, sizes, [float(size == of) for of in sizes])) for size in sizes]
    return [(-w, curve[size]) for w, size in zip(weights, sizes, strict=True) if w]


def _crossing(grid: FloatArray, gaps: FloatArray) -> float:
    """Where ours stops being better than that many networks: the first gap of 0 or more."""
    if gaps[0] > 0:
        return 0.0
    reached = np.flatnonzero(gaps >= 0)
    if not len(reached):
        return math.inf
    i = int(reached[0])
    return float(grid[0] if i == 0 else np.interp(0, gaps[i - 1 : i + 1], grid[i - 1 : i + 1]))


def _bounds(
    grid: FloatArray, gaps: FloatArray, inside: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    if not inside.any():
        beyond = 0.0 if gaps[0] > 0 else math.inf
        at = _crossing(grid, gaps)
        return (at, at) if 0 < at < math.inf else (beyond, beyond)
    low, high = grid[inside][0], grid[inside][-1]
    return (0.0 if inside[0] else float(low)), (math.inf if inside[-1] else float(high))
