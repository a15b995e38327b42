"""What claims choose from: the configurations of a dataset, on validation alone."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from bench.metrics.table import direction_of, metrics_for
from bench.records.costs import COSTS
from bench.records.frames import Frames
from bench.records.pareto import seed_means

SAE_CATEGORIES = ("SE NN", "EE", "MIMO", "MIMMO", "I/B")
ENSEMBLE = "NN Ensemble"


def validated(frames: Frames, dataset: str) -> pd.DataFrame:
    """Validation means of every configuration of a dataset that has test results too.

    Test and OOD rows say only that they are there: a claim could not be judged without them.

    Returns:
        Indexed by config_id: category, label, n_inputs, n_exits, flops, params, n_seeds,
        expected_seeds (of the most complete configuration), and the metrics that a search
        optimises; means over seeds, NaN where a seed has no value. Empty without runs.
    """
    runs = frames.runs[frames.runs["dataset"] == dataset]
    tested = runs.loc[runs["split"] == "test", "config_id"].unique()
    val = runs[(runs["split"] == "val") & runs["config_id"].isin(tested)]
    keys = objectives(str(val["task"].iloc[0])) if len(val) else []
    means = seed_means(val, [*keys, *COSTS]).droplevel("dataset")
    grouped = val.groupby("config_id", sort=True)
    facts = grouped[["category", "label", "n_inputs", "n_exits"]].first()
    facts["n_seeds"] = grouped["seed"].nunique()
    return facts.assign(expected_seeds=facts["n_seeds"].max()).join(means)


def objectives(task: str) -> list[str]:
    """The metrics of a task that a search optimises: those that the paper reports."""
    return [metric.name for metric in metrics_for(task) if metric.objective]


def task_of(frames: Frames, dataset: str) -> str:
    """The task of a dataset that has runs."""
    return str(frames.runs.loc[frames.runs["dataset"] == dataset, "task"].iloc[0])


def gain(task: str, metric: str) -> float:
    """1 where higher is better and -1 where lower is: a difference times it is an improvement."""
    return 1.0 if direction_of(task, metric) == "higher" else -1.0


def of(configurations: pd.DataFrame, categories: Collection[str]) -> pd.DataFrame:
    """The configurations of some categories."""
    return configurations[configurations["category"].isin(categories)]


def best(configurations: pd.DataFrame, metric: str, sign: float) -> str | None:
    """The config_id of the best validation mean; equal ones go to fewer FLOPs. None if unknown."""
    known = configurations.dropna(subset=[metric])
    if known.empty:
        return None
    order = known.assign(loss=-sign * known[metric], id=known.index)
    return str(order.sort_values(["loss", "flops", "id"]).index[0])


def describe(configurations: pd.DataFrame, config_id: str) -> str:
    """``I/B N=2 K=2 W=32 D=4``, with its seeds where the most complete configuration has more."""
    text = f"{configurations['category'][config_id]} {configurations['label'][config_id]}"
    n_seeds = int(configurations["n_seeds"][config_id])
    expected = int(configurations["expected_seeds"][config_id])
    return text if n_seeds >= expected else f"{text} ({n_seeds} of {expected} seeds)"
