"""ECE with its interval, its debiased value, and what a perfectly calibrated model would show.

The ECE of a finite split is too large: each bin's accuracy is off its mean confidence by chance
alone, and the absolute value adds that up instead of cancelling it. The debiased value takes the
expected excess away; the floor is all excess, the ECE of a calibrated model.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import foldnorm

from bench.metrics.calibration import N_BINS, bin_gaps, equal_width_bins, top_label
from bench.metrics.predictive import FloatArray, Predictive
from bench.metrics.weighted import blocks, group_sums
from bench.records.frames import Frames
from bench.statistics.configurations import Configuration, configurations, results_folder
from bench.statistics.crossed import LEVEL
from bench.statistics.influence import generator
from bench.statistics.intervals import intervals
from bench.statistics.predictions import stored

# Draws of the floor.
N_DRAWS = 1000

COLUMNS = (
    "dataset", "config_id", "category", "label", "n_seeds", "expected_seeds", "ece", "low", "high",
    "debiased", "floor", "floor_high",
)  # fmt: skip


def debiased_ece(predictive: Predictive) -> float:
    """ECE of the top label less its expected excess; below 0 if the excess is the larger part.

    The L1 estimator of Kumar, Liang & Ma (2019, "Verified uncertainty calibration"): the accuracy
    of a bin of n samples is taken as normal around the observed one, with variance
    acc (1 - acc) / n; the excess is how much |accuracy - confidence| grows by that noise in the
    mean. They simulate that mean; it is the mean of a folded normal distribution.
    """
    confidence_B, _, correct_B = top_label(predictive)
    one_1B = np.ones((1, len(confidence_B)))
    bins_B1 = equal_width_bins(confidence_B)[:, None]
    sizes = group_sums(one_1B, bins_B1, N_BINS)[0]
    held = sizes > 0
    sizes = sizes[held]
    right = group_sums(one_1B, bins_B1, N_BINS, correct_B.astype(float)[:, None])[0][held] / sizes
    gap_B1 = (correct_B - confidence_B)[:, None]
    gaps = bin_gaps(one_1B, gap_B1, bins_B1, N_BINS)[0][held] / sizes
    deviations = np.sqrt(right * (1 - right) / sizes)
    noisy = deviations > 0
    expected = gaps.copy()
    expected[noisy] = foldnorm.mean(gaps[noisy] / deviations[noisy], scale=deviations[noisy])
    return float(np.average(2 * gaps - expected, weights=sizes))


def floor_draws(
    predictive: Predictive, rng: np.random.Generator, n_draws: int = N_DRAWS
) -> FloatArray:
    """ECE of the split if the top label were right with just its confidence, shape (R,).

    In draw r a sample is right if its uniform number is below its confidence. With the same ``rng``
    two runs have the same uniform numbers: they tend to be right on the same images.
    """
    confidence_B, _, _ = top_label(predictive)
    bins_B1 = equal_width_bins(confidence_B)[:, None]
    n_samples = len(confidence_B)
    ones_B1 = np.ones((n_samples, 1))
    draws = []
    for rows_R in blocks(np.empty((n_draws, n_samples), dtype=np.bool_)):
        right_RB = rng.random(rows_R.shape) < confidence_B
        sums_RG = bin_gaps(right_RB - confidence_B, ones_B1, bins_B1, N_BINS)
        draws.append(sums_RG.sum(axis=1) / n_samples)
    return np.concatenate(draws)


def ece_report(frames: Frames, config_ids: Collection[str]) -> pd.DataFrame:
    """ECE on the test split of classification configurations, in `COLUMNS`; means over seeds.

    ``low`` and ``high`` are the 95% interval of ``ece``; ``floor`` is the mean and
    ``floor_high`` the 97.5% point of the floor's mean over seeds. An ``ece`` below ``floor_high``
    is one that perfect calibration would show as well.

    Raises:
        ValueError: as `intervals`.
        UserError: as `intervals`.
    """
    root = results_folder(frames)
    classifiers = [c for c in configurations(frames, config_ids) if c.task == "classification"]
    ids = [config.config_id for config in classifiers]
    table = intervals(frames, ids, metrics=["ece"]).rename(columns={"estimate": "ece"})
    table = table.drop(columns=["split", "metric"])
    floors = [
        {
            "dataset": config.dataset,
            "config_id": config.config_id,
            **_floor(root, config),
        }
        for config in classifiers
    ]
    found = pd.DataFrame(floors, columns=["dataset", "config_id", *COLUMNS[-3:]])
    return table.merge(found, on=["dataset", "config_id"], how="left")[list(COLUMNS)]


def _floor(root: Path, config: Configuration) -> dict[str, Any]:
    splits = [stored(root, run_id, "test") for run_id in config.of_split("test")["run_id"]]
    if not splits:
        return {}
    draws = [
        floor_draws(split, generator("labels", config.dataset, len(split.y_B))) for split in splits
    ]
    mean_R = np.mean(draws, axis=0)
    return {
        "debiased": float(np.mean([debiased_ece(split) for split in splits])),
        "floor": float(mean_R.mean()),
        "floor_high": float(np.quantile(mean_R, (1 + LEVEL) / 2)),
    }
