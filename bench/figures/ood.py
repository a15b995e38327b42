"""How quality falls with the severity of corruptions: one figure a dataset and metric."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.figures import style
from bench.figures.layout import legend_below, line_handle, note_below, scale_axis
from bench.records.frames import Frames
from bench.records.pareto import quality_of
from bench.records.search_budget import budget_lines
from bench.statistics.intervals import MEAN, intervals, severity_intervals

LOG = logging.getLogger(__name__)

_SMALL_COLUMNS = 4
_SPREAD = 0.3  # Of the categories around a severity.


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """Two figures (performance, calibration) for each dataset with corrupted test results."""
    styles = style.category_styles(frames.runs["category"])
    spent = budget_lines(frames.budgets)
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        chosen = list(frames.chosen(runs)["config_id"])
        shown = runs[runs["config_id"].isin(chosen)]
        if frames.root is None or not (shown["split"] == "corruption").any():
            LOG.info("ood: nothing to show for %s, it has no results under corruptions", dataset)
            continue
        metrics = quality_of(str(runs["task"].iloc[0]))
        points = severities(frames, chosen, metrics)
        for metric in metrics:
            figure = draw(
                points[points["metric"] == metric], styles, str(runs["task"].iloc[0]), metric
            )
            note_below(figure, spent.get(str(dataset)))
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
    clean = intervals(frames, config_ids, splits=("test",)).assign(severity=0)
    clean = clean[clean["metric"].isin(metrics)]
    starts = clean.merge(corrupted[["corruption"]].drop_duplicates(), how="cross")
    points = pd.concat([starts, corrupted], ignore_index=True)
    return points.astype({"severity": int})


@style.fixed()
def draw(
    points: pd.DataFrame, styles: Mapping[str, style.CategoryStyle], task: str, metric: str
) -> Figure:
    """A metric against severity: mean over corruptions (left) and each corruption (right).

    Lines: the configuration that stands for its category, mean over seeds; bars and bands: 95%
    intervals. In the large panel the categories stand side by side at each severity: their
    intervals overlap (the images are the same), and bands would hide each other.
    The panels of single corruptions share their axes; the large one has a scale of its own.

    Args:
        points: Columns dataset, category, corruption (`MEAN`: of all), severity, estimate, low,
            high; of one dataset and metric.
        styles: Style of each category.
        task: "classification" or "regression".
        metric: Key of the metric.

    Raises:
        ValueError: A metric that the task does not have.
    """
    corruptions = sorted(set(points["corruption"]) - {MEAN})
    present = {name: own for name, own in styles.items() if name in set(points["category"])}

    n_columns = min(len(corruptions), _SMALL_COLUMNS)
    n_rows = math.ceil(len(corruptions) / n_columns)
    figure = style.page(max(2.6, 0.7 + 1.0 * n_rows))
    grid = figure.add_gridspec(n_rows, 2 + n_columns)
    large = figure.add_subplot(grid[:, :2])
    _dodged(large, points[points["corruption"] == MEAN], present)
    plural = "s" if len(corruptions) > 1 else ""
    large.set(
        title=f"{points['dataset'].iloc[0]}: mean of {len(corruptions)} corruption{plural}",
        xlabel="Severity (0: clean test set)",
        ylabel=style.metric_label(task, metric),
    )
    scale_axis(large, "y", points.loc[points["corruption"] == MEAN, "estimate"])
    first: Axes | None = None
    for i, corruption in enumerate(corruptions):
        row, column = divmod(i, n_columns)
        small = figure.add_subplot(grid[row, 2 + column], sharex=first, sharey=first)
        first = first or small
        _panel(small, points[points["corruption"] == corruption], present)
        small.set_title(corruption.replace("_", " "), fontsize=style.SMALL, pad=2)
        below_is_empty = i + n_columns >= len(corruptions)
        small.tick_params(labelleft=column == 0, labelbottom=below_is_empty)
        scale_axis(small, "y", points["estimate"])
        if small.get_yscale() == "linear":
            small.locator_params(axis="y", nbins=4)  # There is room for no more.
    legend_below(figure, [line_handle(name, own) for name, own in present.items()])
    return figure


def _dodged(axes: Axes, points: pd.DataFrame, styles: Mapping[str, style.CategoryStyle]) -> None:
    offsets = np.linspace(-_SPREAD, _SPREAD, len(styles)) if len(styles) > 1 else [0.0]
    for (category, own), offset in zip(styles.items(), offsets, strict=True):
        rows = points[points["category"] == category].sort_values("severity")
        x = rows["severity"] + offset
        axes.vlines(x, rows["low"], rows["high"], color=own.color, linewidth=0.6, zorder=1.5)
        axes.plot(
            x, rows["estimate"], color=own.color, linestyle=own.linestyle, marker=own.marker,
            markersize=style.LINE_MARKER, linewidth=0.8,
        )  # fmt: skip
    axes.set(xticks=range(6))


def _panel(axes: Axes, points: pd.DataFrame, styles: Mapping[str, style.CategoryStyle]) -> None:
    for category, own in styles.items():
        rows = points[points["category"] == category].sort_values("severity")
        axes.fill_between(
            rows["severity"], rows["low"], rows["high"], color=own.color, **style.BAND
        )
        axes.plot(
            rows["severity"], rows["estimate"], color=own.color, linestyle=own.linestyle,
            marker=own.marker, markersize=style.SMALL_MARKER, linewidth=1,
        )  # fmt: skip
    axes.set(xticks=range(6))
