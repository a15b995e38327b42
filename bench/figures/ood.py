"""How quality falls with the severity of corruptions: one figure a dataset and metric."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.figures import style
from bench.frames import Frames
from bench.pareto import quality_of, seed_means
from bench.search.budget import budget_lines

LOG = logging.getLogger(__name__)

_SMALL_COLUMNS = 4
_SELECTION_METRIC = "nll"  # Both tasks have it, and it rewards accuracy and calibration alike.


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """Two figures (performance, calibration) for each dataset with corrupted test results."""
    looks = style.category_styles(frames.runs["category"])
    spent = budget_lines(frames.budgets)
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        if not (runs["split"] == "corruption").any():
            LOG.info("ood: nothing to show for %s, it has no results under corruptions", dataset)
            continue
        for metric in quality_of(str(runs["task"].iloc[0])):
            figure = draw(runs, looks, metric)
            style.note_below(figure, spent.get(str(dataset)))
            yield f"ood_{dataset}_{metric}", figure


def best_configurations(runs: pd.DataFrame) -> dict[str, str]:
    """The config_id of each category with the lowest validation NLL, averaged over seeds.

    Args:
        runs: The runs frame of one dataset; its val rows alone are read.

    Returns:
        Category -> config_id; a category whose validation NLL is never known is left out.
    """
    validation = runs[runs["split"] == "val"]
    means = seed_means(validation, [_SELECTION_METRIC]).droplevel("dataset")[_SELECTION_METRIC]
    categories = validation.groupby("config_id")["category"].first()
    best = means.dropna().groupby(categories).idxmin()
    return {str(category): str(config_id) for category, config_id in best.items()}


def severities(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The metric of each category's best configuration; severity 0 is the clean test split.

    Args:
        runs: The runs frame of one dataset, all splits.
        metric: Key of the metric.

    Returns:
        Columns category, seed, corruption, severity, value. The clean value is repeated for each
        corruption, as the point that all of their curves start from.
    """
    shown = runs[runs["config_id"].isin(best_configurations(runs).values())]
    columns = ["category", "seed", "corruption", "severity", metric]
    corrupted = shown.loc[shown["split"] == "corruption", columns]
    clean = shown.loc[shown["split"] == "test", ["category", "seed", metric]].assign(severity=0)
    starts = clean.merge(corrupted[["corruption"]].drop_duplicates(), how="cross")
    points = pd.concat([starts[columns], corrupted]).rename(columns={metric: "value"})
    return points.astype({"severity": int}).reset_index(drop=True)


@style.fixed()
def draw(runs: pd.DataFrame, looks: Mapping[str, style.CategoryStyle], metric: str) -> Figure:
    """A metric against severity: mean over corruptions (left) and each corruption (right).

    Lines: mean over seeds of the configuration of each category that has the lowest validation
    NLL; bands: one standard deviation over seeds. All panels share both axes.

    Args:
        runs: The runs frame of one dataset, all splits.
        looks: Style of each category.
        metric: Key of the metric.

    Raises:
        ValueError: A metric that the task does not have.
    """
    task = str(runs["task"].iloc[0])
    points = severities(runs, metric)
    corruptions = sorted(points["corruption"].unique())
    present = {name: look for name, look in looks.items() if name in set(points["category"])}

    n_columns = min(len(corruptions), _SMALL_COLUMNS)
    n_rows = math.ceil(len(corruptions) / n_columns)
    figure = Figure(figsize=(style.PAGE_WIDTH, max(2.4, 0.7 + 0.95 * n_rows)))
    grid = figure.add_gridspec(n_rows, 2 + n_columns)
    large = figure.add_subplot(grid[:, :2])
    overall = points.groupby(["category", "seed", "severity"])["value"].mean().reset_index()
    _panel(large, overall, present, marker_size=3.5)
    plural = "s" if len(corruptions) > 1 else ""
    large.set(
        title=f"{runs['dataset'].iloc[0]}: mean of {len(corruptions)} corruption{plural}",
        xlabel="Severity (0: clean test set)",
        ylabel=style.metric_label(task, metric),
    )
    for i, corruption in enumerate(corruptions):
        row, column = divmod(i, n_columns)
        small = figure.add_subplot(grid[row, 2 + column], sharex=large, sharey=large)
        _panel(small, points[points["corruption"] == corruption], present, marker_size=1.5)
        small.set_title(corruption.replace("_", " "), fontsize=7, pad=2)
        below_is_empty = i + n_columns >= len(corruptions)
        small.tick_params(labelleft=column == 0, labelbottom=below_is_empty)
    style.scale_axis(large, "y", points["value"])
    if large.get_yscale() == "linear":
        large.locator_params(axis="y", nbins=5)  # The small panels have room for no more.
    handles = [
        Line2D([], [], label=name, color=look.color, marker=look.marker, markersize=3.5)
        for name, look in present.items()
    ]
    style.legend_below(figure, handles)
    return figure


def _panel(
    axes: Axes,
    points: pd.DataFrame,
    looks: Mapping[str, style.CategoryStyle],
    marker_size: float,
) -> None:
    for category, look in looks.items():
        over_seeds = points[points["category"] == category].groupby("severity")["value"]
        mean, std = over_seeds.mean(), over_seeds.std(ddof=0)
        axes.fill_between(
            mean.index, mean - std, mean + std, color=look.color, alpha=0.15, linewidth=0
        )
        axes.plot(mean, color=look.color, marker=look.marker, markersize=marker_size, linewidth=1)
    axes.set(xticks=range(6))
