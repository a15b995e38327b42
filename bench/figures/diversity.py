"""Does diversity of the members go with quality? Every configuration, on the test split."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.figures import style
from bench.figures.layout import legend_below, note_below, point_handles
from bench.metrics.table import label_of, metrics_for
from bench.records.frames import Frames
from bench.records.pareto import quality_of, seed_means
from bench.records.search_budget import budget_lines

LOG = logging.getLogger(__name__)


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """One figure for each dataset with test results of methods with several members."""
    styles = style.category_styles(frames.runs["category"])
    spent = budget_lines(frames.budgets)
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        table = points(runs)
        # One predictor has a diversity of 0 by definition: that shows nothing.
        if not (table[diversity_metrics(str(runs["task"].iloc[0]))] > 0).any(axis=None):
            LOG.info("diversity: nothing to show for %s, no method has diverse members", dataset)
            continue
        figure = draw(runs, styles)
        note_below(figure, spent.get(str(dataset)))
        yield f"diversity_{dataset}", figure


def diversity_metrics(task: str) -> list[str]:
    """The diversity metrics of a task, in table order."""
    return [metric.name for metric in metrics_for(task) if metric.kind == "diversity"]


def points(runs: pd.DataFrame) -> pd.DataFrame:
    """Test values of each configuration of one dataset, mean and deviation over seeds.

    Args:
        runs: The runs frame of one dataset, all splits.

    Returns:
        Index config_id; columns category, the diversity metrics, performance and calibration of
        the task, and each with `_std` (NaN for a single seed).
    """
    task = str(runs["task"].iloc[0])
    metrics = [*diversity_metrics(task), *quality_of(task)]
    test = runs[runs["split"] == "test"]
    by_configuration = test.groupby(["dataset", "config_id"], sort=True)
    spread = by_configuration[metrics].std().add_suffix("_std")
    table = seed_means(test, metrics).join([spread, by_configuration["category"].first()])
    return table.droplevel("dataset")


@style.fixed()
def draw(runs: pd.DataFrame, styles: Mapping[str, style.CategoryStyle]) -> Figure:
    """A column a measure of diversity, a row each for performance and calibration.

    One marker a configuration, at its mean over seeds with their standard deviation. A single
    predictor (Standard NN, SE NN) has diversity 0 by definition and stands on the left edge.

    Args:
        runs: The runs frame of one dataset, all splits.
        styles: Style of each category.
    """
    task = str(runs["task"].iloc[0])
    table = points(runs)
    present = {name: own for name, own in styles.items() if name in set(table["category"])}
    columns, rows = diversity_metrics(task), quality_of(task)
    # One measure alone: its two panels stand side by side, not above each other.
    wide = len(columns) > 1
    figure = style.page(4.6 if wide else 2.7)
    panels = figure.subplots(
        *((len(rows), len(columns)) if wide else (1, len(rows))), squeeze=False,
    )  # fmt: skip
    for axes, (y, x) in zip(panels.flat, ((y, x) for y in rows for x in columns), strict=True):
        _panel(axes, table, (x, y), present)
        axes.set(xlabel=label_of(task, x), ylabel=style.metric_label(task, y))
        axes.locator_params(axis="x", nbins=5)  # There is room for no more with four decimals.
    figure.suptitle(str(runs["dataset"].iloc[0]))
    legend_below(figure, point_handles(present, present))
    return figure


def _panel(
    axes: Axes,
    table: pd.DataFrame,
    pair: tuple[str, str],
    styles: Mapping[str, style.CategoryStyle],
) -> None:
    x, y = pair
    shown = table[np.isfinite(table[[x, y]]).all(axis=1)]
    axes.errorbar(shown[x], shown[y], xerr=shown[f"{x}_std"], yerr=shown[f"{y}_std"], **style.BARS)
    for category, own in styles.items():
        rows = shown[shown["category"] == category]
        axes.plot(
            rows[x], rows[y], linestyle="none", marker=own.marker, color=own.color,
            markersize=style.MARKER, **style.OUTLINED,
        )  # fmt: skip
