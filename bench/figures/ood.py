"""How quality falls with the severity of corruptions: one figure a dataset and metric."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.figures import style
from bench.figures.layout import legend_below, line_handle, note_below, scale_axis
from bench.records.frames import Frames
from bench.records.pareto import quality_of
from bench.records.search_budget import budget_lines
from bench.statistics.influence import MEAN
from bench.statistics.intervals import (
    intervals,
    severity_differences,
    severity_intervals,
)

LOG = logging.getLogger(__name__)

_COLUMNS = 4  # Of panels of differences.
_BREAK = np.full((1, 2), np.nan)  # Where a line is interrupted.
REFERENCE = "Standard NN"


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """Two figures (performance, calibration) for each dataset with corrupted test results."""
    styles = style.category_styles(frames.runs["category"])
    spent = budget_lines(frames.budgets)
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        task = str(runs["task"].iloc[0])
        chosen = dict(frames.chosen(runs).itertuples(index=False, name=None))
        ids = list(chosen.values())
        shown = runs[runs["config_id"].isin(ids)]
        if frames.root is None or not (shown["split"] == "corruption").any():
            LOG.info("ood: nothing to show for %s, it has no results under corruptions", dataset)
            continue
        metrics = quality_of(task)
        points, gaps = severities(frames, ids, metrics), pd.DataFrame()
        if REFERENCE in chosen and len(chosen) > 1:
            gaps = severity_differences(frames, ids, chosen[REFERENCE], metrics)
        for metric in metrics:
            of_metric = gaps[gaps["metric"] == metric] if len(gaps) else gaps
            figure = draw(points[points["metric"] == metric], of_metric, styles, task, metric)
            n = points["corruption"].nunique() - 1
            note = f"Mean over {n} corruption{'s' * (n != 1)}."
            if len(of_metric):
                note += (
                    f" Right: difference to the {REFERENCE}, paired over seeds and images, with "
                    "its 95% interval; thin lines are single corruptions."
                )
            note_below(figure, " ".join(filter(None, [note, spent.get(str(dataset))])))
            yield f"ood_{dataset}_{metric}", figure


def severities(frames: Frames, config_ids: list[str], metrics: tuple[str, ...]) -> pd.DataFrame:
    """Metrics with intervals by corruption and severity; severity 0 is the clean test split.

    Args:
        frames: All records, with their predictions.
        config_ids: Configurations of one dataset.
        metrics: Keys of metrics.

    Returns:
        The rows of `severity_intervals` (each corruption, and `MEAN` of all), and those of the
        clean test split once for each of them, as the point that all curves start from.
    """
    corrupted = severity_intervals(frames, config_ids, metrics)
    clean = intervals(frames, config_ids, splits=("test",), metrics=metrics).assign(severity=0)
    starts = clean.merge(corrupted[["corruption"]].drop_duplicates(), how="cross")
    points = pd.concat([starts, corrupted], ignore_index=True)
    return points.astype({"severity": int})


@style.fixed()
def draw(
    points: pd.DataFrame,
    gaps: pd.DataFrame,
    styles: Mapping[str, style.CategoryStyle],
    task: str,
    metric: str,
) -> Figure:
    """A metric against severity (left), and each category's difference to the standard NN.

    Values of different categories share most of their variation (hard images, lucky seeds), so
    that bands around them overlap whatever is the case: only the differences have intervals.

    Args:
        points: Columns dataset, category, corruption (`MEAN`: of all), severity, estimate; of one
            dataset and metric.
        gaps: The same with low and high, differences; none: only the values are drawn.
        styles: Style of each category.
        task: "classification" or "regression".
        metric: Key of the metric.

    Raises:
        ValueError: A metric that the task does not have.
    """
    present = {name: own for name, own in styles.items() if name in set(points["category"])}
    compared = [name for name in present if len(gaps) and name in set(gaps["category"])]
    n_columns = min(len(compared), _COLUMNS)
    n_rows = max(1, math.ceil(len(compared) / _COLUMNS))
    figure = style.page(max(2.6, 0.9 + 1.15 * n_rows))
    grid = figure.add_gridspec(n_rows, 2 + n_columns)
    large = figure.add_subplot(grid[:, :2])
    for category, own in present.items():
        rows = points[(points["category"] == category) & (points["corruption"] == MEAN)]
        _line(large, rows, own, markersize=style.LINE_MARKER, linewidth=0.8)
    large.set(
        title=str(points["dataset"].iloc[0]),
        xlabel="Severity (0: clean test set)",
        ylabel=style.metric_label(task, metric),
        xticks=sorted(points["severity"].unique()),
    )
    scale_axis(large, "y", points.loc[points["corruption"] == MEAN, "estimate"])
    first: Axes | None = None
    for i, category in enumerate(compared):
        row, column = divmod(i, n_columns)
        small = figure.add_subplot(grid[row, 2 + column], sharex=first, sharey=first)
        first = first or small
        _difference(small, gaps[gaps["category"] == category], present[category])
        small.set_title(category, fontsize=style.SMALL, pad=2)
        small.tick_params(labelleft=column == 0, labelbottom=i + n_columns >= len(compared))
        small.locator_params(axis="y", nbins=4)  # There is room for no more.
        small.set(xticks=large.get_xticks())
    legend_below(figure, [line_handle(name, own) for name, own in present.items()])
    return figure


def _difference(axes: Axes, gaps: pd.DataFrame, own: style.CategoryStyle) -> None:
    parts = []
    for corruption, rows in gaps.groupby("corruption", sort=True):
        if corruption != MEAN:
            ordered = rows.sort_values("severity")
            parts += [ordered[["severity", "estimate"]].to_numpy(dtype=float), _BREAK]
    if parts:  # One line for all: 16 lines per panel take a second of a figure.
        axes.plot(*np.concatenate(parts).T, **style.JOIN)
    mean = gaps[gaps["corruption"] == MEAN].sort_values("severity")
    axes.fill_between(mean["severity"], mean["low"], mean["high"], color=own.color, alpha=0.25,
                      linewidth=0)  # fmt: skip
    axes.axhline(0, **style.GUIDE)
    _line(axes, mean, own, markersize=style.SMALL_MARKER, linewidth=1)


def _line(axes: Axes, rows: pd.DataFrame, own: style.CategoryStyle, **sizes: Any) -> None:
    ordered = rows.sort_values("severity")
    axes.plot(
        ordered["severity"], ordered["estimate"], color=own.color, linestyle=own.linestyle,
        marker=own.marker, **sizes,
    )  # fmt: skip
