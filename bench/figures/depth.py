"""How the learned distribution over depths moves during training: the paper's Figure 4."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.figures import style
from bench.figures.layout import legend_below
from bench.records.depth_preference import NEAR, held_by_the_objective
from bench.records.frames import Frames

LOG = logging.getLogger(__name__)


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """All configurations in one panel per dataset, then for each dataset and D > 1 a panel each.

    Theta of different D cannot be averaged: the panel of a dataset shows its largest.
    """
    deep = frames.depth[frames.depth["depth"] > 1] if not frames.depth.empty else frames.depth
    if deep.empty:
        LOG.info("depth: nothing to show, no run has a distribution over more than one exit")
        return
    deepest = deep[deep["depth"] == deep.groupby("dataset")["depth"].transform("max")]
    yield "depth", draw_datasets(deepest)
    for (dataset, n_exits), rows in deep.groupby(["dataset", "depth"], sort=True):
        yield f"depth_{dataset}_D{n_exits:.0f}", draw(rows)


def curves(depth: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation of theta over configurations, along training.

    Averages theta over inputs, then over the seeds of a configuration, then over configurations.
    Runs that were logged at different points are first interpolated linearly onto the union of
    all points, since runs of different lengths share progress but not epochs.

    Args:
        depth: The depth frame of one dataset and one D.

    Returns:
        Columns category, exit, progress, mean, std (0 for a single configuration).
    """
    keys = ["category", "config_id", "run_id", "exit"]
    per_run = depth.groupby([*keys, "progress"], sort=True)["theta"].mean().reset_index()
    grid = np.unique(per_run["progress"])
    resampled = [
        pd.DataFrame(
            dict(zip(keys, key, strict=True))
            | {"progress": grid, "theta": np.interp(grid, rows["progress"], rows["theta"])}
        )
        for key, rows in per_run.groupby(keys, sort=True)
    ]
    points = ["category", "exit", "progress"]
    per_configuration = pd.concat(resampled).groupby([*points, "config_id"])["theta"].mean()
    over = per_configuration.groupby(points)
    return pd.DataFrame({"mean": over.mean(), "std": over.std(ddof=0)}).reset_index()


@style.fixed()
def draw_datasets(depth: pd.DataFrame) -> Figure:
    """Depth distribution theta along training: one line per exit, one panel per dataset.

    As the paper's Figure 4: line, mean over all configurations with a distribution over exits;
    band, one standard deviation over them.

    Args:
        depth: The depth frame, one D in each dataset.
    """
    datasets = sorted(depth["dataset"].unique())
    exit_styles = style.exit_styles(int(depth["depth"].max()))
    figure = style.page(2.2)
    panels = figure.subplots(1, max(len(datasets), 2), squeeze=False)[0]
    for axes, dataset in zip(panels, datasets, strict=False):
        rows = depth[depth["dataset"] == dataset]
        n_exits = int(rows["depth"].iloc[0])
        table = curves(rows.assign(category="all"))
        _panel(axes, table, exit_styles[:n_exits])
        axes.axhline(1 / n_exits, **style.GUIDE)
        count = rows["config_id"].nunique()
        _held(axes, rows)
        axes.set(title=f"{dataset}\n(D = {n_exits}, n = {count})", xlabel="Training progress",
                 xlim=(0, 1), ylim=_limits(table, n_exits))  # fmt: skip
    for axes in panels[len(datasets) :]:
        axes.set_axis_off()
    panels[0].set_ylabel(r"Mean $\theta$ over inputs")
    _legend(figure, exit_styles)
    return figure


def _limits(table: pd.DataFrame, n_exits: int) -> tuple[float, float]:
    """As wide around uniform as the preferences need, and 0.05 at least."""
    reach = float(((table["mean"] - 1 / n_exits).abs() + table["std"]).max())
    room = max(0.05, 1.08 * reach)
    return max(0.0, 1 / n_exits - room), min(1.0, 1 / n_exits + room)


def _legend(figure: Figure, exit_styles: list[dict[str, Any]]) -> None:
    handles = [Line2D([], [], label=f"exit {i}", **one) for i, one in enumerate(exit_styles, 1)]
    legend_below(figure, [*handles, Line2D([], [], label="uniform, 1/D", **style.GUIDE)])


@style.fixed()
def draw(depth: pd.DataFrame) -> Figure:
    """Depth distribution theta along training: one line per exit, one panel per category.

    Line: mean over configurations; band: one standard deviation over them; dotted: uniform, 1/D.

    Args:
        depth: The depth frame of one dataset and one D.

    Raises:
        ValueError: The frame mixes several D.
    """
    depths = sorted(depth["depth"].unique())
    if len(depths) != 1:
        raise ValueError(f"depths are {depths}, the rule is one D a figure; draw each separately")
    n_exits = int(depths[0])
    exit_styles = style.exit_styles(n_exits)
    table = curves(depth)
    categories = list(style.category_styles(table["category"]))

    figure = style.page(2.2)
    panels = figure.subplots(1, len(categories), sharey=True, squeeze=False)[0]
    for axes, category in zip(panels, categories, strict=True):
        rows = table[table["category"] == category]
        _panel(axes, rows, exit_styles)
        axes.axhline(1 / n_exits, **style.GUIDE)
        _held(axes, depth[depth["category"] == category])
        count = depth.loc[depth["category"] == category, "config_id"].nunique()
        axes.set(title=f"{category}, n = {count}", xlabel="Training progress", xlim=(0, 1))
    panels[0].set(ylabel=r"Mean $\theta$ over inputs", ylim=_limits(table, n_exits))
    figure.suptitle(f"{depth['dataset'].iloc[0]} (D = {n_exits}; n = configurations)")
    _legend(figure, exit_styles)
    return figure


def _held(axes: Axes, rows: pd.DataFrame) -> None:
    """State where near-uniform curves are the objective's doing and not the data's."""
    if held_by_the_objective(rows):
        text = f"undecided: the objective's own\noptimum lies within {NEAR:g} of 1/D"
        axes.text(0.5, 0.95, text, transform=axes.transAxes, ha="center", va="top")


def _panel(axes: Axes, table: pd.DataFrame, exit_styles: list[dict[str, Any]]) -> None:
    # Logits start at zero, before the first epoch that is logged: every line starts at 1/D. Without
    # it, a run of one epoch would be a single point, and no line at all.
    start = pd.DataFrame({"progress": [0.0], "mean": [1 / len(exit_styles)], "std": [0.0]})
    for line, (_, rows) in zip(exit_styles, table.groupby("exit", sort=True), strict=True):
        points = pd.concat([start, rows[list(start)]]).drop_duplicates("progress", keep="last")
        x, mean, std = points["progress"], points["mean"], points["std"]
        axes.fill_between(x, mean - std, mean + std, color=line["color"], **style.BAND)
        axes.plot(x, mean, **line)
    axes.set(xticks=(0, 0.5, 1), xticklabels=("0", "0.5", "1"))
