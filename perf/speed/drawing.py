"""The figure of the record, in print size: whole jobs, share of the peak, how cost grows."""

from __future__ import annotations

import statistics
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from perf.speed.part import Records
from perf.speed.whole_job import JOBS

STYLE: Any = {"font.size": 7, "axes.spines.top": False, "axes.spines.right": False}


def draw(records: Records) -> Figure:
    """Three panels of a page's width; one that was not measured is marked so."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.9, 2.4), layout="constrained")
        jobs, steps, growth = figure.subplots(1, 3, width_ratios=(5, 3, 5))
        _jobs(jobs, {name: records[name]["data"] for name in JOBS if name in records})
        _steps(steps, records.get("step", {}).get("data", {}).get("shares", {}))
        _growth(growth, records.get("growth", {}).get("data", {}).get("epoch_s", {}))
        figure.canvas.draw()  # with these fonts
    return figure


def _jobs(axes: Axes, data: dict[str, Any]) -> None:
    """Seconds of every side relative to ours."""
    sides = list(dict.fromkeys(side for each in data.values() for side in each["seconds"]))
    width = 0.8 / max(len(sides), 1)
    for index, side in enumerate(sides):
        walls = [(place, each["seconds"]) for place, each in enumerate(data.values())]
        known = [(place, taken) for place, taken in walls if side in taken]
        ratios = [
            statistics.median(taken[side]) / statistics.median(taken[sides[0]])
            for _, taken in known
        ]
        places = [place + (index + 0.5) * width - 0.4 for place, _ in known]
        axes.bar_label(axes.bar(places, ratios, width, label=side), fmt="%.1f", fontsize=6)
    axes.set_xticks(range(len(data)), [f"{name}\n{each['label']}" for name, each in data.items()])
    axes.set_ylabel("Whole job, time relative to ours")
    _finish(axes, bool(data))


def _steps(axes: Axes, shares: dict[str, float]) -> None:
    """Share of the matmul peak that a training step reaches, by network."""
    axes.bar_label(axes.bar(list(shares), list(shares.values())), fmt="%.0f", fontsize=6)
    axes.set_ylabel("Training step, % of the matmul peak")
    _finish(axes, bool(shares), legend=False)


def _growth(axes: Axes, curves: dict[str, dict[str, float]]) -> None:
    """Seconds of an epoch relative to the smallest size."""
    for letter, curve in curves.items():
        sizes = [float(size) for size in curve]
        first = next(iter(curve.values()))
        relative = [size / sizes[0] for size in sizes]
        axes.plot(relative, [s / first for s in curve.values()], "o-", label=letter, markersize=3)
    axes.set(xlabel="Size, relative to the smallest", ylabel="Epoch, time relative")
    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_locator(NullLocator())
    axes.set_xticks([1, 2, 4, 8])
    axes.set_yticks([1, 2, 4])
    _finish(axes, bool(curves))


def _finish(axes: Axes, measured: bool, *, legend: bool = True) -> None:
    if not measured:
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes)
    elif legend:  # above the axes: no bar or line lies below it
        axes.legend(
            frameon=False, fontsize=6, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0),
            columnspacing=1, handlelength=1.2,
        )  # fmt: skip
