"""Measured time against FLOPs: where the count tells the time, and where it misleads."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from bench.console import command
from bench.figures import style
from bench.figures.layout import legend_below, note_below, point_handles, scale_axis, three_digits
from bench.records.frames import Frames
from bench.records.measurements import HIGH, LOW, MEASURES, machines_of

LOG = logging.getLogger(__name__)

# Rows of panels: alone a network's time is that of its calls, in a batch that of its arithmetic.
TIMES = ("onnx_latency_ms", "onnx_image_ms")


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """One figure for all datasets that were measured."""
    points = measured(frames.runs)
    if points.empty:
        LOG.info("latency: nothing to show, nothing was measured; see %s", command.line("latency"))
        return
    yield "latency", draw(points, style.category_styles(points["category"]))


def measured(runs: pd.DataFrame) -> pd.DataFrame:
    """One row for each measured configuration and cost, of its first seed."""
    if not set(TIMES) <= set(runs.columns):
        return runs.iloc[:0]
    rows = runs[runs[list(TIMES)].notna().all(axis=1)].sort_values("seed", kind="stable")
    return rows.drop_duplicates(["dataset", "config_id", "flops", "params"])


@style.fixed()
def draw(points: pd.DataFrame, styles: Mapping[str, style.CategoryStyle]) -> Figure:
    """Milliseconds an image against FLOPs: one image (above), a batch (below), by ONNX Runtime.

    A column is a dataset with its backbone. The line has one slope, time in proportion to FLOPs,
    and goes through the median configuration: a marker above it is slower than its FLOPs say.
    Bars are 95% intervals of the median. The number is Spearman's rank correlation: 1, and FLOPs
    put the networks in the order of their time.

    Args:
        points: As :func:`measured` returns them.
        styles: Style of each category.
    """
    groups = list(points.groupby(["dataset", "backbone"], sort=True))
    figure = style.page(4.2)
    panels = figure.subplots(len(TIMES), len(groups), sharex="col", squeeze=False)
    for column, ((dataset, backbone), rows) in enumerate(groups):
        for axes, key in zip(panels[:, column], TIMES, strict=True):
            _panel(axes, rows, key, styles)
        panels[0, column].set_title(f"{dataset}, {backbone}")
    for axes, key in zip(panels[:, 0], TIMES, strict=True):
        axes.set_ylabel(MEASURES[key].replace(", ", "\n"))
    for axes in panels[-1]:
        axes.set_xlabel("FLOPs")
    legend_below(figure, point_handles(styles, set(points["category"])))
    note_below(figure, _note(points))
    return figure


def _panel(
    axes: Axes, rows: pd.DataFrame, key: str, styles: Mapping[str, style.CategoryStyle]
) -> None:
    x, y = rows["flops"].to_numpy(dtype=float), rows[key].to_numpy(dtype=float)
    scale_axis(axes, "x", x)
    scale_axis(axes, "y", y)
    along = np.geomspace(x.min(), x.max(), 100)  # one axis may be logarithmic: then it is a curve
    axes.plot(along, along * np.median(y / x), **style.JOIN)
    low = np.fmin(rows[key + LOW].to_numpy(dtype=float), y)
    high = np.fmax(rows[key + HIGH].to_numpy(dtype=float), y)
    axes.errorbar(x, y, yerr=np.stack((y - low, high - y)), **style.BARS)
    for category, own in styles.items():
        some = rows[rows["category"] == category]
        axes.plot(
            some["flops"], some[key], linestyle="none", marker=own.marker, color=own.color,
            markersize=style.MARKER, **style.OUTLINED,
        )  # fmt: skip
    if len(rows) > 2:
        rho = float(spearmanr(x, y).statistic)
        axes.text(0.03, 0.97, f"rank corr. {three_digits(rho)}", va="top", transform=axes.transAxes)


def _note(points: pd.DataFrame) -> str:
    return (
        f"Measured on {machines_of(points)}; the line is time in proportion to FLOPs (fused "
        "multiply-adds)"
    )
