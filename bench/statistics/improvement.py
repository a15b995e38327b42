"""How often a run of one method beats a run of another: the probability of improvement.

Agarwal, Schwarzer, Castro, Courville & Bellemare (2021), "Deep reinforcement learning at the edge
of the statistical precipice", section 4.3. A data set is a task, a seed a run.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pandas as pd

from bench.metrics.predictive import FloatArray
from bench.metrics.table import direction_of
from bench.records.frames import Frames
from bench.records.selection import metric_of

COLUMNS = ("category", "reference", "n_datasets", "n_seeds", "probability", "low", "high", "unit")
# A bootstrap over fewer has too few distinct resamples to have tails.
FEWEST_SEEDS, FEWEST_DATASETS = 3, 5
_RESAMPLES = 2000


def improvements(frames: Frames, reference: str = "Standard NN") -> pd.DataFrame:
    """P(a run of the category beats a run of the reference on test), in `COLUMNS`.

    Both are the configurations that validation chooses; the metric is the one that chooses. In a
    data set the probability is the share of pairs of a run of each that the category wins, ties by
    half; over data sets it is their mean.

    Returns:
        One row per category that shares a data set with the reference. ``low`` and ``high`` are a
        percentile bootstrap's 95%: over data sets where there are `FEWEST_DATASETS` (``unit``
        "dataset": what the next data set would show), else over the seeds of each ("seed": only
        what other seeds on these data sets would); NaN below `FEWEST_SEEDS` seeds.
    """
    values = _values(frames)
    rows = []
    for category in sorted({name for _, name in values} - {reference}):
        shared = sorted(d for d, name in values if name == category and (d, reference) in values)
        pairs = [(values[d, category], values[d, reference]) for d in shared]
        if pairs:
            rows.append({"category": category, "reference": reference, **_row(pairs, category)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _values(frames: Frames) -> dict[tuple[str, str], FloatArray]:
    """(dataset, category) -> test values by seed of the chosen configuration; lower is better."""
    found = {}
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        task = str(runs["task"].iloc[0])
        metric = metric_of(task, frames.select)
        sign = 1.0 if direction_of(task, metric) == "lower" else -1.0
        test = runs[runs["split"] == "test"]
        for category, config_id in frames.chosen(runs).itertuples(index=False):
            seeds = test.loc[test["config_id"] == config_id].sort_values("seed")[metric].dropna()
            if len(seeds):
                found[str(dataset), str(category)] = sign * seeds.to_numpy(dtype=float)
    return found


def _row(pairs: list[tuple[FloatArray, FloatArray]], category: str) -> dict[str, object]:
    by_dataset = np.array([_share(ours[None], theirs[None])[0] for ours, theirs in pairs])
    n_seeds = min(min(len(ours), len(theirs)) for ours, theirs in pairs)
    digest = hashlib.sha256(f"improvement {category}".encode()).digest()
    rng = np.random.default_rng(list(digest))
    low = high = math.nan
    unit = "dataset" if len(pairs) >= FEWEST_DATASETS else "seed"
    if unit == "dataset":
        drawn = rng.choice(by_dataset, (_RESAMPLES, len(pairs))).mean(axis=1)
        low, high = np.quantile(drawn, (0.025, 0.975))
    elif n_seeds >= FEWEST_SEEDS:
        shares = [
            _share(*(rng.choice(runs, (_RESAMPLES, len(runs))) for runs in pair)) for pair in pairs
        ]
        low, high = np.quantile(np.mean(shares, axis=0), (0.025, 0.975))
    return {
        "n_datasets": len(pairs),
        "n_seeds": n_seeds,
        "probability": float(by_dataset.mean()),
        "low": float(low),
        "high": float(high),
        "unit": unit,
    }


def _share(ours_RS: FloatArray, theirs_RS: FloatArray) -> FloatArray:
    """The share of pairs that ours wins (is lower), ties by half, in each resample."""
    gap = theirs_RS[:, None, :] - ours_RS[:, :, None]
    return np.asarray(((gap > 0) + 0.5 * (gap == 0)).mean(axis=(1, 2)))
