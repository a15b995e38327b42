"""What the best of n random trials is expected to reach on validation: quality against budget.

Dodge, Gururangan, Card, Schwartz & Smith (2019), "Show your work: improved reporting of
experimental results", EMNLP, section 3. Letter: T trials.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.metrics.predictive import FloatArray
from bench.metrics.table import direction_of
from bench.records.frames import Frames, load_frames
from bench.records.selection import metric_of
from bench.records.store import search_folder
from bench.statistics.crossed import LEVEL

COLUMNS = ("dataset", "method", "metric", "trials", "core_seconds", "expected", "low", "high")


def best_of(values_T: FloatArray) -> FloatArray:
    """The best of n = 1, ..., T draws with replacement from the values, lower is better.

    With v_1 <= ... <= v_T, the best of n is v_i with probability ((T - i + 1) / T)^n -
    ((T - i) / T)^n.

    Returns:
        Shape (T, 3): by n the expected best, and the ends of the 95% that the best lies within.
    """
    ordered_T = np.sort(values_T)
    n_trials = len(ordered_T)
    n_T1 = np.arange(1, n_trials + 1)[:, None]
    at_most_TT = 1 - (1 - np.arange(1, n_trials + 1) / n_trials) ** n_T1  # P(best of n <= v_i)
    expected_T = np.diff(at_most_TT, axis=1, prepend=0) @ ordered_T
    ends = [
        ordered_T[np.argmax(at_most_TT >= share, axis=1)]
        for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    ]
    return np.stack([expected_T, *ends], axis=1)


def expected_validation(frames: Frames) -> pd.DataFrame:
    """Expected validation values of the best of so many trials of each search, in `COLUMNS`.

    The trials are those below the results folder's ``search``: each configuration once, with its
    first seed, in the metric that chooses; those that failed or have no value are left out. The
    curve is that of a random search with these trials: a sampler that learns draws its own better
    ones late.

    Returns:
        One row per dataset, method and number of trials. ``core_seconds`` is that number times the
        mean CPU seconds of training and validation of a trial; low and high hold 95% of the bests.
    """
    nothing = pd.DataFrame(columns=list(COLUMNS))
    if frames.root is None:
        return nothing
    records = load_frames(search_folder(frames.root))
    if records.runs.empty:
        return nothing
    timings = records.timings.set_index("run_id")
    spent = timings["train_cpu_s"] + timings["evaluate_cpu_s"]
    trials = records.runs[records.runs["split"] == "val"].sort_values("seed", kind="stable")
    trials = trials.drop_duplicates(["dataset", "config_id"])
    parts = []
    for (dataset, task, method), rows in trials.groupby(["dataset", "task", "method"]):
        metric = metric_of(str(task), frames.select)
        known = rows[np.isfinite(rows[metric])]
        if known.empty:
            continue
        sign = 1.0 if direction_of(str(task), metric) == "lower" else -1.0
        found = sign * best_of(sign * known[metric].to_numpy(dtype=float))
        count = np.arange(1, len(known) + 1)
        seconds = count * float(spent.loc[known["run_id"]].mean())
        table = pd.DataFrame(
            {"dataset": dataset, "method": method, "metric": metric, "trials": count,
             "core_seconds": seconds, "expected": found[:, 0],
             "low": found[:, 1:].min(axis=1), "high": found[:, 1:].max(axis=1)}
        )  # fmt: skip
        parts.append(table)
    return pd.concat(parts, ignore_index=True) if parts else nothing
