"""How well validation selects: does the better configuration on validation do better on test?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from bench.metrics.table import direction_of, keys_for, label_of
from bench.records.frames import Frames
from bench.records.pareto import seed_means
from bench.records.selection import metric_of
from bench.statistics.competing import competing

COLUMNS = (
    "dataset", "metric", "n", "rho", "config_id", "category", "label", "chosen", "best", "median",
    "regret", "regret_to_median", "rank",
)  # fmt: skip
FEWEST = 5


def selection_quality(frames: Frames) -> pd.DataFrame:
    """How each metric selects among a dataset's configurations, in `COLUMNS`.

    Only configurations with all expected seeds count; values are means over seeds.

    Returns:
        One row per dataset and metric with a direction. ``rho`` is Spearman's correlation of
        validation and test over the ``n`` configurations (NaN below `FEWEST`, or where all are
        equal). ``config_id`` is the best on validation, ``chosen`` its test value; ``best`` and
        ``median`` are those over all configurations on test. ``regret`` is how much worse the
        chosen one is than the best, at least 0; ``regret_to_median`` than the median, below 0 if
        better; ``rank`` its place on test, 1 the best.
    """
    rows: list[dict[str, Any]] = []
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        task = str(runs["task"].iloc[0])
        keys = [
            key
            for key, metric in keys_for(task).items()
            if metric.kind != "diversity" and key in runs
        ]
        val = competing(runs, keys)
        if val.empty:
            continue
        test = seed_means(runs[runs["split"] == "test"], keys).loc[dataset].reindex(val.index)
        for key in keys:
            both = pd.DataFrame({"val": val[key], "test": test[key]}).dropna()
            if len(both):
                sign = 1.0 if direction_of(task, key) == "lower" else -1.0
                facts = {"dataset": dataset, "metric": key, "n": len(both)}
                rows.append(facts | _of_metric(both * sign, val, sign))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_metric(costs: pd.DataFrame, facts: pd.DataFrame, sign: float) -> dict[str, Any]:
    """Lower is better in ``costs``, columns val and test by config_id."""
    config_id = str(costs["val"].idxmin())
    chosen = float(costs["test"].to_dict()[config_id])
    best, median = float(costs["test"].min()), float(costs["test"].median())
    return {
        "rho": correlation(costs["val"], costs["test"]),
        "config_id": config_id,
        "category": facts["category"].to_dict()[config_id],
        "label": facts["label"].to_dict()[config_id],
        "chosen": sign * chosen,
        "best": sign * best,
        "median": sign * median,
        "regret": chosen - best,
        "regret_to_median": chosen - median,
        "rank": int((costs["test"] < chosen).sum()) + 1,
    }


def correlation(x: pd.Series[float], y: pd.Series[float]) -> float:
    """Spearman's rank correlation; NaN below `FEWEST` pairs or where one is constant."""
    if len(x) < FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(spearmanr(x, y).statistic)


def warnings_of(frames: Frames) -> dict[str, str]:
    """A sentence for each dataset on which validation does not select in the metric that chooses.

    It does not where the rank correlation of validation and test is not above 0.
    """
    tasks = frames.runs.groupby("dataset")["task"].first()
    metrics = {name: metric_of(str(task), frames.select) for name, task in tasks.items()}
    found = selection_quality(frames)
    found = found[(found["metric"] == found["dataset"].map(metrics)) & (found["rho"] <= 0)]
    return {
        str(row["dataset"]): (
            f"Warning: validation does not select on {row['dataset']}: over {row['n']} "
            "configurations the rank correlation of "
            f"{label_of(str(tasks[row['dataset']]), row['metric']).replace(' (nats)', '')} on "
            f"validation and on test is {row['rho']:.2f}; the chosen one is number {row['rank']} "
            "on test. What is chosen there is an arbitrary pick."
        )
        for row in found.to_dict("records")
    }
