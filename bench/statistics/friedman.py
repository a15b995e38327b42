"""Average ranks of the categories over (dataset, metric) blocks: Friedman's test, Nemenyi's CD.

Demsar, J.: Statistical comparisons of classifiers over multiple data sets. JMLR 7 (2006) 1-30.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from bench.metrics.table import TASKS, TEMPERATURE_SUFFIX, direction_of, keys_for
from bench.records.frames import Frames
from bench.records.pareto import seed_means

ALPHA = 0.05
# SciPy's Friedman test takes three treatments or more; two would be a sign test.
FEWEST_CATEGORIES = 3


@dataclass(frozen=True, kw_only=True)
class RankTest:
    """Do the categories differ in rank, and which ones?

    Attributes:
        ranks: average rank of each category, best (lowest) first.
        n_blocks: (dataset, metric) pairs that were ranked.
        n_datasets: datasets among them.
        statistic: Friedman's chi-square, corrected for ties; NaN if it cannot be computed.
        p: its p value; chi-square with (categories - 1) degrees of freedom.
        critical_difference: two categories differ at 5% if their average ranks differ by more
            (Nemenyi); None if it cannot be computed.
        enough: are there enough datasets for the test to tell anything (see `fewest_datasets`)?
        message: why there are too few blocks to tell, else "".
        left_out: categories, or blocks as "dataset metric", that were not ranked since a value is
            missing.
    """

    ranks: pd.Series[float]
    n_blocks: int
    n_datasets: int
    statistic: float
    p: float
    critical_difference: float | None
    enough: bool
    message: str
    left_out: tuple[str, ...]


def blocks(frames: Frames) -> pd.DataFrame:
    """Test values of the chosen configurations: rows (dataset, metric), columns categories.

    Metrics are those that say which is better, without their temperature-scaled twins, which would
    count nearly the same thing twice. A value is the mean over seeds, NaN if one seed has none; a
    category that a dataset lacks is NaN.
    """
    tables = []
    # A search has no test values.
    tested = frames.runs.loc[frames.runs["split"] == "test", "dataset"]
    for dataset, runs in frames.runs[frames.runs["dataset"].isin(tested)].groupby("dataset"):
        task = str(runs["task"].iloc[0])
        keys = [
            key
            for key, metric in keys_for(task).items()
            if metric.kind != "diversity" and not key.endswith(TEMPERATURE_SUFFIX)
        ]
        choice = frames.chosen(runs)
        means = seed_means(runs[runs["split"] == "test"], keys).loc[dataset]
        values = means.reindex(choice["config_id"]).set_axis(choice["category"]).T
        values.index = pd.MultiIndex.from_product([[dataset], keys], names=["dataset", "metric"])
        tables.append(values)
    return pd.concat(tables) if tables else pd.DataFrame()


def rank_test(blocks: pd.DataFrame) -> RankTest:
    """Rank the categories within each block and test whether the average ranks differ.

    Args:
        blocks: as `blocks` gives them. Blocks or categories with missing values are left out,
            whichever keeps more values: a category that one dataset lacks, or the blocks that
            lack a category.

    Raises:
        ValueError: a metric that no task has.
    """
    table, left_out = complete(blocks)
    n_blocks, k = table.shape
    datasets = table.index.get_level_values("dataset").nunique() if n_blocks else 0
    ranks_PK = rankdata(_costs(table), axis=1) if n_blocks and k else np.empty((0, k))
    averages = pd.Series(
        ranks_PK.mean(axis=0) if n_blocks else np.full(k, np.nan), index=table.columns, dtype=float
    ).sort_values(kind="stable")
    statistic = p = math.nan
    difference = None
    if k >= FEWEST_CATEGORIES and n_blocks >= 2:
        statistic, p = _friedman(ranks_PK)
        difference = critical_difference(k, n_blocks)
    message = _too_few(k, n_blocks, datasets)
    return RankTest(
        ranks=averages,
        n_blocks=n_blocks,
        n_datasets=datasets,
        statistic=statistic,
        p=p,
        critical_difference=difference,
        enough=not message,
        message=message,
        left_out=left_out,
    )


def complete(blocks: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The larger of: all blocks with the categories they share, all categories' shared blocks."""
    known = blocks.dropna(axis=0, how="all")
    by_category, by_block = known.dropna(axis=1), known.dropna(axis=0)
    table = by_category if by_category.size >= by_block.size else by_block
    categories = [str(name) for name in blocks.columns if name not in table.columns]
    rows = [" ".join(map(str, key)) for key in blocks.index if key not in table.index]
    return table, (*categories, *rows)


def critical_difference(n_categories: int, n_blocks: int, alpha: float = ALPHA) -> float:
    """Nemenyi's critical difference of two average ranks.

    CD = q sqrt(k (k + 1) / (6 n)), q the studentised range's quantile over sqrt(2).
    """
    q = studentized_range.ppf(1 - alpha, n_categories, np.inf) / math.sqrt(2)
    return float(q * math.sqrt(n_categories * (n_categories + 1) / (6 * n_blocks)))


def fewest_datasets(n_categories: int) -> int:
    """The number of datasets from which on the test can reject at all.

    Average ranks differ by at most k - 1: where one category is the best and one the worst in every
    dataset. With fewer datasets the critical difference is no less than that, and no outcome
    whatever would tell two categories apart. Each dataset counts once here: its metrics are
    computed from the same predictions of the same images, and agree with each other.
    """
    n_datasets = 1
    while critical_difference(n_categories, n_datasets) >= n_categories - 1:
        n_datasets += 1
    return n_datasets


def _too_few(n_categories: int, n_blocks: int, n_datasets: int) -> str:
    if n_categories < FEWEST_CATEGORIES:
        return (
            f"{n_categories} categories have values in common; the rank test needs "
            f"{FEWEST_CATEGORIES}"
        )
    needed = fewest_datasets(n_categories)
    if n_datasets >= needed:
        return ""
    return (
        f"{n_blocks} blocks of {n_datasets} dataset{'s' * (n_datasets != 1)} are too few to tell "
        f"{n_categories} categories apart: with fewer than {needed} datasets not even the same "
        "order in all of them would be significant"
    )


def _costs(table: pd.DataFrame) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The values with a sign that makes lower better."""
    signs = [_sign(str(metric)) for metric in table.index.get_level_values("metric")]
    return np.asarray(table.to_numpy(dtype=float) * np.array(signs)[:, None])


def _sign(metric: str) -> float:
    """-1 where higher is better; a key that both tasks have has one direction."""
    directions = {direction_of(task, metric) for task in TASKS if metric in keys_for(task)}
    if len(directions) != 1:
        raise ValueError(f"metric is {metric!r}; its direction must be known and one")
    return -1.0 if directions == {"higher"} else 1.0


def _friedman(ranks_PK: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> tuple[float, float]:
    if (ranks_PK == ranks_PK[:, :1]).all():  # ties everywhere: 0 / 0 in the correction
        return 0.0, 1.0
    found = friedmanchisquare(*ranks_PK.T)
    return float(found.statistic), float(found.pvalue)
