"""Mean rank of each method over all its Pareto points, datasets and metrics: the paper's ranking.

For each dataset and category, its Pareto points are the configurations on the category's own
validation front over performance, calibration, FLOPs and parameters
(``bench.records.pareto.selected``).
For each dataset, metric and split, the points of all categories are ranked together by their mean
over seeds: 1 is best, equal values share their mean rank, a point without a value is last. A
category's mean rank is the plain mean over all of its points, datasets and metrics, and the
deviation is over the same ranks. The metrics are those that a search optimises.

Datasets do not have equally many points, so a mean over them favours whoever has points where
there are few. The scaled rank, (rank - 1) / (points - 1), is 0 for the best and 1 for the worst of
each ranking, and does not.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pandas as pd

from bench.formatting import cells
from bench.formatting.table import Table
from bench.metrics.table import direction_of, metrics_for
from bench.records.frames import Frames
from bench.records.pareto import seed_means, selected
from bench.statistics.friedman import blocks, rank_test

LOG = logging.getLogger(__name__)

SPLITS = (("test", "ID"), ("ood", "OOD"))
_NOTE = (
    "Pareto points: each method's own validation front over performance, calibration, FLOPs and "
    "parameters. In each dataset and metric all points are ranked together, 1 is best; cells are "
    "mean +- standard deviation over a method's points, datasets and metrics. Scaled: 0 is the "
    "best and 1 the worst point of each ranking. Points of one method are not independent: the "
    "deviation is no confidence interval."
)


def tables(frames: Frames) -> Iterator[Table]:
    """One table over all datasets with test results."""
    datasets = sorted(frames.runs.loc[frames.runs["split"] == "test", "dataset"].unique())
    if not datasets:
        LOG.info("ranks: nothing to show, there are no test results")
        return
    ranks = pd.concat(
        [point_ranks(frames.runs[frames.runs["dataset"] == name]) for name in datasets]
    )
    numbers = mean_ranks(ranks)
    test = rank_test(blocks(frames))
    tested = (
        f"Friedman's test on the chosen configuration of each method over {test.n_blocks} pairs "
        f"of dataset and metric: chi-square {test.statistic:.2f}, p = {test.p:.2g}. "
        "Metrics of one dataset agree with each other, so that p is too small."
    )
    yield Table(
        stem="ranks",
        caption="Mean rank of each method over all its Pareto points, datasets and metrics.",
        numbers=numbers,
        cells=_cells(numbers, datasets),
        notes=(_NOTE, f"No test of ranks: {test.message}." if test.message else tested),
    )


def pareto_points(runs: pd.DataFrame) -> pd.DataFrame:
    """The points of each category's own validation front.

    Args:
        runs: the ``runs`` frame of one dataset; its val rows alone are read.

    Returns:
        Columns category, config_id; sorted.
    """
    dataset = str(runs["dataset"].iloc[0])
    rows = [
        {"category": category, "config_id": config_id}
        for category, group in runs.groupby("category", sort=True)
        for config_id in sorted(selected(group).get(dataset, frozenset()))
    ]
    return pd.DataFrame(rows, columns=["category", "config_id"])


def point_ranks(runs: pd.DataFrame) -> pd.DataFrame:
    """The rank of each Pareto point in each metric and split.

    Args:
        runs: the ``runs`` frame of one dataset.

    Returns:
        Columns dataset, category, config_id, split, metric, rank (from 1), scaled (0 to 1; 0 where
        there is a single point).
    """
    task = str(runs["task"].iloc[0])
    points = pareto_points(runs).set_index("config_id")["category"]
    keys = [metric.name for metric in metrics_for(task) if metric.objective]
    found = []
    for split, _ in SPLITS:
        rows = runs[(runs["split"] == split) & runs["config_id"].isin(points.index)]
        if rows.empty:
            continue
        means = seed_means(rows, keys).droplevel("dataset").reindex(points.index)
        for key in keys:
            ranks = means[key].rank(
                ascending=direction_of(task, key) == "lower", na_option="bottom"
            )
            scaled = (ranks - 1) / max(len(points) - 1, 1)
            block = pd.DataFrame({"category": points, "rank": ranks, "scaled": scaled})
            found.append(block.reset_index().assign(split=split, metric=key))
    ranked = pd.concat(found, ignore_index=True).assign(dataset=str(runs["dataset"].iloc[0]))
    return ranked[["dataset", "category", "config_id", "split", "metric", "rank", "scaled"]]


def mean_ranks(ranks: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation by category and split, over all datasets and for each of them.

    Args:
        ranks: rows of ``point_ranks``.

    Returns:
        Columns dataset ("all" or a name), split, category, points, rank, rank_std, scaled,
        scaled_std; in each dataset and split the best rank first.
    """
    everything = pd.concat([ranks.assign(dataset="all"), ranks], ignore_index=True)
    grouped = everything.groupby(["dataset", "split", "category"], sort=True)
    found = grouped.agg(
        points=("config_id", "nunique"),
        rank=("rank", "mean"), rank_std=("rank", "std"),
        scaled=("scaled", "mean"), scaled_std=("scaled", "std"),
    ).reset_index()  # fmt: skip
    return found.sort_values(["dataset", "split", "rank", "category"], ignore_index=True)


def _cells(numbers: pd.DataFrame, datasets: list[str]) -> pd.DataFrame:
    texts = {
        (row["dataset"], row["split"], row["category"], column): cells.spread(
            row[column], row[f"{column}_std"], digits
        )
        for row in numbers.to_dict("records")
        for column, digits in (("rank", 1), ("scaled", 2))
    }
    overall = numbers[(numbers["dataset"] == "all") & (numbers["split"] == "test")]
    methods = list(overall["category"])
    table = pd.DataFrame({"Method": methods, "Points": list(map(str, overall["points"]))})
    columns = [
        (f"{head} {column}", "all", split, column)
        for split, head in SPLITS
        for column in ("rank", "scaled")
    ]
    if len(datasets) > 1:
        columns += [(f"ID rank, {name}", name, "test", "rank") for name in datasets]
    for head, dataset, split, column in columns:
        table[head] = [
            texts.get((dataset, split, method, column), cells.MISSING) for method in methods
        ]
    return table
