"""95% intervals of every metric over seeds and test examples."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bench.metrics.predictive import FloatArray
from bench.records.frames import Frames
from bench.statistics import influence
from bench.statistics.configurations import (
    Configuration,
    configurations,
    expected_seeds,
    keys_among,
    known_splits,
    results_folder,
)
from bench.statistics.influence import MEAN, Split
from bench.statistics.measured import Measured, Measurements, columns, difference

COLUMNS = (
    "dataset", "config_id", "category", "label", "split", "metric", "n_seeds", "expected_seeds",
    "estimate", "low", "high",
)  # fmt: skip
SEVERITY_COLUMNS = (*COLUMNS, "corruption", "severity")


def intervals(
    frames: Frames,
    config_ids: Collection[str],
    *,
    splits: Sequence[Split] = ("test",),
    metrics: Collection[str] | None = None,
) -> pd.DataFrame:
    """Metrics of configurations with their 95% intervals.

    Args:
        frames: read from a results folder, whose predictions are read too.
        config_ids: which configurations.
        splits: "val", "test", "ood" (the mean over corruptions and severities).
        metrics: keys; those that a configuration's task does not have are left out. None: every
            one, which takes several times as long under corruption.

    Returns:
        A row per configuration, split and metric, in `COLUMNS`. ``estimate`` is the mean over seeds
        of the records' values; low and high are NaN where a seed has none, and under corruption
        for the metrics of the members, which are not stored there. With one seed they are about
        this network on new images, not about the method.

    Raises:
        ValueError: frames without a folder, an unknown split or an id without runs.
        UserError: predictions that are missing.
    """
    measurements = Measurements(frames, every_metric=metrics is None)
    expected = expected_seeds(frames.runs)
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
        for key in keys_among(config.task, metrics)
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
        facts = {**config.facts, "split": "corruption", "expected_seeds": expected[config.dataset]}
        for (corruption, severity, key), measured in _by_place(root, config, metrics).items():
            where = {"metric": key, "corruption": corruption, "severity": severity}
            rows.append({**facts, **where, **columns(measured, config.task, key)})
    return pd.DataFrame(rows, columns=list(SEVERITY_COLUMNS))


def severity_differences(
    frames: Frames, config_ids: Collection[str], reference_id: str, metrics: Collection[str]
) -> pd.DataFrame:
    """Metrics minus those of a reference at each severity, paired over seeds and examples.

    Args:
        frames: as `intervals`.
        config_ids: as `intervals`, of the dataset of the reference; the reference is left out.
        reference_id: the configuration that is subtracted.
        metrics: as `severity_intervals`.

    Returns:
        One row per configuration, corruption (and `MEAN` of all), severity and metric: dataset,
        config_id, category, label, metric, corruption, severity, n_seeds, estimate, low, high.
        Severity 0 is the clean test split, in each corruption.

    Raises:
        ValueError: as `intervals`.
        UserError: as `intervals`.
    """
    root, clean = results_folder(frames), Measurements(frames)
    (reference,) = configurations(frames, [reference_id])
    theirs = _by_place(root, reference, metrics)
    rows = []
    for config in configurations(frames, [one for one in config_ids if one != reference_id]):
        ours = _by_place(root, config, metrics)
        pairs = {place: (ours[place], theirs[place]) for place in ours if place in theirs}
        for corruption, _, key in list(pairs):
            pairs[corruption, 0, key] = (
                clean(config.dataset, config.config_id, "test", key),
                clean(config.dataset, reference_id, "test", key),
            )
        for (corruption, severity, key), pair in pairs.items():
            found = difference(*pair).estimate
            low, high = found.interval()
            where = {"metric": key, "corruption": corruption, "severity": severity}
            numbers = {"n_seeds": found.n_seeds, "estimate": found.value, "low": low, "high": high}
            rows.append({**config.facts, **where, **numbers})
    return pd.DataFrame(rows)


def _by_place(
    root: Path, config: Configuration, metrics: Collection[str]
) -> dict[influence.Place, Measured]:
    """The metrics of a configuration by corruption (and `MEAN`), severity and key."""
    keys = keys_among(config.task, metrics)
    rows = _and_mean(config.of_split("corruption").reset_index(), keys)
    found = {
        run_id: _with_mean(influence.by_severity(root, run_id, keys))
        for run_id in rows["run_id"].unique()
    }
    seeds_R, runs_R = rows["seed"].to_numpy(), rows["run_id"].to_numpy()
    values_RK, unknown = rows[keys].to_numpy(dtype=float), np.full(influence.N_GROUPS, np.nan)
    places: dict[tuple[str, int], list[int]] = {}
    for row, place in enumerate(zip(rows["corruption"], rows["severity"].astype(int), strict=True)):
        places.setdefault(place, []).append(row)
    return {
        (*place, key): Measured(
            seeds=tuple(map(int, seeds_R[at])),
            values_S=values_RK[at, column],
            influence_SG=np.stack([found[run].get((*place, key), unknown) for run in runs_R[at]]),
        )
        for place, at in places.items()
        for column, key in enumerate(keys)
    }


def _and_mean(measured: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The rows by corruption and severity, then their mean over corruptions; NaN if one has none.

    Seeds are in order within each.
    """
    grouped = measured.groupby(["seed", "run_id", "severity"])[list(keys)]
    complete = grouped.count().eq(grouped.size(), axis=0)
    mean = grouped.mean().where(complete).reset_index().assign(corruption=MEAN)
    places = measured.sort_values(["corruption", "severity"], kind="stable")
    return pd.concat([places[list(mean)], mean], ignore_index=True)


def _with_mean(
    values: Mapping[influence.Place, FloatArray],
) -> dict[influence.Place, FloatArray]:
    """The influences in each corruption, and in their mean."""
    sets: dict[tuple[int, str], list[FloatArray]] = {}
    for (_, severity, key), values_G in values.items():
        sets.setdefault((severity, key), []).append(values_G)
    means = {(MEAN, *place): np.mean(all_, axis=0) for place, all_ in sets.items()}
    return {**values, **means}
