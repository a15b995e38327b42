"""How much worse the chosen configurations are on test than on the validation that chose them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics.table import keys_for
from bench.records.frames import Frames
from bench.statistics import replicates
from bench.statistics.bootstrap import N_RESAMPLES, interval, over_seeds, seed_weights
from bench.statistics.configurations import Configuration, configurations, results_folder

COLUMNS = (
    "dataset", "config_id", "category", "label", "metric", "n_seeds", "val", "test", "drop", "low",
    "high",
)  # fmt: skip


def drops(frames: Frames, *, n_resamples: int = N_RESAMPLES) -> pd.DataFrame:
    """The validation-to-test drop of each category's chosen configuration, in `COLUMNS`.

    ``drop`` is positive where test is worse: validation minus test of what should be high, test
    minus validation of what should be low; diversity, which should be neither, is left out. The
    interval is over seeds, validation examples and test examples (two independent samples).
    Some of a drop is the selection itself, which favours what validation happens to flatter; some
    is the test set, which may just be harder (compare categories, not one drop with 0).

    Raises:
        ValueError: frames without a folder.
        UserError: predictions that are missing.
    """
    root = results_folder(frames)
    rows = [
        {**config.facts, **row}
        for _, runs in frames.runs.groupby("dataset", sort=True)
        for config in configurations(frames, frames.chosen(runs)["config_id"])
        for row in _of(root, config, n_resamples)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of(root: Path, config: Configuration, n_resamples: int) -> Iterator[dict[str, Any]]:
    val, test = config.of_split("val"), config.of_split("test")
    common = val.index.intersection(test.index)
    if common.empty:
        return
    val, test = val.loc[common], test.loc[common]
    pairs = [
        tuple(replicates.of_run(root, run_id, split, n_resamples) for split in ("val", "test"))
        for run_id in test["run_id"]
    ]
    weights_RS = seed_weights(config.dataset, list(common), n_resamples)
    for key, metric in keys_for(config.task).items():
        if metric.kind == "diversity":
            continue
        worse = 1.0 if metric.direction == "lower" else -1.0
        drop = worse * float((test[key] - val[key]).mean(skipna=False))
        values_SR = np.stack([worse * (on_test[key] - on_val[key]) for on_val, on_test in pairs])
        low, high = interval(over_seeds(values_SR, weights_RS), drop)
        yield {
            "metric": key,
            "n_seeds": len(common),
            "val": float(val[key].mean(skipna=False)),
            "test": float(test[key].mean(skipna=False)),
            "drop": drop,
            "low": low,
            "high": high,
        }
