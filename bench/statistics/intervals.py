"""95% intervals of every metric over seeds and test examples."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from bench.metrics.predictive import FloatArray
from bench.metrics.table import keys_for
from bench.records.frames import Frames
from bench.statistics import influence
from bench.statistics.configurations import (
    configurations,
    expected_seeds,
    known_splits,
    results_folder,
)
from bench.statistics.influence import Split
from bench.statistics.measured import Measured, Measurements, columns

COLUMNS = (
    "dataset", "config_id", "category", "label", "split", "metric", "n_seeds", "expected_seeds",
    "estimate", "low", "high",
)  # fmt: skip
MEAN = "mean"
SEVERITY_COLUMNS = (*COLUMNS, "corruption", "severity")


def intervals(
    frames: Frames, config_ids: Collection[str], *, splits: Sequence[Split] = ("test",)
) -> pd.DataFrame:
    """Every metric of configurations with its 95% interval.

    Args:
        frames: read from a results folder, whose predictions are read too.
        config_ids: which configurations.
        splits: "val", "test", "ood" (the mean over corruptions and severities).

    Returns:
        One row a configuration, split and metric, in `COLUMNS`. ``estimate`` is the mean over seeds
        of the records' values; low and high are NaN where a seed has none, and under corruption
        for the metrics of the members, which are not stored there. With one seed they are about
        this network on new images, not about the method.

    Raises:
        ValueError: frames without a folder, an unknown split or an id without runs.
        UserError: predictions that are missing.
    """
    measurements, expected = Measurements(frames), expected_seeds(frames.runs)
    rows = [
        {
            **config.facts,
            "split": split,
            "metric": key,
            "expected_seeds": expected[config.dataset],
            **columns(measurements(config.dataset, config.config_id, split, key), config.task, key),
        }
        for config in configurations(frames, config_ids)
        for split in known_splits(splits)
        if measurements.seeds(config.dataset, config.config_id, split)
        for key in keys_for(config.task)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def severity_intervals(
    frames: Frames, config_ids: Collection[str], metrics: Collection[str]
) -> pd.DataFrame:
    """Metrics of configurations under each corruption at each severity, with 95% intervals.

    Args:
        frames: as `intervals`.
        config_ids: as `intervals`.
        metrics: keys; those that a configuration's task does not have are left out.

    Returns:
        `SEVERITY_COLUMNS`, with the split "corruption". Rows of the corruption ``MEAN`` are the
        mean over all corruptions at a severity.

    Raises:
        ValueError: as `intervals`.
        UserError: as `intervals`.
    """
    root, expected = results_folder(frames), expected_seeds(frames.runs)
    rows = []
    for config in configurations(frames, config_ids):
        keys = [key for key in keys_for(config.task) if key in set(metrics)]
        measured = config.of_split("corruption").astype({"severity": int})
        found = {
            run_id: _with_mean(influence.by_severity(root, run_id))
            for run_id in measured["run_id"].unique()
        }
        facts = {**config.facts, "split": "corruption", "expected_seeds": expected[config.dataset]}
        for corruption, of_corruption in _by_corruption(measured, keys):
            for severity, by_seed in of_corruption.groupby("severity", sort=True):
                for key in keys:
                    place = (corruption, int(str(severity)), key)
                    row = columns(_measured(by_seed, key, found, place), config.task, key)
                    where = {"metric": key, "corruption": corruption, "severity": severity}
                    rows.append({**facts, **where, **row})
    return pd.DataFrame(rows, columns=list(SEVERITY_COLUMNS))


def _measured(
    by_seed: pd.DataFrame,
    key: str,
    found: dict[str, dict[influence.Place, FloatArray]],
    place: influence.Place,
) -> Measured:
    unknown = np.full(influence.N_GROUPS, np.nan)
    return Measured(
        seeds=tuple(map(int, by_seed.index)),
        values_S=by_seed[key].to_numpy(dtype=float),
        influence_SG=np.stack([found[run].get(place, unknown) for run in by_seed["run_id"]]),
    )


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


def _with_mean(
    values: Mapping[influence.Place, FloatArray],
) -> dict[influence.Place, FloatArray]:
    """The influences in each corruption, and in their mean."""
    sets: dict[tuple[int, str], list[FloatArray]] = {}
    for (_, severity, key), values_G in values.items():
        sets.setdefault((severity, key), []).append(values_G)
    means = {(MEAN, *place): np.mean(all_, axis=0) for place, all_ in sets.items()}
    return {**values, **means}
