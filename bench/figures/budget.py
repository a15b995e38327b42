"""Quality against cost: which method to take for a budget."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.figures import style
from bench.figures.layout import legend_below, line_handle, note_below, scale_axis
from bench.figures.numbers.budget_curves import curves
from bench.figures.numbers.cost_axes import LABELS
from bench.records.costs import COSTS
from bench.records.frames import Frames
from bench.records.pareto import quality_of
from bench.records.search_budget import budget_lines
from bench.records.selection import rule
from bench.statistics.budget import MULTIPLES
from bench.statistics.reference import Reference, reference
from bench.statistics.selection import warnings_of

LOG = logging.getLogger(__name__)


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """Two figures per dataset with test results: against FLOPs and against parameters."""
    styles = style.category_styles(frames.runs["category"])
    spent, warned = budget_lines(frames.budgets), warnings_of(frames)
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        if not (runs["split"] == "test").any():
            LOG.info("budget: nothing to show for %s, it has no test results", dataset)
            continue
        task = str(runs["task"].iloc[0])
        base = reference(runs, COSTS)
        for cost in COSTS:
            tables = {metric: curves(frames, runs, metric, cost) for metric in shown_metrics(task)}
            figure = draw(tables, styles, title=str(dataset), task=task, cost=cost, base=base)
            notes = [
                (
                    f"Line: the configuration of the {rule(task, frames.select)} within the cost, "
                    "mean over seeds on test; band: its best and its worst seed."
                ),
                base.text if base else "No standard NN was run: no budgets are marked.",
                *(text for text in (warned.get(str(dataset)), spent.get(str(dataset))) if text),
            ]
            note_below(figure, " ".join(notes))
            yield f"budget_{dataset}" + ("" if cost == COSTS[0] else f"_{cost}"), figure


def shown_metrics(task: str) -> tuple[str, ...]:
    """Performance, the proper score, calibration."""
    performance, calibration = quality_of(task)
    return tuple(dict.fromkeys((performance, "nll", calibration)))


@style.fixed()
def draw(
    tables: Mapping[str, pd.DataFrame],
    styles: Mapping[str, style.CategoryStyle],
    *,
    title: str,
    task: str,
    cost: str,
    base: Reference | None,
) -> Figure:
    """A panel per metric: test quality against the budget, one line per category.

    Args:
        tables: Rows of `numbers.budget_curves.curves` by metric.
        styles: Style of each category.
        title: The dataset.
        task: "classification" or "regression".
        cost: Column of the cost.
        base: The network whose multiples are marked as budgets.
    """
    figure = style.page(3.0)
    panels = figure.subplots(1, len(tables), squeeze=False)[0]
    every = pd.concat(tables.values())
    present = {name: one for name, one in styles.items() if name in set(every["category"])}
    marks = [] if base is None else [multiple * base.costs[cost] for multiple in MULTIPLES]
    largest = max([float(every["cost"].max()), *marks[-2:-1]])
    for axes, (metric, table) in zip(panels, tables.items(), strict=True):
        scale_axis(axes, "x", [*every["cost"], largest])
        _lines(axes, table, present, largest)
        _budgets(axes, marks, float(every["cost"].min()), largest)
        axes.set(xlabel=LABELS[cost].replace(" (", "\n("),
                 title=style.metric_label(task, metric))  # fmt: skip
    figure.suptitle(title)
    handles: list[Line2D] = [line_handle(name, one) for name, one in present.items()]
    legend_below(figure, handles)
    return figure


def _lines(
    axes: Axes, table: pd.DataFrame, styles: Mapping[str, style.CategoryStyle], largest: float
) -> None:
    for category, one in styles.items():
        rows = table[(table["category"] == category) & np.isfinite(table["mean"])]
        if rows.empty:
            continue
        # The last choice stays, however much more could be spent.
        x = [*rows["cost"], largest]
        low, mean, high = ([*rows[name], rows[name].iloc[-1]] for name in ("low", "mean", "high"))
        axes.fill_between(x, low, high, step="post", color=one.color, **style.BAND)
        axes.plot(x, mean, drawstyle="steps-post", color=one.color, linestyle=one.linestyle,
                  linewidth=1.0)  # fmt: skip
        axes.plot(rows["cost"], rows["mean"], linestyle="none", marker=one.marker,
                  color=one.color, markersize=style.LINE_MARKER)  # fmt: skip


def _budgets(axes: Axes, marks: list[float], smallest: float, largest: float) -> None:
    for multiple, mark in zip(MULTIPLES, marks, strict=False):
        if smallest <= mark <= largest:
            axes.axvline(mark, **style.JOIN)
            axes.annotate(f"{multiple:g}x", (mark, 1), xycoords=("data", "axes fraction"),
                          xytext=(-1, -1), textcoords="offset points", fontsize=style.TINY,
                          va="top", ha="right")  # fmt: skip
