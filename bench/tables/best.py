"""The best configuration of each method for each metric: the appendix tables of the paper.

"Best" is the best mean over seeds on validation; its test and OOD values are shown with their 95%
intervals, with what it costs. So the row of a metric is what a user who cares for that metric alone
would choose, and the number next to it is what the user would then get.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pandas as pd

from bench.formatting import cells
from bench.formatting.table import Table
from bench.metrics.table import direction_of, label_of, metrics_for
from bench.records.costs import COSTS
from bench.records.frames import Frames
from bench.records.pareto import seed_means
from bench.records.seeds import competing, expected_seeds, seed_costs
from bench.statistics.influence import Split
from bench.statistics.measured import Measurements, columns

LOG = logging.getLogger(__name__)

# (split, its name in heads).
SHOWN: tuple[tuple[Split, str], ...] = (("test", "ID"), ("ood", "OOD"))
_NOTE = (
    "A row's configuration has the best mean over seeds of its metric on validation, of those "
    "with all seeds; test (ID) and OOD, the mean over all corruptions and severities, are only "
    "shown. Brackets: 95% intervals. * best of its metric in the column, as printed. FLOPs are "
    "fused multiply-adds for one image, a range where seeds differ in what they keep."
)


def tables(frames: Frames) -> Iterator[Table]:
    """One table a dataset with test results."""
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        if not (runs["split"] == "test").any():
            LOG.info("best: nothing to show for %s, it has no test results", dataset)
            continue
        numbers = best_with_intervals(frames, runs)
        yield Table(
            stem=f"best_{dataset}",
            caption=f"{dataset}: the best configuration of each method for each metric.",
            numbers=numbers,
            cells=_cells(numbers),
            notes=(_NOTE,),
        )


def best_by_metric(runs: pd.DataFrame) -> pd.DataFrame:
    """Each category's best configuration on validation, for each metric that has a better.

    Args:
        runs: the ``runs`` frame of one dataset; its val rows alone are read.

    Returns:
        Columns metric, category, config_id, val: in the order of the metrics' table, then by
        category. Equal values go to fewer FLOPs. A configuration that lacks a run or a value in
        one of the seeds is never best; a category of such ones alone is left out for the metric.
    """
    task = str(runs["task"].iloc[0])
    keys = [metric.name for metric in metrics_for(task) if metric.kind != "diversity"]
    val = runs[runs["split"] == "val"]
    val = val[val["config_id"].isin(competing(val))]
    means = seed_means(val, [*keys, *COSTS]).droplevel("dataset")
    means["category"] = val.groupby("config_id")["category"].first()
    means = means.reset_index()
    found = []
    for key in keys:
        ordered = means.dropna(subset=[key]).sort_values(
            [key, "flops", "config_id"], ascending=[direction_of(task, key) == "lower", True, True]
        )
        best = ordered.drop_duplicates("category").sort_values("category")
        best = best.rename(columns={key: "val"})[["category", "config_id", "val"]]
        found.append(best.assign(metric=key))
    return pd.concat(found, ignore_index=True)[["metric", "category", "config_id", "val"]]


def best_with_intervals(frames: Frames, runs: pd.DataFrame) -> pd.DataFrame:
    """``best_by_metric`` with what the choices cost and reach.

    Returns:
        Its columns with dataset, label, flops, params, n_seeds, expected_seeds, and for each split
        of ``SHOWN`` <split>, <split>_low, <split>_high: NaN where a split has not been measured.
    """
    best = best_by_metric(runs)
    facts = runs.groupby("config_id").agg(
        dataset=("dataset", "first"), label=("label", "first"), n_seeds=("seed", "nunique"),
    ).assign(expected_seeds=expected_seeds(runs)).join(seed_costs(runs))  # fmt: skip
    found = best.join(facts, on="config_id")
    measurements = Measurements(frames)
    task, dataset = str(runs["task"].iloc[0]), str(runs["dataset"].iloc[0])
    for split, _ in SHOWN:
        ends = [
            columns(measurements(dataset, config_id, split, metric), task, metric)
            for config_id, metric in zip(found["config_id"], found["metric"], strict=True)
        ]
        for end, name in (("estimate", split), ("low", f"{split}_low"), ("high", f"{split}_high")):
            found[name] = [one[end] for one in ends]
    lead = ["dataset", "metric", "category", "config_id", "label", "n_seeds", "expected_seeds"]
    return found[[*lead, *(name for name in found.columns if name not in lead)]].assign(task=task)


def _cells(numbers: pd.DataFrame) -> pd.DataFrame:
    blocks = []
    for key, rows in numbers.groupby("metric", sort=False):
        task = str(rows["task"].iloc[0])
        direction = direction_of(task, str(key))
        block = pd.DataFrame(
            {
                "Metric": label_of(task, str(key)),
                "Better": direction,
                "Method": rows["category"],
                "Configuration": rows["label"],
                "Seeds": list(map(cells.seeds, rows["n_seeds"], rows["expected_seeds"])),
                "Validation": [cells.number(value) for value in rows["val"]],
            }
        )
        for split, head in SHOWN:
            values = rows[split].tolist()
            texts = map(cells.interval, values, rows[f"{split}_low"], rows[f"{split}_high"])
            block[head] = cells.starred(list(texts), values, direction, [True] * len(values))
        for column, head in zip(COSTS, ("FLOPs", "Parameters"), strict=True):
            ends = zip(rows[f"{column}_min"], rows[f"{column}_max"], strict=True)
            block[head] = [cells.cost_range(pair) for pair in ends]
        blocks.append(block)
    return pd.concat(blocks, ignore_index=True)
