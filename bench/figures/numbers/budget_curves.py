"""What each category reaches as the budget grows: the lines of quality against cost."""

from __future__ import annotations

import pandas as pd

from bench.metrics.table import direction_of
from bench.records.frames import Frames
from bench.records.selection import metric_of
from bench.statistics.budget import with_costs

COLUMNS = ("category", "config_id", "label", "cost", "mean", "low", "high", "n_seeds")


def curves(frames: Frames, runs: pd.DataFrame, metric: str, cost: str) -> pd.DataFrame:
    """The configurations that a growing budget makes each category choose on validation.

    Args:
        frames: all records; ``select`` is the metric that chooses.
        runs: the ``runs`` rows of one dataset.
        metric: key of the metric that is shown, on test.
        cost: column of a cost.

    Returns:
        `COLUMNS`, by category and cost (the largest over seeds). From a row's cost on, up to that
        of the category's next row, the row's configuration is the best on validation. ``mean``,
        ``low`` and ``high`` are the mean and the ends over its seeds of the test values: with a
        budget between two rows, what is attained on average, and by every and by some seed.
    """
    task = str(runs["task"].iloc[0])
    select = metric_of(task, frames.select)
    table = with_costs(runs, [select]).dropna(subset=[select, f"{cost}_high"]).reset_index()
    lower = direction_of(task, select) == "lower"
    table = table.sort_values(
        [f"{cost}_high", select, "config_id"], ascending=[True, lower, True]
    ).assign(gain=lambda rows: -rows[select] if lower else rows[select])
    before = table.groupby("category")["gain"].transform(
        lambda gains: gains.cummax().shift(fill_value=float("-inf"))
    )
    steps = table[table["gain"] > before].rename(columns={f"{cost}_high": "cost"})
    test = runs[runs["split"] == "test"].groupby("config_id")[metric].agg(["mean", "min", "max"])
    test = test.rename(columns={"min": "low", "max": "high"})
    steps = steps.join(test, on="config_id").sort_values(["category", "cost"])
    return steps[list(COLUMNS)].reset_index(drop=True)
