"""The figure of the record: whole jobs, the parts of a step, and how cost grows."""

from __future__ import annotations

import statistics
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perf.speed.part import Records

JOBS = ("pneumonia", "blood", "retina")


def draw(records: Records) -> Figure:
    """Three panels; one that was not measured says so."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    jobs, steps, growth = figure.subplots(1, 3)
    _jobs(jobs, {name: records[name]["data"] for name in JOBS if name in records})
    _steps(steps, records.get("step", {}).get("data", {}))
    _growth(growth, records.get("growth", {}).get("data", {}))
    return figure


def _jobs(axes: Axes, data: dict[str, Any]) -> None:
    """Seconds of every side relative to ours."""
    sides = list(dict.fromkeys(side for each in data.values() for side in each["seconds"]))
    width = 0.8 / max(len(sides), 1)
    for index, side in enumerate(sides):
        for place, each in enumerate(data.values()):
            walls = each["seconds"]
            if side in walls:
                ratio = statistics.median(walls[side]) / statistics.median(walls[sides[0]])
                bar = axes.bar(
                    place + index * width, ratio, width, color=f"C{index}",
                    label=side if place == 0 else None,
                )  # fmt: skip
                axes.bar_label(bar, fmt="%.1f", fontsize=6)
    labels = [f"{name}\n{each['label']}" for name, each in data.items()]
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(data))], labels, fontsize=7)
    axes.set(title="Whole job", ylabel="Time relative to ours")
    _finish(axes, bool(data))


def _steps(axes: Axes, data: dict[str, Any]) -> None:
    """Percent of a step by part, and the share of the matmul peak above."""
    networks = data.get("networks", {})
    bottoms = dict.fromkeys(networks, 0.0)
    parts = list(dict.fromkeys(part for each in networks.values() for part in each["parts"]))
    for part in parts:
        for name, each in networks.items():
            share = 100 * each["parts"][part] / sum(each["parts"].values())
            axes.bar(
                name, share, bottom=bottoms[name], color=f"C{parts.index(part)}",
                label=part if name == next(iter(networks)) else None,
            )  # fmt: skip
            bottoms[name] += share
    for name, each in networks.items():
        peak = 100 * each["flops"] / each["step"] / each["peak_flops"]
        axes.text(name, 101, f"{peak:.0f}%", ha="center", fontsize=6)
    axes.set(title="A training step (above: of the matmul peak)", ylabel="Percent of the step")
    axes.set_ylim(0, 108)
    _finish(axes, bool(networks))


def _growth(axes: Axes, data: dict[str, Any]) -> None:
    """Seconds of an epoch relative to the smallest size."""
    curves = data.get("epoch_s", {})
    for letter, curve in curves.items():
        sizes = [float(size) for size in curve]
        first = next(iter(curve.values()))
        axes.plot(
            [size / sizes[0] for size in sizes], [s / first for s in curve.values()], "o-",
            label=letter, markersize=3,
        )  # fmt: skip
    axes.set(
        title="Growth of training time", xlabel="Size, relative", ylabel="Time, relative",
        xscale="log", yscale="log",
    )  # fmt: skip
    _finish(axes, bool(curves))


def _finish(axes: Axes, measured: bool) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    if measured:
        axes.legend(frameon=False, fontsize=6)
    else:
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes)
