"""How much worse the chosen configurations are on test than on the validation that chose them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics.table import keys_for
from bench.records.frames import Frames
from bench.statistics.configurations import Configuration, configurations
from bench.statistics.crossed import Estimate, estimate
from bench.statistics.measured import Measured, Measurements

COLUMNS = (
    "dataset", "config_id", "category", "label", "metric", "n_seeds", "val", "test", "drop", "low",
    "high",
)  # fmt: skip


def drops(frames: Frames) -> pd.DataFrame:
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
    measurements = Measurements(frames)
    rows = [
        {**config.facts, **row}
        for _, runs in frames.runs.groupby("dataset", sort=True)
        for config in configurations(frames, frames.chosen(runs)["config_id"])
        for row in _of(measurements, config)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of(measurements: Measurements, config: Configuration) -> Iterator[dict[str, Any]]:
    for key, metric in keys_for(config.task).items():
        val, test = (
            measurements(config.dataset, config.config_id, split, key) for split in ("val", "test")
        )
        common = sorted(set(val.seeds) & set(test.seeds))
        if metric.kind == "diversity" or not common:
            continue
        val, test = val.at(common), test.at(common)
        worse = 1.0 if metric.direction == "lower" else -1.0
        found = _drop(val, test, worse)
        low, high = found.interval()
        yield {
            "metric": key,
            "n_seeds": len(common),
            "val": float(val.values_S.mean()),
            "test": float(test.values_S.mean()),
            "drop": found.value,
            "low": low,
            "high": high,
        }


def _drop(val: Measured, test: Measured, worse: float) -> Estimate:
    """The examples of the two splits are samples of their own: three parts of variance."""
    on_test = estimate(worse * (test.values_S - val.values_S), test.influence_SG)
    of_val = estimate(np.zeros(len(val.seeds)), val.influence_SG).components[-1]
    return Estimate(
        value=on_test.value,
        components=(*on_test.components, of_val),
        n_seeds=on_test.n_seeds,
    )
