"""The least cost at which each method is as good as an ensemble of four networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics.table import direction_of
from bench.records.frames import Frames
from bench.statistics.budget import chosen_within, costs_of, objectives, with_costs
from bench.statistics.measured import Measurements, difference

N_MEMBERS = 4
# As good: worse by at most this, in the metric's unit. Those of accuracy, F1 and NLL are the
# smallest that the paper's statements on its problems name (`bench.claims`).
MARGINS: Mapping[str, float] = MappingProxyType(
    {
        "accuracy": 0.01, "f1": 0.01, "nll": 0.05, "ece": 0.01, "cc_ece": 0.01, "mse": 0.005,
        "coverage_error": 0.02,
    }
)  # fmt: skip
COLUMNS = (
    "dataset", "cost", "metric", "margin", "reference_id", "reference_label", "reference_cost",
    "category", "config_id", "label", "cost_value", "saving", "n_seeds", "difference", "low",
    "high", "n_tried",
)  # fmt: skip


def cost_to_match(frames: Frames, *, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """The cheapest configuration of each category that matches the ensemble, in `COLUMNS`.

    The ensemble is the one of `N_MEMBERS` networks that validation chooses in this metric. A
    category's candidates are its front on validation: each is better there than all cheaper ones.
    From the best one downwards, each is compared with the ensemble on test, and the first whose 95%
    interval reaches beyond the margin ends the search. The order does not depend on test, so no
    correction for the number of tries is due: a configuration that is worse than the margin is
    shown as a match in at most 2.5% of studies.

    Returns:
        One row per dataset with such an ensemble, cost, metric and category. ``config_id`` is ""
        where not even the best one is shown to match: ``difference``, ``low`` and ``high`` (minus
        the ensemble, on test) are then those of the best one. ``saving`` is the ensemble's cost
        over ``cost_value``, both the largest over seeds; ``n_tried`` counts comparisons.

    Raises:
        ValueError: frames without a folder, a metric without a margin.
        UserError: predictions that are missing.
    """
    measurements = Measurements(frames)
    rows = [
        row
        for dataset, runs in frames.runs.groupby("dataset", sort=True)
        for row in _of_dataset(measurements, str(dataset), runs, metrics)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_dataset(
    measurements: Measurements, dataset: str, runs: pd.DataFrame, metrics: Sequence[str] | None
) -> Iterator[dict[str, Any]]:
    task = str(runs["task"].iloc[0])
    keys = list(metrics) if metrics is not None else objectives(task)
    unknown = [key for key in keys if key not in MARGINS]
    if unknown:
        raise ValueError(f"metric is {unknown[0]!r}; choose from {', '.join(MARGINS)}")
    table = with_costs(runs, keys)
    of_four = runs.loc[
        (runs["method"] == "ensemble") & (runs["n_members"] == N_MEMBERS), "config_id"
    ]
    for cost in costs_of(runs):
        for key in keys:
            ensembles = table[table.index.isin(set(of_four))]
            chosen = chosen_within(ensembles, task, key, cost)
            if chosen.empty:
                continue
            rival = chosen.iloc[0].to_dict()
            of_rival = {
                "reference_id": rival["config_id"],
                "reference_label": rival["label"],
                "reference_cost": rival[f"{cost}_high"],
            }
            for category, rows in table.groupby("category", sort=True):
                candidates = validation_front(rows, task, key, cost)
                if len(candidates):
                    yield {
                        "dataset": dataset, "cost": cost, "metric": key, "margin": MARGINS[key],
                        **of_rival, "category": category,
                        **_least(measurements, dataset, task, key, cost, candidates, of_rival),
                    }  # fmt: skip


def validation_front(rows: pd.DataFrame, task: str, key: str, cost: str) -> pd.DataFrame:
    """The configurations better on validation than all cheaper ones, the best (dearest) first."""
    higher = direction_of(task, key) == "higher"
    known = rows.dropna(subset=[key]).reset_index()
    known = known.assign(gain=known[key] if higher else -known[key])
    known = known.sort_values([f"{cost}_high", "gain", "config_id"], ascending=[True, False, True])
    before = known["gain"].cummax().shift(fill_value=-np.inf)
    return known[known["gain"] > before][::-1]


def _least(
    measurements: Measurements,
    dataset: str,
    task: str,
    key: str,
    cost: str,
    candidates: pd.DataFrame,
    rival: Mapping[str, Any],
) -> dict[str, Any]:
    """Down the front until a candidate is not shown to be within the margin."""
    sign = 1.0 if direction_of(task, key) == "higher" else -1.0
    theirs = measurements(dataset, str(rival["reference_id"]), "test", key)
    least: dict[str, Any] = {}
    for n_tried, row in enumerate(candidates.to_dict("records"), start=1):
        ours = measurements(dataset, str(row["config_id"]), "test", key)
        found = difference(ours, theirs).estimate
        low, high = found.interval()
        matches = (low if sign > 0 else -high) >= -MARGINS[key]
        if matches or not least:
            least = {
                "config_id": row["config_id"] if matches else "",
                "label": row["label"] if matches else "",
                "cost_value": row[f"{cost}_high"] if matches else np.nan,
                "saving": rival["reference_cost"] / row[f"{cost}_high"] if matches else np.nan,
                "n_seeds": found.n_seeds, "difference": found.value, "low": low, "high": high,
            }  # fmt: skip
        least["n_tried"] = n_tried
        if not matches:
            break
    return least
