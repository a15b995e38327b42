"""One row per configuration: what plots draw, the table lists and a configuration's page shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.metrics.table import keys_for
from bench.records.costs import COSTS
from bench.records.measurements import MEASURES
from bench.records.pareto import seed_means, selected
from bench.report.command import command
from bench.report.depth_histories import histories
from bench.report.rounding import compact
from bench.report.study import Study
from bench.tables.summary import COLUMNS

SPLITS = ("val", "test", "ood")


def metric_keys(runs: pd.DataFrame) -> list[str]:
    """The metrics that one dataset's runs have, in table order."""
    keys = keys_for(str(runs["task"].iloc[0]))
    return [key for key in keys if key in runs.columns and runs[key].notna().any()]


def measured_keys(runs: pd.DataFrame) -> list[str]:
    """What bench.latency has measured of one dataset's runs, in the order of its table."""
    return [key for key in MEASURES if key in runs.columns and runs[key].notna().any()]


def shift_metrics(task: str) -> list[str]:
    """The metrics that are shown for each corruption and severity: those of the summary."""
    return [metric for split, metric in COLUMNS[task] if split == "ood"]


def corruptions(runs: pd.DataFrame) -> list[str]:
    """The corruptions of one dataset's runs, in the order of the records."""
    return list(map(str, runs.loc[runs["split"] == "corruption", "corruption"].unique()))


def configurations(study: Study, dataset: str) -> list[dict[str, Any]]:
    """Every configuration of a dataset, cheapest first.

    Returns:
        Dicts with id, category, label, seeds, front (on the validation front), chosen (stands for
        its category), flops, params, what `measured_keys` names, ``ranges`` (smallest and largest
        cost where seeds differ), n, k, depth; ``values`` and
        ``spread`` (mean and standard deviation over seeds, by split, in the order of
        `metric_keys`); ``shift`` (means by metric, corruption, severity); ``parts`` (FLOPs by
        part); ``theta`` (see `depth.histories`); ``seconds`` (training, evaluation); ``command``.
    """
    runs = study.runs(dataset)
    task, keys = str(runs["task"].iloc[0]), metric_keys(runs)
    measured = measured_keys(runs)
    on_front = selected(runs).get(dataset, frozenset())
    chosen = set(study.frames.chosen(runs)["config_id"])
    values, spreads = _by_split(runs, keys)
    shifts, parts, seconds = _shifts(runs), _parts(study), _seconds(study)
    thetas, configs = histories(study.frames.depth, dataset), study.configs()

    rows = []
    for (config_id, category), group in runs.groupby(["config_id", "category"], sort=True):
        first, seeds = group.iloc[0], sorted(map(int, group["seed"].unique()))
        # A deployed SAE depends on what its seed has learned, and so do its costs.
        by_seed = group.drop_duplicates("seed")[[*COSTS, *measured]]
        costs = by_seed.mean(skipna=False)
        rows.append(
            {
                "id": config_id,
                "category": category,
                "label": first["label"],
                "seeds": seeds,
                "front": config_id in on_front,
                "chosen": config_id in chosen,
                **costs.astype(float).to_dict(),
                "ranges": {
                    cost: [by_seed[cost].min(), by_seed[cost].max()]
                    for cost in COSTS
                    if len(set(by_seed[cost])) > 1
                },
                "n": first["n_inputs"],
                "k": first["n_exits"],
                "depth": first["depth"],
                "values": values[config_id],
                "spread": spreads[config_id],
                "shift": shifts.get(str(config_id), {}),
                "parts": [[part, flops / len(seeds)] for part, flops in parts[str(config_id)]],
                "theta": thetas.get(str(config_id)),
                "seconds": seconds.get(str(config_id)),
                "command": command(configs[str(config_id)], seeds, task),
            }
        )
    rows.sort(key=lambda row: (row["flops"], row["id"]))
    return [compact(row) for row in rows]


def _by_split(
    runs: pd.DataFrame, keys: Sequence[str]
) -> tuple[dict[Any, dict[str, Any]], dict[Any, dict[str, Any]]]:
    """Means and standard deviations over seeds: config_id -> split -> values in order of keys."""
    values: dict[Any, dict[str, Any]] = defaultdict(dict)
    spreads: dict[Any, dict[str, Any]] = defaultdict(dict)
    for split in SPLITS:
        rows = runs[runs["split"] == split]
        means = seed_means(rows, keys).droplevel("dataset")
        deviations = rows.groupby("config_id")[list(keys)].std()
        for found, table in ((values, means), (spreads, deviations)):
            for config_id, *numbers in table.itertuples():
                found[config_id][split] = numbers
    return values, spreads


def _shifts(runs: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """config_id -> metric -> one row per corruption, one column per severity."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    rows, order = runs[runs["split"] == "corruption"], corruptions(runs)
    for metric in shift_metrics(str(runs["task"].iloc[0])):
        if rows.empty or metric not in rows:
            continue
        means = rows.groupby(["config_id", "corruption", "severity"])[metric].mean()
        tables = means.reset_index().pivot_table(
            index=["config_id", "corruption"], columns="severity", values=metric, dropna=False
        )
        for config_id, table in tables.groupby("config_id"):
            by_corruption = table.droplevel("config_id").reindex(order)
            found[str(config_id)][metric] = by_corruption.to_numpy().tolist()
    return found


def _parts(study: Study) -> dict[str, list[tuple[str, float]]]:
    """config_id -> FLOPs of each part, summed over seeds, in the order of the records."""
    sums = study.frames.parts.groupby(["config_id", "part"], sort=False)["flops"].sum()
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for row in sums.reset_index().to_dict("records"):
        found[str(row["config_id"])].append((str(row["part"]), float(row["flops"])))
    return found


def _seconds(study: Study) -> dict[str, list[float]]:
    """config_id -> mean wall seconds of training and of evaluation."""
    means = study.frames.timings.groupby("config_id")[["train_s", "evaluate_s"]].mean()
    return {str(config_id): row.tolist() for config_id, row in means.iterrows()}
