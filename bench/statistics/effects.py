"""How SAE's settings relate to each metric: rank correlations, importances, and what chance gives.

Letters: C configurations, J settings.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from bench.metrics.predictive import FloatArray
from bench.metrics.table import metrics_for
from bench.records.frames import Frames
from bench.records.pareto import seed_means
from bench.statistics.cache import Arrays, cached
from bench.statistics.crossed import LEVEL
from bench.statistics.holm import holm
from bench.statistics.influence import generator

_VALUES = ("rho", "low", "high", "p", "n", "importance", "null", "r2")
COLUMNS = ("dataset", "setting", "metric", *_VALUES, "p_holm")
N_RESAMPLES = 1000
N_PERMUTATIONS = 1999
# A setting without effect is above the largest of 19 permutations in 5% of cases.
N_NULL_FORESTS = 19
N_TREES = 32
N_BACKGROUND = 128
# Distinct values of a setting, and configurations of a tree, are at most so many.
N_LEVELS = 8
N_DRAWN = 200
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
        "n_inputs x n_exits": "N x K",
    }
)
# What N and K do together beyond what each does alone.
INTERACTION = "n_inputs x n_exits"
# Below, a resample of a correlation often holds two or three distinct points, and the trees of the
# importances have nothing to split.
FEWEST = 10


def effects(frames: Frames, *, split: str = "test") -> pd.DataFrame:
    """How SAE's settings relate to each metric, in `COLUMNS`, on the mean over seeds.

    Args:
        frames: whose SAE runs.
        split: the split of the metrics; "val" for the records of a search, which have no other.

    Returns:
        One row per dataset, setting (a key of `SETTINGS`) and metric, without temperature-scaled
        twins. Settings that do not vary are
        left out. ``rho`` is Spearman's rank correlation over ``n`` configurations, low and high its
        95% interval, ``p`` that of a permutation test and ``p_holm`` corrected for all settings and
        metrics of the dataset. For the metrics that a search optimises: ``importance`` is the share
        of a random forest's variance that is due to the setting alone, `INTERACTION`'s what N and K
        do together beyond that; ``null`` is the largest such share of `N_NULL_FORESTS` forests of
        the permuted metric, so that a smaller one means nothing; ``r2`` is how much of the metric's
        variance the forest predicts for configurations that it has not seen: at 0 or below, no
        importance means anything. With fewer than `FEWEST` configurations all but rho are NaN.
    """
    runs = frames.runs
    chosen = runs[(runs["method"] == "sae") & (runs["split"] == split)]
    tables = [
        _of_dataset(str(dataset), of_dataset, frames.root)
        for dataset, of_dataset in chosen.groupby("dataset", sort=True)
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def _of_dataset(dataset: str, runs: pd.DataFrame, root: Path | None) -> pd.DataFrame:
    task = str(runs["task"].iloc[0])
    keys = [metric.name for metric in metrics_for(task)]
    settings = [name for name in SETTINGS if name in runs and len(set(runs[name].dropna())) > 1]
    if not settings:
        return pd.DataFrame(columns=list(COLUMNS))
    means = seed_means(runs, [*settings, *keys])
    objectives = [metric.name for metric in metrics_for(task) if metric.objective]

    def compute() -> dict[str, FloatArray]:
        return {
            key: _of_metric(dataset, means[[*settings, key]].dropna(), forest=key in objectives)
            for key in keys
        }

    if root is None:
        found: Arrays = compute()
    else:
        facts = json.loads(means.to_json(orient="split", double_precision=15))
        found = cached(root, f"{dataset}-effects", facts, (sys.modules[__name__],), compute)
    rows = [
        {"dataset": dataset, "setting": setting, "metric": key}
        | dict(zip(_VALUES, row, strict=True))
        for key in keys
        for setting, row in zip(_rows(settings), found[key], strict=True)
    ]
    table = pd.DataFrame(rows).astype({"n": int})
    return table.assign(p_holm=holm(table["p"].to_numpy()))[list(COLUMNS)]


def _rows(settings: Sequence[str]) -> list[str]:
    """The settings, and the interaction where both its settings vary."""
    crossed = {"n_inputs", "n_exits"} <= set(settings)
    return [*settings, *([INTERACTION] if crossed else [])]


def _of_metric(dataset: str, known: pd.DataFrame, *, forest: bool) -> FloatArray:
    """`_VALUES` of each of `_rows`: (settings, values).

    Args:
        dataset: its name.
        known: one row a configuration; settings, then the metric.
        forest: are importances wanted?
    """
    y = known.iloc[:, -1].to_numpy(dtype=float)
    settings = known.iloc[:, :-1].astype(float)
    n_rows = len(_rows([str(name) for name in settings]))
    shares = Shares.unknown(n_rows)
    if forest and len(y) >= FEWEST and np.ptp(y) > 0:
        shares = forest_shares(settings, y, generator("forest", dataset, known.columns[-1]))
    ranks = np.full((n_rows, 4), np.nan)  # an interaction has no rank
    rng = generator("effects", dataset, known.columns[-1])
    ranks[: settings.shape[1]] = rank_correlations(settings.to_numpy(), y, rng)
    forests = np.column_stack([np.full(n_rows, len(y)), shares.importance, shares.null])
    return np.column_stack([ranks, forests, np.full(n_rows, shares.r2)])


def rank_correlations(
    x_CJ: FloatArray, y_C: FloatArray, rng: np.random.Generator, n_resamples: int = N_RESAMPLES
) -> FloatArray:
    """Spearman's rho of each setting, its 95% interval and its p value: (J, 4).

    The interval is a percentile bootstrap of the configurations. Formulas in rho and n alone
    (Fisher's z) assume that there are no ties, but a setting has few distinct values. Resamples in
    which x or y is constant have no correlation and do not count. The p value, of no correlation,
    is two-sided, from permutations of y. NaN where x or y is constant.
    """
    n_configs, n_settings = x_CJ.shape
    found = np.full((n_settings, 4), np.nan)
    if n_configs < 3:
        return found
    once_1C = np.ones((1, n_configs))
    x_J1C = [_midranks(x_C, once_1C) for x_C in x_CJ.T]
    y_1C = _midranks(y_C, once_1C)
    found[:, 0] = [_correlation(once_1C, x_1C, y_1C)[0] for x_1C in x_J1C]
    if n_configs < FEWEST:
        return found
    drawn_RC = rng.integers(n_configs, size=(n_resamples, n_configs))
    places = drawn_RC + n_configs * np.arange(n_resamples)[:, None]
    counts = np.bincount(places.ravel(), minlength=places.size)
    counts_RC = counts.reshape(places.shape).astype(np.float64)
    y_RC = _midranks(y_C, counts_RC)
    permuted_PC = rng.permuted(np.repeat(y_1C, N_PERMUTATIONS, axis=0), axis=1)
    for row, x_C, (ranks_C,) in zip(found, x_CJ.T, x_J1C, strict=True):
        if np.isfinite(row[0]):
            rho_R = _correlation(counts_RC, _midranks(x_C, counts_RC), y_RC)
            row[1:3] = np.nanquantile(rho_R, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            # Equal up to rounding counts as equal.
            as_far = np.abs(permuted_PC @ ranks_C) >= abs(y_1C[0] @ ranks_C) * (1 - 1e-9)
            row[3] = (1 + as_far.sum()) / (1 + N_PERMUTATIONS)
    return found


def _midranks(values_C: FloatArray, counts_RC: FloatArray) -> FloatArray:
    """The rank of each configuration among those of each resample, less the mean rank: (R, C).

    Args:
        values_C: what is ranked; equal values share their mean rank.
        counts_RC: how often each resample holds each configuration.
    """
    levels, level_C = np.unique(values_C, return_inverse=True)
    order = np.argsort(level_C, kind="stable")
    last_L = np.searchsorted(level_C[order], np.arange(len(levels)), side="right") - 1
    up_to_RL = counts_RC[:, order].cumsum(axis=1)[:, last_L]
    of_level_RL = np.diff(up_to_RL, axis=1, prepend=0)
    ranks_RL = up_to_RL - (of_level_RL + len(values_C)) / 2
    return np.asarray(ranks_RL[:, level_C], dtype=np.float64)


def _correlation(counts_RC: FloatArray, x_RC: FloatArray, y_RC: FloatArray) -> FloatArray:
    """Pearson's correlation of centred values in each resample; NaN where one is constant."""
    xy, xx, yy = (
        np.einsum("rc,rc,rc->r", counts_RC, a, b) for a, b in
        ((x_RC, y_RC), (x_RC, x_RC), (y_RC, y_RC))
    )  # fmt: skip
    with np.errstate(invalid="ignore"):
        return np.asarray(xy / np.sqrt(xx * yy))


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Importances of the settings in a forest, in the order of `_rows`.

    Attributes:
        importance: share of its variance that is due to each.
        null: the largest of the same over forests of the permuted metric.
        r2: of the metric, on configurations that were left out of the fit; at most 1.
    """

    importance: Sequence[float]
    null: Sequence[float]
    r2: float

    @classmethod
    def unknown(cls, n: int) -> Shares:
        """NaN throughout."""
        return cls(importance=[np.nan] * n, null=[np.nan] * n, r2=np.nan)


def forest_shares(settings: pd.DataFrame, y: FloatArray, rng: np.random.Generator) -> Shares:
    """Divide the variance of a random forest's prediction among the settings.

    Functional analysis of variance (Hutter, Hoos & Leyton-Brown 2014, "An efficient approach for
    assessing hyperparameter importance") over settings drawn independently of each other, each as
    often as it was run.

    Args:
        settings: one row a configuration.
        y: the metric of each.
        rng: draws the settings and permutes the metric.
    """
    # Importing scikit-learn takes a second, which statistics without importances need not spend.
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold, cross_val_predict

    x_CJ = settings.to_numpy(dtype=float)
    columns = [rng.choice(_levels(column), N_BACKGROUND) for column in x_CJ.T]
    background = np.stack(columns, axis=1)
    drawn = min(N_DRAWN, len(y))
    forest = RandomForestRegressor(n_estimators=N_TREES, max_samples=drawn, random_state=0)
    folds = KFold(5, shuffle=True, random_state=0)
    left = y - cross_val_predict(forest, x_CJ, y, cv=folds)
    names = [str(name) for name in settings]
    found = _shares(forest.fit(x_CJ, y).predict, background, names)
    nulls = [
        _shares(forest.fit(x_CJ, rng.permutation(y)).predict, background, names)
        for _ in range(N_NULL_FORESTS)
    ]
    return Shares(
        importance=found.tolist(),
        null=np.max(nulls, axis=0).tolist(),
        r2=1 - float(np.square(left).sum() / np.square(y - y.mean()).sum()),
    )


def _levels(column: FloatArray) -> FloatArray:
    """The values of a setting; of many, as many quantiles."""
    if len(np.unique(column)) <= N_LEVELS:
        return column
    levels = np.quantile(column, np.linspace(0, 1, N_LEVELS), method="nearest")
    return levels.astype(np.float64)


def _shares(
    predict: Callable[[FloatArray], FloatArray], background: FloatArray, names: Sequence[str]
) -> FloatArray:
    """The share of the variance over the background that each of `_rows` has."""
    whole = predict(background)
    total = float(whole.var())
    if total == 0:
        return np.full(len(_rows(names)), np.nan)
    alone = {name: _expected(predict, background, [j]) for j, name in enumerate(names)}
    shares = [float(values.var()) for values in alone.values()]
    if INTERACTION in _rows(names):
        pair = [names.index("n_inputs"), names.index("n_exits")]
        together = _expected(predict, background, pair)
        shares.append(float((together - alone["n_inputs"] - alone["n_exits"]).var()))
    return np.array(shares) / total


def _expected(
    predict: Callable[[FloatArray], FloatArray], background: FloatArray, columns: Sequence[int]
) -> FloatArray:
    """The mean prediction given the values of some columns, for each row of the background."""
    values, place = np.unique(background[:, columns], axis=0, return_inverse=True)
    n_rows = len(background)
    repeated = np.tile(background, (len(values), 1))
    repeated[:, columns] = np.repeat(values, n_rows, axis=0)
    means = predict(repeated).reshape(len(values), n_rows).mean(axis=1)
    return np.asarray(means[place.ravel()], dtype=np.float64)
