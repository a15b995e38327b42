"""How SAE's settings relate to each metric: rank correlations, importances, and what chance gives.

Letters: C configurations, J settings.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import ConstantInputWarning, bootstrap, pearsonr, rankdata

from bench.metrics.predictive import FloatArray
from bench.metrics.table import keys_for, metrics_for
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
        One row a dataset, setting (a key of `SETTINGS`) and metric. Settings that do not vary are
        left out. ``rho`` is Spearman's rank correlation over ``n`` configurations, low and high its
        95% interval, ``p`` that of a permutation test and ``p_holm`` corrected for all settings and
        metrics of the dataset. For the metrics that a search optimises: ``importance`` is the share
        of a random forest's variance that is due to the setting alone, `INTERACTION`'s what N and K
        do together beyond that; ``null`` is the largest such share of `N_NULL_FORESTS` forests of
        the permuted metric, so that a smaller one says nothing; ``r2`` is how much of the metric's
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
    keys = list(keys_for(task))
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
    rows_of = _rows([str(name) for name in settings])
    shares = Shares.unknown(len(rows_of))
    if forest and len(y) >= FEWEST and np.ptp(y) > 0:
        shares = forest_shares(settings, y, generator("forest", dataset, known.columns[-1]))
    rows = []
    for i, name in enumerate(rows_of):
        ranks: tuple[float, ...] = (np.nan,) * 4
        if name != INTERACTION:
            rng = generator("effects", dataset, name, known.columns[-1])
            x = settings[name].to_numpy()
            ranks = (*rank_correlation(x, y, rng), permutation_p(x, y, rng))
        rows.append((*ranks, len(y), shares.importance[i], shares.null[i], shares.r2))
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


def permutation_p(x: FloatArray, y: FloatArray, rng: np.random.Generator) -> float:
    """Two-sided p value of no rank correlation, from permutations of y; NaN where undefined."""
    if len(x) < FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    ranks_x, ranks_y = (rankdata(values) - (len(x) + 1) / 2 for values in (x, y))
    permuted = rng.permuted(np.tile(ranks_y, (N_PERMUTATIONS, 1)), axis=1)
    # Equal up to rounding counts as equal.
    as_far = np.abs(permuted @ ranks_x) >= abs(float(ranks_x @ ranks_y)) * (1 - 1e-9)
    return float((1 + as_far.sum()) / (1 + N_PERMUTATIONS))


@dataclass(frozen=True, kw_only=True)
class Shares:
    """What a forest says of the settings, in the order of `_rows`.

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
