"""95% intervals of every metric over seeds and test examples."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics.predictive import FloatArray
from bench.metrics.table import keys_for
from bench.records.frames import Frames
from bench.statistics import replicates
from bench.statistics.bootstrap import N_RESAMPLES, interval, over_seeds, seed_weights
from bench.statistics.configurations import (
    Configuration,
    configurations,
    expected_seeds,
    known_splits,
    results_folder,
    run_ids,
)
from bench.statistics.differences import differences
from bench.statistics.prefetch import keep_replicates
from bench.statistics.replicates import Split

__all__ = ["differences", "intervals", "severity_intervals"]

COLUMNS = (
    "dataset", "config_id", "category", "label", "split", "metric", "n_seeds", "expected_seeds",
    "estimate", "low", "high",
)  # fmt: skip
MEAN = "mean"
SEVERITY_COLUMNS = (*COLUMNS, "corruption", "severity")


def intervals(
    frames: Frames,
    config_ids: Collection[str],
    *,
    splits: Sequence[Split] = ("test",),
    n_resamples: int = N_RESAMPLES,
) -> pd.DataFrame:
    """Every metric of configurations with its 95% interval.

    Args:
        frames: read from a results folder, whose predictions are resampled.
        config_ids: which configurations.
        splits: "val", "test", "ood" (the mean over corruptions and severities).
        n_resamples: how many replicates.

    Returns:
        One row a configuration, split and metric, in `COLUMNS`. ``estimate`` is the mean over seeds
        of the records' values; low and high are NaN where a seed has none, and under corruption
        for the metrics of the members, which are not stored there.

    Raises:
        ValueError: frames without a folder, an unknown split or an id without runs.
        UserError: predictions that are missing.
    """
    root = results_folder(frames)
    expected = expected_seeds(frames.runs)
    configs = configurations(frames, config_ids)
    for split in known_splits(splits):
        keep_replicates(root, run_ids(configs, split), [split], n_resamples)
    rows = [
        {**config.facts, "split": split, "expected_seeds": expected[config.dataset], **row}
        for config in configs
        for split in splits
        for row in _of_split(root, config, split, n_resamples)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_split(
    root: Path, config: Configuration, split: Split, n_resamples: int
) -> Iterator[dict[str, Any]]:
    by_seed = config.of_split(split)
    if by_seed.empty:
        return
    values = [replicates.of_run(root, run_id, split, n_resamples) for run_id in by_seed["run_id"]]
    for key in keys_for(config.task):
        values_SR = stacked(values, key)
        yield {"metric": key, **_summary(config, by_seed[key], values_SR, key, n_resamples)}


def severity_intervals(
    frames: Frames,
    config_ids: Collection[str],
    metrics: Collection[str],
    *,
    n_resamples: int = N_RESAMPLES,
) -> pd.DataFrame:
    """Metrics of configurations under each corruption at each severity, with 95% intervals.

    Args:
        frames: as `intervals`.
        config_ids: as `intervals`.
        metrics: keys; those that a configuration's task does not have are left out.
        n_resamples: how many replicates.

    Returns:
        `SEVERITY_COLUMNS`, with the split "corruption". Rows of the corruption ``MEAN`` are the
        mean over all corruptions at a severity.

    Raises:
        ValueError: as `intervals`.
        UserError: as `intervals`.
    """
    root = results_folder(frames)
    expected = expected_seeds(frames.runs)
    rows, configs = [], configurations(frames, config_ids)
    for task in sorted({config.task for config in configs}):
        of_task = [config for config in configs if config.task == task]
        wanted = tuple(key for key in keys_for(task) if key in set(metrics))
        keep_replicates(root, run_ids(of_task, "corruption"), [wanted], n_resamples)
    for config in configs:
        keys = [key for key in keys_for(config.task) if key in set(metrics)]
        measured = config.of_split("corruption").astype({"severity": int})
        draws = {
            run_id: _with_mean(replicates.by_severity(root, run_id, keys, n_resamples))
            for run_id in measured["run_id"].unique()
        }
        facts = {**config.facts, "split": "corruption", "expected_seeds": expected[config.dataset]}
        for corruption, of_corruption in _by_corruption(measured, keys):
            for severity, by_seed in of_corruption.groupby("severity", sort=True):
                place = {"corruption": corruption, "severity": severity}
                values = [draws[run_id] for run_id in by_seed["run_id"]]
                for key in keys:
                    values_SR = stacked(values, (corruption, severity, key))
                    summary = _summary(config, by_seed[key], values_SR, key, n_resamples)
                    rows.append({**facts, **place, "metric": key, **summary})
    return pd.DataFrame(rows, columns=list(SEVERITY_COLUMNS))


def _by_corruption(
    measured: pd.DataFrame, keys: Sequence[str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each corruption, and their mean over corruptions; NaN where one has none."""
    for corruption, rows in measured.groupby("corruption", sort=True):
        yield str(corruption), rows
    if len(measured):
        grouped = measured.groupby(["seed", "run_id", "severity"])[list(keys)]
        complete = grouped.count().eq(grouped.size(), axis=0)
        yield MEAN, grouped.mean().where(complete).reset_index().set_index("seed")


def _with_mean(values: replicates.BySeverity) -> replicates.BySeverity:
    """The replicates of each corruption, and of their mean."""
    sets: dict[tuple[int, str], list[FloatArray]] = {}
    for (_, severity, key), values_R in values.items():
        sets.setdefault((severity, key), []).append(values_R)
    means = {(MEAN, *place): np.mean(all_, axis=0) for place, all_ in sets.items()}
    return {**values, **means}


def _summary(
    config: Configuration,
    by_seed: pd.Series[float],
    values_SR: FloatArray | None,
    key: str,
    n_resamples: int,
) -> dict[str, Any]:
    estimate = float(by_seed.mean(skipna=False))
    low = high = float("nan")
    if values_SR is not None:
        weights_RS = seed_weights(config.dataset, list(by_seed.index), n_resamples)
        bounds = keys_for(config.task)[key].compute.bounds
        low, high = interval(over_seeds(values_SR, weights_RS), estimate, bounds)
    return {"n_seeds": len(by_seed), "estimate": estimate, "low": low, "high": high}


def stacked(values: Sequence[Any], key: object) -> FloatArray | None:
    """The replicates of a metric of all seeds, (S, R); None if it can not be resampled."""
    if not all(key in of_run for of_run in values):
        return None
    return np.stack([of_run[key] for of_run in values])
