"""Quality and cost of every configuration, with fronts: the paper's Figure 2."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.console import command
from bench.figures import Pairs, style
from bench.figures.layout import legend_below, note_below, point_handles, scale_axis
from bench.figures.numbers.cost_axes import CostAxes
from bench.figures.numbers.pairs import measured_pairs, metric_pairs, stem_of
from bench.metrics.table import direction_of
from bench.records.frames import Frames
from bench.records.pareto import front_line, quality_of, seed_means, selected
from bench.records.search_budget import budget_lines

LOG = logging.getLogger(__name__)

# Line2D's properties; without a line, they also draw the markers of the panels and the legend.
State: TypeAlias = Mapping[str, Any]


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """One figure a dataset with test results, in its main pair of metrics."""
    return figures_at_costs(frames, CostAxes(), "main")


def figures_in_all_pairs(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """One figure a dataset with test results and pair of metrics."""
    return figures_at_costs(frames, CostAxes(), "all")


def figures_at_costs(frames: Frames, costs: CostAxes, pairs: Pairs) -> Iterator[tuple[str, Figure]]:
    """The same with other costs in the lower panel; the selection stays."""
    styles = style.category_styles(frames.runs["category"])
    spent = budget_lines(frames.budgets)
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        if not (runs["split"] == "test").any():
            LOG.info("pareto: nothing to show for %s, it has no test results", dataset)
            continue
        shown, notes = costs.shown(runs)
        if shown.empty:
            LOG.info(
                "pareto: nothing to show for %s, no configuration has %s; "
                "run %s", dataset, " and ".join(costs.measured), command.line("latency"),
            )  # fmt: skip
            continue
        for note in notes:
            LOG.info("pareto: %s: %s", dataset, note)
        task = str(runs["task"].iloc[0])
        wanted = metric_pairs(task) if pairs == "all" else [quality_of(task)]
        for pair in measured_pairs(shown, wanted):
            figure = draw(runs, styles, pair, costs)
            note_below(figure, ". ".join([*notes, *filter(None, [spent.get(str(dataset))])]))
            yield costs.stem(stem_of("pareto", str(dataset), pair, task)), figure


@style.fixed()
def draw(
    runs: pd.DataFrame,
    styles: Mapping[str, style.CategoryStyle],
    metrics: tuple[str, str] | None = None,
    costs: CostAxes = CostAxes(),  # noqa: B008 - frozen
) -> Figure:
    """Performance against calibration (above) and FLOPs against parameters (below).

    One marker per configuration, at its mean over seeds on the test split, with the standard
    deviation over seeds as error bars; costs that differ between seeds span a bar. Solid markers
    with an outline are on the *validation* front over all four objectives, and the line of a panel
    is the front of these alone: test values choose nothing.

    Args:
        runs: The runs frame of one dataset, all splits.
        styles: Style of each category.
        metrics: Keys of the upper panel's x and y axis; None takes the task's default.
        costs: Axes of the lower panel. Configurations that were not measured are in no panel.

    Raises:
        ValueError: A metric that the task does not have.
    """
    task = str(runs["task"].iloc[0])
    quality = metrics if metrics is not None else quality_of(task)
    directions = (direction_of(task, quality[0]), direction_of(task, quality[1]))
    points = _points(runs, quality, costs)
    present = {name: own for name, own in styles.items() if name in set(points["category"])}

    figure = style.column(5.2)
    above, below = figure.subplots(2, 1)
    x, y = quality
    above.errorbar(
        points[x], points[y], xerr=points[f"{x}_std"], yerr=points[f"{y}_std"],
        **style.BARS,
    )  # fmt: skip
    spans = {
        f"{name}err": [points[cost] - points[f"{cost}_min"], points[f"{cost}_max"] - points[cost]]
        for name, cost in zip("xy", costs.keys, strict=True)
    }
    below.errorbar(points[costs.x], points[costs.y], **spans, **style.BARS)
    has_line = _panel(above, points, quality, directions, present)
    above.set(
        title=str(runs["dataset"].iloc[0]),
        xlabel=style.metric_label(task, x),
        ylabel=style.metric_label(task, y),
    )
    has_line |= _panel(below, points, costs.keys, ("lower", "lower"), present)
    xlabel, ylabel = costs.labels
    below.set(xlabel=xlabel, ylabel=ylabel.replace(", ", "\n"))
    _legend(figure, present, has_line=has_line)
    return figure


def _points(runs: pd.DataFrame, quality: tuple[str, str], costs: CostAxes) -> pd.DataFrame:
    """One row per configuration: means and standard deviations over seeds, is it selected."""
    test = costs.shown(runs)[0]
    columns = [*quality, *costs.keys]
    by_configuration = test.groupby(["dataset", "config_id"], sort=True)
    spread = by_configuration[list(quality)].std().add_suffix("_std")
    ends = by_configuration[list(costs.keys)].agg(["min", "max"])
    ends.columns = ["_".join(column) for column in ends.columns]
    points = seed_means(test, columns).join([spread, ends, by_configuration["category"].first()])
    points = points.droplevel("dataset")

    finite = points[np.isfinite(points[columns]).all(axis=1)]
    for config_id in points.index.difference(finite.index):
        LOG.warning("pareto: %s is not shown, a mean of its values is not finite", config_id)
    dataset, task = str(runs["dataset"].iloc[0]), str(runs["task"].iloc[0])
    chosen = selected(runs, {task: quality}).get(dataset, frozenset())
    return finite.assign(selected=finite.index.isin(list(chosen)))


def _panel(
    axes: Axes,
    points: pd.DataFrame,
    columns: tuple[str, str],
    directions: tuple[str, str],
    styles: Mapping[str, style.CategoryStyle],
) -> bool:
    """Markers by category, and the front of those that validation selected: is it a line?"""
    x, y = columns
    scale_axis(axes, "x", points[x])
    scale_axis(axes, "y", points[y])
    chosen = points.loc[points["selected"], [x, y]]
    line_P2 = front_line(chosen.to_numpy(dtype=float), directions)
    axes.plot(line_P2[:, 0], line_P2[:, 1], **style.FRONT)
    for category, own in styles.items():
        rows = points[points["category"] == category]
        for is_selected, state in ((False, style.FADED), (True, style.OUTLINED)):
            some = rows[rows["selected"] == is_selected]
            axes.add_line(_markers(own, state, some[x].to_numpy(), some[y].to_numpy()))
    axes.autoscale_view()
    return len(np.unique(line_P2, axis=0)) > 1


def _markers(
    own: style.CategoryStyle, state: State, x: Any = (), y: Any = (), label: str = ""
) -> Line2D:
    return Line2D(
        x, y, label=label, linestyle="none", marker=own.marker, color=own.color,
        markersize=style.MARKER, **state,
    )  # fmt: skip


def _legend(figure: Figure, styles: Mapping[str, style.CategoryStyle], *, has_line: bool) -> None:
    """Categories present, then what outlined, faded and the line mean."""
    grey = style.CategoryStyle(marker="o", color=style.MID_GREY)
    handles = point_handles(styles, styles)
    handles += [
        _markers(grey, style.OUTLINED, label="selected on val."),
        _markers(grey, style.FADED, label="not selected"),
    ]
    if has_line:
        handles.append(Line2D([], [], label="their front, in this panel", **style.FRONT))
    legend_below(figure, handles)
