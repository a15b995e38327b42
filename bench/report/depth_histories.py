"""The depth distribution along training: of every configuration, and of each category."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.figures.depth import curves
from bench.figures.style import category_styles
from bench.report.rounding import compact

# A line of this many points styles like one of a hundred, and a thousand pages carry one each.
_POINTS = 21


def histories(depth: pd.DataFrame, dataset: str) -> dict[str, dict[str, Any]]:
    """Theta of each configuration of a dataset, means over its seeds.

    Args:
        depth: the ``depth`` frame of all datasets.
        dataset: whose configurations.

    Returns:
        config_id -> ``end``: theta after training, a row an input, a column an exit; ``progress``
        and ``mean``: along training, mean over inputs, a row an exit, from uniform on. Of long runs
        some epochs are left out, the first and the last never.
    """
    found = {}
    for config_id, rows in depth[depth["dataset"] == dataset].groupby("config_id"):
        per_seed_end = rows[rows["epoch"] == rows.groupby("run_id")["epoch"].transform("max")]
        end = per_seed_end.pivot_table(index="input", columns="exit", values="theta")
        along = rows.pivot_table(index="progress", columns="exit", values="theta")
        if along.index[0] > 0:
            along.loc[0.0] = 1 / len(along.columns)  # logits start at zero
            along = along.sort_index()
        kept = np.unique(np.linspace(0, len(along) - 1, _POINTS).round().astype(int))
        found[str(config_id)] = {
            "end": end.to_numpy().tolist(),
            "progress": along.index.to_numpy()[kept].tolist(),
            "mean": along.to_numpy()[kept].T.tolist(),
        }
    return found


def panels(depth: pd.DataFrame, dataset: str) -> list[dict[str, Any]]:
    """Mean theta by category, as the figure of depth preference has it: one panel each.

    Returns:
        Dicts with depth (D), category, n (configurations), progress, and ``mean`` and ``std`` over
        configurations, a row an exit. The first point is where training starts: 1/D.
    """
    found = []
    rows = depth[(depth["dataset"] == dataset) & (depth["depth"] > 1)]
    for n_exits in sorted(map(int, rows["depth"].unique())):
        of_depth = rows[rows["depth"] == n_exits]
        counts = of_depth.groupby("category")["config_id"].nunique()
        table_of_all = curves(of_depth)
        for category in category_styles(table_of_all["category"]):
            table = table_of_all[table_of_all["category"] == category]
            mean = table.pivot_table(index="exit", columns="progress", values="mean")
            std = table.pivot_table(index="exit", columns="progress", values="std")
            if float(table["progress"].min()) > 0:
                mean.insert(0, 0.0, 1 / n_exits)
                std.insert(0, 0.0, 0.0)
            found.append(
                {
                    "depth": n_exits,
                    "category": category,
                    "n": int(counts[category]),
                    "progress": mean.columns.tolist(),
                    "mean": mean.to_numpy().tolist(),
                    "std": std.to_numpy().tolist(),
                }
            )
    return [compact(panel) for panel in found]
