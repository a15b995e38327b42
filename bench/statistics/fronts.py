"""The front of each category over seeds: hypervolume and attainment, by moocore.

A category's front is chosen on validation: its configurations that none of the same category beats
on performance, calibration, FLOPs and parameters, on the mean over seeds. Its points are then the
test values, seed by seed. moocore: Fonseca, Paquete & Lopez-Ibanez (2006), "An improved
dimension-sweep algorithm for the hypervolume indicator"; Grunert da Fonseca, Fonseca & Hall (2001),
"Inferential performance assessment of stochastic optimisers and the attainment function".
"""

from __future__ import annotations

from collections.abc import Iterator

import moocore
import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.predictive import FloatArray
from bench.metrics.table import direction_of
from bench.records.costs import COSTS
from bench.records.frames import Frames
from bench.records.pareto import quality_of, selected

HYPERVOLUME_COLUMNS = ("dataset", "category", "seed", "hypervolume")
ATTAINMENT_COLUMNS = ("category", "level", "x", "y")
# A bit beyond the worst normalised value, 1: what is the worst on one objective still counts for
# the others.
REFERENCE = 1.1


def hypervolumes(frames: Frames) -> pd.DataFrame:
    """The hypervolume of each category's front in each seed, in `HYPERVOLUME_COLUMNS`.

    The objectives are performance, calibration, FLOPs and parameters
    (``bench.records.pareto``). Each is scaled to [0, 1], best to worst, over the points of all
    fronts and seeds of the dataset, costs on a logarithmic scale: half as many FLOPs are worth
    the same everywhere. The reference point is
    1.1 on each and the volume is divided by 1.1^4: 1 is a point that is the best of the dataset on
    all four at once. An objective on which all points are equal is left out. NaN where a run of the
    front is missing in a seed: without it the front would look worse than it is.
    """
    rows = []
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        points = front_points(runs)
        quality = quality_of(str(runs["task"].iloc[0]))
        costs = _costs(points, str(runs["task"].iloc[0]), (*quality, *COSTS), log=COSTS)
        points = points.assign(row=np.arange(len(points)))
        scaled = _scaled(costs)
        for category, of_category in points.groupby("category", sort=True):
            for seed, of_seed in of_category.groupby("seed", sort=True):
                volume = _volume(scaled[of_seed["row"].to_numpy()])
                rows.append((dataset, category, seed, volume))
    return pd.DataFrame(rows, columns=list(HYPERVOLUME_COLUMNS))


def attainment(
    frames: Frames, dataset: str, objectives: tuple[str, str] = ("flops", "accuracy")
) -> pd.DataFrame:
    """Which test values the fronts attain in how many seeds: corner points of staircases.

    Args:
        frames: whose records.
        dataset: one of its datasets.
        objectives: x and y: metrics, ``flops`` or ``params``.

    Returns:
        `ATTAINMENT_COLUMNS`: for each category the level "best" (attained in at least one seed),
        "median" (in at least half of them) and "worst" (in all), corners by x. Seeds in which a run
        of the category's front is missing do not count.

    Raises:
        ValueError: a dataset without runs, or an objective that its task does not have.
    """
    runs = frames.runs[frames.runs["dataset"] == dataset]
    if runs.empty:
        known = ", ".join(sorted(set(frames.runs["dataset"])))
        raise ValueError(f"dataset is {dataset!r}; choose one of {known}")
    task = str(runs["task"].iloc[0])
    signs = np.array([_sign(task, name) for name in objectives])
    points = front_points(runs)
    missing = points[list(objectives)].isna().any(axis=1)
    incomplete = missing.groupby([points["category"], points["seed"]]).transform("any")
    points = points[~incomplete]
    rows = [
        (category, level, *corner)
        for category, of_category in points.groupby("category", sort=True)
        for level, corners in _levels(
            of_category[list(objectives)].to_numpy(dtype=float) * signs,
            of_category["seed"].to_numpy(),
        )
        for corner in corners * signs
    ]
    return pd.DataFrame(rows, columns=list(ATTAINMENT_COLUMNS))


def front_points(runs: pd.DataFrame) -> pd.DataFrame:
    """Test rows of the front of each category of a dataset; runs that are missing are all NaN."""
    fronts = []
    for category, rows in runs.groupby("category", sort=True):
        on_front = sorted(frozenset().union(*selected(rows).values()))
        test = rows[(rows["split"] == "test") & rows["config_id"].isin(on_front)]
        seeds = sorted(rows["seed"].unique())
        every = pd.MultiIndex.from_product([on_front, seeds], names=["config_id", "seed"])
        found = test.set_index(["config_id", "seed"]).reindex(every).reset_index()
        fronts.append(found.assign(category=category))
    return pd.concat(fronts, ignore_index=True)


def _sign(task: str, objective: str) -> float:
    """-1 where higher is better."""
    higher = objective not in COSTS and direction_of(task, objective) == "higher"
    return -1.0 if higher else 1.0


def _costs(
    points: pd.DataFrame, task: str, objectives: tuple[str, ...], log: tuple[str, ...]
) -> FloatArray:
    """Lower is better; (points, objectives)."""
    columns = [
        np.log(points[name].to_numpy(dtype=float))
        if name in log
        else points[name].to_numpy(dtype=float) * _sign(task, name)
        for name in objectives
    ]
    return np.stack(columns, axis=1)


def _scaled(costs: FloatArray) -> FloatArray:
    """Each column to [0, 1], best to worst; constant columns are left out."""
    measured = costs[~np.isnan(costs).any(axis=1)]
    if len(measured) == 0:
        return costs
    low, high = measured.min(axis=0), measured.max(axis=0)
    varies = high > low
    return np.asarray((costs[:, varies] - low[varies]) / (high[varies] - low[varies]))


def _volume(values: FloatArray) -> float:
    if np.isnan(values).any():
        return float("nan")
    n_objectives = values.shape[1]
    if n_objectives == 0:  # every point of the dataset is the same
        return 1.0
    volume = moocore.hypervolume(values, ref=[REFERENCE] * n_objectives)
    return float(volume / REFERENCE**n_objectives)


def _levels(costs: FloatArray, seeds: npt.NDArray[np.int64]) -> Iterator[tuple[str, FloatArray]]:
    order = np.argsort(seeds, kind="stable")  # moocore takes the points of a set together
    costs, seeds = costs[order], seeds[order]
    n_seeds = len(np.unique(seeds))
    for level, percent in (("best", 100 / n_seeds), ("median", 50.0), ("worst", 100.0)):
        surface = moocore.eaf(costs, seeds, percentiles=[percent])
        corners = surface[:, :2]
        yield level, corners[np.lexsort(corners.T[::-1])]
