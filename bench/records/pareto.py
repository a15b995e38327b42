"""Pareto fronts: the configurations that no other one beats on every objective at once.

Objectives are letters too: R rows (configurations), O objectives, P points of a line.
"""

from collections.abc import Mapping, Sequence

import moocore
import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.table import direction_of
from bench.records.costs import COSTS
from bench.records.seeds import competing

# (performance, calibration) of each task: the two quality objectives that selection and the
# figures use unless told otherwise. The paper's Figure 2 has the same two axes.
QUALITY: Mapping[str, tuple[str, str]] = {
    "classification": ("accuracy", "ece"),
    "regression": ("mse", "nll"),
}


def front(values_RO: npt.ArrayLike, directions: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Mark the non-dominated rows.

    A row dominates another one if it is no worse on every objective and better on at least one.
    Equal rows do not dominate each other, so all copies of a front row are kept.

    Args:
        values_RO: One row per configuration, one column an objective; any real numbers.
        directions: "higher" or "lower" (is better) for each of the O columns.

    Returns:
        A mask of shape (R,). A row with a NaN is never on the front and dominates nothing: a
        failed measurement must neither win nor push a measured row out.

    Raises:
        ValueError: values_RO is not a matrix, or a direction is missing or unknown.
    """
    costs_RO = _costs(values_RO, directions)
    measured_R = ~np.isnan(costs_RO).any(axis=1)
    on_front_R = np.zeros(len(costs_RO), dtype=np.bool_)
    if measured_R.any():
        on_front_R[measured_R] = moocore.is_nondominated(costs_RO[measured_R], keep_weakly=True)
    return on_front_R


def front_line(values_R2: npt.ArrayLike, directions: Sequence[str]) -> npt.NDArray[np.float64]:
    """Corners of the staircase that separates the dominated from the non-dominated region.

    Between two neighbours on the front the line passes through the point that has the worse
    coordinate of both: up to there, one of the two still dominates. A straight segment would
    claim trade-offs that no configuration reaches. The line ends where the front does.

    Args:
        values_R2: Points with two objectives (x, y).
        directions: "higher" or "lower" for x and for y.

    Returns:
        Corners of shape (P, 2), from the best x to the best y; (0, 2) if nothing is measured.

    Raises:
        ValueError: As `front`, or there are not exactly two objectives.
    """
    costs_R2 = _costs(values_R2, directions)
    if costs_R2.shape[1] != 2:
        raise ValueError(f"a front line has two objectives, got {costs_R2.shape[1]}")
    on_front = np.unique(costs_R2[front(values_R2, directions)], axis=0)
    if len(on_front) == 0:
        return np.empty((0, 2))
    # np.unique sorts by x, so on the front y falls from row to row.
    line = np.empty((2 * len(on_front) - 1, 2))
    line[::2] = on_front
    line[1::2] = np.maximum(on_front[:-1], on_front[1:])
    return line * _signs(directions)


def seed_means(runs: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Average columns over the seeds of each configuration.

    Returns:
        One row for each (dataset, config_id), sorted; `columns` hold the means. A configuration
        with a NaN in one seed has a NaN mean: dropping its failed seed would flatter it.
    """
    grouped = runs.groupby(["dataset", "config_id"], sort=True)[list(columns)]
    complete = grouped.count().eq(grouped.size(), axis=0)
    return grouped.mean().where(complete)


def selected(
    runs: pd.DataFrame, quality: Mapping[str, tuple[str, str]] = QUALITY
) -> dict[str, frozenset[str]]:
    """Configurations on the validation front over performance, calibration, FLOPs, parameters.

    Reads the rows with split == "val" alone, averaged over seeds: test and OOD numbers cannot
    reach the selection. Only configurations with a run for every seed compete.

    Returns:
        The selected config_ids of each dataset that has validation rows.
    """
    validation = runs[runs["split"] == "val"]
    chosen = {}
    for dataset, rows in validation.groupby("dataset", sort=True):
        task = str(rows["task"].iloc[0])
        metrics = quality_of(task, quality)
        directions = [direction_of(task, key) for key in metrics] + ["lower"] * len(COSTS)
        whole = rows[rows["config_id"].isin(competing(rows))]
        means = seed_means(whole, [*metrics, *COSTS]).droplevel("dataset")
        mask_R = front(means.to_numpy(dtype=float), directions)
        chosen[str(dataset)] = frozenset(map(str, means.index[mask_R]))
    return chosen


def quality_of(task: str, quality: Mapping[str, tuple[str, str]] = QUALITY) -> tuple[str, str]:
    """The (performance, calibration) metric keys of a task."""
    if task not in quality:
        raise ValueError(
            f"no performance and calibration metric for task {task!r}; "
            f"known tasks: {', '.join(sorted(quality))}"
        )
    return quality[task]


def _signs(directions: Sequence[str]) -> npt.NDArray[np.float64]:
    signs = {"higher": -1.0, "lower": 1.0}
    for direction in directions:
        if direction not in signs:
            raise ValueError(f"direction {direction!r} is unknown; choose 'higher' or 'lower'")
    return np.array([signs[direction] for direction in directions])


def _costs(values_RO: npt.ArrayLike, directions: Sequence[str]) -> npt.NDArray[np.float64]:
    """The values with a sign that makes lower better on every objective."""
    values = np.asarray(values_RO, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(directions):
        raise ValueError(
            f"values have shape {values.shape}, but the rule is (rows, objectives) with one of "
            f"the {len(directions)} directions for each objective"
        )
    return values * _signs(directions)
