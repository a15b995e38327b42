"""How cost grows with inputs, exits, width, depth and members: all configurations that were run."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from bench.figures import style
from bench.figures.layout import legend_below, point_handles, scale_axis
from bench.figures.numbers.costs import COSTS, configurations, families
from bench.records.frames import Frames

LOG = logging.getLogger(__name__)

_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "n_inputs": "Inputs N",
        "n_exits": "Exits K",
        "n_members": "Members M",
        "width": "Width W",
        "depth": "Depth D",
    }
)
_LABELS: Mapping[str, str] = MappingProxyType(
    {"flops": style.FLOPS_LABEL, "params": style.PARAMS_LABEL}
)


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """One figure for each dataset where some configurations differ in one setting alone."""
    styles = style.category_styles(frames.runs["category"])
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        table = configurations(runs)
        if not varied(table):
            LOG.info("scaling: nothing to show for %s, no setting was varied alone", dataset)
            continue
        yield f"scaling_{dataset}", draw(table, styles, str(dataset))


def varied(table: pd.DataFrame) -> list[str]:
    """The settings that some configurations of a method differ in, and in nothing else."""
    return [name for name in _SETTINGS if name in table.columns and families(table, name)]


@style.fixed()
def draw(table: pd.DataFrame, styles: Mapping[str, style.CategoryStyle], title: str) -> Figure:
    """FLOPs (above) and parameters (below) against each setting that was varied.

    A marker is a configuration, of the deployed network; a line joins those of a method that
    differ in this setting alone (where several have one value, it goes through their mean).

    Args:
        table: As `numbers.costs.configurations` returns it.
        styles: Style of each category.
        title: The dataset.
    """
    settings = varied(table)
    figure = style.page(4.5)
    panels = figure.subplots(2, len(settings), sharey="row", sharex="col", squeeze=False)
    for row, cost in zip(panels, COSTS, strict=True):
        for axes, setting in zip(row, settings, strict=True):
            _panel(axes, table, (setting, cost), styles)
        scale_axis(row[0], "y", table[cost])
        row[0].set_ylabel(_LABELS[cost])
    for axes, setting in zip(panels[-1], settings, strict=True):
        axes.set_xlabel(_SETTINGS[setting])
    figure.suptitle(title)
    shown = pd.concat([rows for name in settings for rows in families(table, name)])
    handles = point_handles(styles, set(shown["category"]))
    legend_below(figure, [*handles, Line2D([], [], label="differ in this alone", **style.JOIN)])
    return figure


def _panel(
    axes: Axes,
    table: pd.DataFrame,
    pair: tuple[str, str],
    styles: Mapping[str, style.CategoryStyle],
) -> None:
    setting, cost = pair
    joined = families(table, setting)
    for rows in joined:
        axes.plot(rows.groupby(setting, sort=True)[cost].mean(), **style.JOIN)
    shown = pd.concat(joined)
    for category, own in styles.items():
        rows = shown[shown["category"] == category]
        axes.plot(rows[setting], rows[cost], linestyle="none", marker=own.marker,
                  color=own.color, markersize=style.LINE_MARKER, **style.OUTLINED)  # fmt: skip
    values = sorted(shown[setting].unique())
    if values[-1] > 10:  # Widths double from one to the next.
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator(values))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.margins(x=0.15)
