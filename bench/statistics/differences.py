"""Differences of configurations to a reference: 95% intervals and Holm-corrected p values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics.table import keys_for
from bench.records.frames import Frames
from bench.statistics import replicates
from bench.statistics.bootstrap import N_RESAMPLES, interval, over_seeds, p_value, seed_weights
from bench.statistics.configurations import (
    Configuration,
    configurations,
    known_splits,
    results_folder,
    run_ids,
)
from bench.statistics.holm import holm
from bench.statistics.prefetch import keep_replicates
from bench.statistics.replicates import Split

DIFFERENCE_COLUMNS = (
    "dataset", "config_id", "category", "label", "reference_id", "split", "metric", "n_seeds",
    "estimate", "low", "high", "p", "p_holm",
)  # fmt: skip


def differences(
    frames: Frames,
    config_ids: Collection[str],
    reference_id: str,
    *,
    splits: Sequence[Split] = ("test",),
    n_resamples: int = N_RESAMPLES,
) -> pd.DataFrame:
    """Every metric of configurations minus that of a reference, paired over seeds and examples.

    Args:
        frames: as `intervals`.
        config_ids: which configurations; the reference itself and those of other datasets are
            left out.
        reference_id: the configuration that is subtracted.
        splits: as `intervals`.
        n_resamples: how many replicates.

    Returns:
        `DIFFERENCE_COLUMNS`. ``n_seeds`` counts the seeds that both have; without any, the rest
        is NaN. ``p`` is the two-sided bootstrap p value; ``p_holm`` is corrected for all
        configurations that are compared in one dataset, split and metric.

    Raises:
        ValueError: as `intervals`, for the reference too.
        UserError: as `intervals`.
    """
    root = results_folder(frames)
    references = configurations(frames, [reference_id])
    pairs = [
        (config, reference)
        for reference in references
        for config in configurations(frames, config_ids)
        if config.dataset == reference.dataset and config.config_id != reference_id
    ]
    for split in known_splits(splits):
        needed = [config for pair in pairs for config in pair]
        keep_replicates(root, run_ids(needed, split), [split], n_resamples)
    rows = [
        {**config.facts, "reference_id": reference_id, "split": split, **row}
        for config, reference in pairs
        for split in splits
        for row in _paired(root, config, reference, split, n_resamples)
    ]
    table = pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))
    families = table.groupby(["dataset", "split", "metric"])["p"]
    table["p_holm"] = families.transform(lambda p: pd.Series(holm(p.to_numpy()), index=p.index))
    return table


def _paired(
    root: Path, config: Configuration, reference: Configuration, split: Split, n_resamples: int
) -> Iterator[dict[str, Any]]:
    ours, theirs = config.of_split(split), reference.of_split(split)
    common = ours.index.intersection(theirs.index)
    ours, theirs = ours.loc[common], theirs.loc[common]
    pairs = [
        tuple(replicates.of_run(root, run_id, split, n_resamples) for run_id in run_ids)
        for run_ids in zip(ours["run_id"], theirs["run_id"], strict=True)
    ]
    nothing = {"estimate": np.nan, "low": np.nan, "high": np.nan, "p": np.nan}
    for key in keys_for(config.task):
        row = {"metric": key, "n_seeds": len(common), **nothing}
        if len(common):
            row["estimate"] = estimate = float((ours[key] - theirs[key]).mean(skipna=False))
            if all(key in values for pair in pairs for values in pair):
                values_SR = np.stack([mine[key] - other[key] for mine, other in pairs])
                weights_RS = seed_weights(config.dataset, list(common), n_resamples)
                values_R = over_seeds(values_SR, weights_RS)
                row["low"], row["high"] = interval(values_R, estimate)
                row["p"] = p_value(values_R, estimate)
        yield row
