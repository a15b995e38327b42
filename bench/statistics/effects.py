"""How SAE's settings relate to each metric: rank correlations with intervals, and importances."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import ConstantInputWarning, bootstrap, pearsonr, rankdata

from bench.metrics.predictive import FloatArray
from bench.metrics.table import keys_for
from bench.records.frames import Frames
from bench.records.pareto import seed_means
from bench.statistics.cache import Arrays, cached
from bench.statistics.crossed import LEVEL
from bench.statistics.influence import generator

if TYPE_CHECKING:
    import optuna

_VALUES = ("rho", "low", "high", "n", "importance")
COLUMNS = ("dataset", "setting", "metric", *_VALUES)
N_RESAMPLES = 1000
# Column of `Frames.runs` and letter in the paper; docs/notation.md.
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "n_inputs": "N",
        "n_exits": "K",
        "width": "W",
        "depth": "D",
        "alpha_start": "alpha start",
        "alpha_end": "alpha end",
        "temperature_start": "T start",
        "temperature_end": "T end",
        "repetition_start": "i start",
        "repetition_end": "i end",
    }
)
# Below, a resample of a correlation often holds two or three distinct points, and the trees of the
# importances have nothing to split.
FEWEST = 10


def effects(frames: Frames, *, split: str = "test") -> pd.DataFrame:
    """How SAE's settings relate to each metric, in `COLUMNS`, on the mean over seeds.

    Args:
        frames: whose SAE runs.
        split: the split of the metrics; "val" for the records of a search, which have no other.

    Returns:
        One row a dataset, setting (a key of `SETTINGS`) and metric. Settings that do not vary are
        left out. ``rho`` is Spearman's rank correlation over ``n`` configurations, low and high its
        95% interval; ``importance`` is the share of the metric's variance between configurations
        that functional ANOVA gives to the setting and no other, interactions being nobody's. With
        fewer than `FEWEST` configurations low, high and importance are NaN.
    """
    runs = frames.runs
    chosen = runs[(runs["method"] == "sae") & (runs["split"] == split)]
    tables = [
        _of_dataset(str(dataset), of_dataset, frames.root)
        for dataset, of_dataset in chosen.groupby("dataset", sort=True)
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def _of_dataset(dataset: str, runs: pd.DataFrame, root: Path | None) -> pd.DataFrame:
    keys = list(keys_for(str(runs["task"].iloc[0])))
    settings = [name for name in SETTINGS if name in runs and len(set(runs[name].dropna())) > 1]
    if not settings:
        return pd.DataFrame(columns=list(COLUMNS))
    means = seed_means(runs, [*settings, *keys])

    def compute() -> dict[str, FloatArray]:
        return {key: _of_metric(dataset, means[[*settings, key]].dropna()) for key in keys}

    if root is None:
        found: Arrays = compute()
    else:
        facts = json.loads(means.to_json(orient="split", double_precision=15))
        found = cached(root, f"{dataset}-effects", facts, (sys.modules[__name__],), compute)
    rows = [
        {
            "dataset": dataset,
            "setting": setting,
            "metric": key,
            **dict(zip(_VALUES, row, strict=True)),
        }
        for key in keys
        for setting, row in zip(settings, found[key], strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"n": int})


def _of_metric(dataset: str, known: pd.DataFrame) -> FloatArray:
    """rho, low, high, n and importance of each setting: (settings, 5).

    Args:
        dataset: its name.
        known: one row a configuration; settings, then the metric.
    """
    y = known.iloc[:, -1].to_numpy(dtype=float)
    settings = known.iloc[:, :-1].astype(float)
    shares = importances(settings, y)
    rows = []
    for setting, column in settings.items():
        rng = generator("effects", dataset, setting, known.columns[-1])
        rows.append((*rank_correlation(column.to_numpy(), y, rng), len(y), shares[str(setting)]))
    return np.array(rows, dtype=np.float64)


def rank_correlation(
    x: FloatArray, y: FloatArray, rng: np.random.Generator, n_resamples: int = N_RESAMPLES
) -> tuple[float, float, float]:
    """Spearman's rho and its 95% interval; NaN where x or y is constant.

    The interval is SciPy's percentile bootstrap of the pairs. Formulas in rho and n alone (Fisher's
    z) assume that there are no ties, but a setting has few distinct values. Resamples in which x or
    y is constant have no correlation and do not count.
    """
    nothing = float("nan")
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return nothing, nothing, nothing
    rho = float(_spearman(x, y))
    if len(x) < FEWEST:
        return rho, nothing, nothing
    drawn = bootstrap(
        (x, y), _spearman, paired=True, vectorized=True, n_resamples=n_resamples,
        method="percentile", rng=rng,
    ).bootstrap_distribution  # fmt: skip
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return rho, float(low), float(high)


def _spearman(x: FloatArray, y: FloatArray, axis: int = -1) -> npt.NDArray[np.float64]:
    """Pearson's correlation of the ranks along an axis, which spearmanr has not for pairs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        found = pearsonr(rankdata(x, axis=axis), rankdata(y, axis=axis), axis=axis)
    return np.asarray(found.statistic, dtype=np.float64)


def importances(settings: pd.DataFrame, y: FloatArray) -> dict[str, float]:
    """Each setting's share of the variance of y, by functional ANOVA; NaN if it can not be told.

    Optuna's evaluator (Hutter, Hoos & Leyton-Brown 2014, "An efficient approach for assessing
    hyperparameter importance"): a random forest is fitted to y, and the variance of its prediction
    over the whole box of settings is divided among them.
    """
    if len(y) < FEWEST or np.ptp(y) == 0:
        return dict.fromkeys(settings.columns, float("nan"))
    # Importing Optuna takes a second, which the statistics without it need not spend.
    import optuna

    ranges: dict[str, optuna.distributions.BaseDistribution] = {
        str(name): optuna.distributions.FloatDistribution(column.min(), column.max())
        for name, column in settings.items()
    }
    study = _quiet_study()
    for row, value in zip(settings.to_numpy(), y, strict=True):
        params = dict(zip(ranges, map(float, row), strict=True))
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=ranges, value=float(value))
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(evaluator.evaluate(study))


def _quiet_study() -> optuna.Study:
    """A study in memory, without the line that Optuna logs of each."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study()
    finally:
        optuna.logging.set_verbosity(verbosity)
