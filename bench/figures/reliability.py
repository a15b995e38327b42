"""Do predicted probabilities mean what they say? Reliability diagrams, clean and under shift."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.figures import style
from bench.figures.layout import legend_below
from bench.figures.numbers.reliability import curve, tally
from bench.metrics.calibration import N_BINS
from bench.metrics.predictive import Predictive
from bench.metrics.table import label_of
from bench.records.frames import Frames
from bench.statistics.predictions import shifted, stored

LOG = logging.getLogger(__name__)

_COLUMNS = 5
_ROOM = (-0.03, 1.03)  # Markers at 0 and 1 are shown whole.
CLEAN, SHIFT = "clean test set", "under shift (all corruptions and severities)"
_SHORT = MappingProxyType({CLEAN: "clean", SHIFT: "shift"})
_SERIES = MappingProxyType({CLEAN: style.FIRST, SHIFT: style.SECOND})


@dataclass(frozen=True, kw_only=True)
class Wording:
    """What a task's diagram calls its axes and its error."""

    stated: str
    observed: str
    error: str
    has_shares: bool


WORDING: Mapping[str, Wording] = MappingProxyType(
    {
        "classification": Wording(
            stated="Confidence", observed="Accuracy", error="ece", has_shares=True
        ),
        "regression": Wording(
            stated="Nominal coverage",
            observed="Empirical coverage",
            error="coverage_error",
            has_shares=False,
        ),
    }
)


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """One figure for each dataset whose predictions are stored."""
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        table = curves(frames, runs)
        if table.empty:
            LOG.info("reliability: nothing to show for %s, no predictions are stored", dataset)
            continue
        yield f"reliability_{dataset}", draw(table, str(runs["task"].iloc[0]))


def curves(frames: Frames, runs: pd.DataFrame) -> pd.DataFrame:
    """Reliability curves of each category's configuration, pooled over its seeds.

    Args:
        frames: All records, with their predictions.
        runs: The rows of ``frames.runs`` of one dataset.

    Returns:
        Columns dataset, category, series (`CLEAN`, `SHIFT`), error (mean over seeds of the
        recorded calibration error) and those of `numbers.reliability.curve`. Without predictions
        no rows; without corruptions, or from compact records, no rows of that series.
    """
    task, dataset = str(runs["task"].iloc[0]), str(runs["dataset"].iloc[0])
    error = WORDING[task].error
    parts = []
    for category, config_id in frames.chosen(runs).itertuples(index=False):
        rows = runs[runs["config_id"] == config_id]
        for series, split in ((CLEAN, "test"), (SHIFT, "ood")):
            some = rows[rows["split"] == split]
            if frames.root is None or some.empty:
                continue
            run_ids = sorted(some["run_id"].unique())
            predictives = _predictions(frames.root, run_ids, split)
            first = next(predictives, None)
            if first is None:  # compact records have none under corruption
                LOG.info("reliability: %s of %s has no predictions %s", category, dataset, series)
                continue
            parts.append(
                curve(tally(itertools.chain([first], predictives))).assign(
                    dataset=dataset,
                    category=category,
                    series=series,
                    error=float(some[error].mean()),
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _predictions(root: Path, run_ids: Sequence[str], split: str) -> Iterator[Predictive]:
    for run_id in run_ids:
        if split == "test":
            yield stored(root, run_id, "test")
        else:
            yield from (predictive for *_, predictive in shifted(root, run_id))


@style.fixed()
def draw(table: pd.DataFrame, task: str) -> Figure:
    """A panel a category: stated confidence against accuracy, below it how often it was stated.

    Regression: nominal against empirical coverage of central intervals. Points pool the seeds of
    the category's configuration; bars are 95% intervals for the number of distinct images. On the
    dotted line, predictions mean what they say; below it, they promise too much.

    Args:
        table: As `curves` returns it.
        task: "classification" or "regression".
    """
    wording = WORDING[task]
    styles = style.category_styles(table["category"])
    n_columns = min(len(styles), _COLUMNS)
    n_rows = math.ceil(len(styles) / n_columns)
    figure = style.page(0.75 + n_rows * (1.95 if wording.has_shares else 1.6))
    heights = (3, 1) if wording.has_shares else (1,)
    grid = figure.add_gridspec(len(heights) * n_rows, n_columns, height_ratios=heights * n_rows)
    # Two classes never have a top confidence below a half: no empty left side.
    lowest = 0.5 if table["stated"].min() >= 0.5 else 0.0
    most = math.ceil(10 * table["share"].max()) / 10
    for i, category in enumerate(styles):
        row, column = divmod(i, n_columns)
        rows = table[table["category"] == category]
        axes = lowest_axes = figure.add_subplot(grid[len(heights) * row, column])
        _curves(axes, rows, label_of(task, wording.error))
        axes.set(ylim=_ROOM, yticks=(0, 0.5, 1), ylabel=wording.observed if column == 0 else "")
        # Two lines of errors stand between the title and the panel, where no data are.
        axes.set_title(category, pad=2 * style.SMALL + 3)
        if wording.has_shares:
            lowest_axes = figure.add_subplot(grid[2 * row + 1, column])
            _shares(lowest_axes, rows)
            lowest_axes.set(ylabel="Share" if column == 0 else "", ylim=(0, most), yticks=(0, most))
        for each in {axes, lowest_axes}:
            each.set(xlim=(lowest, 1), xticks=(lowest, (lowest + 1) / 2, 1))
            each.tick_params(labelleft=column == 0, labelbottom=each is lowest_axes)
        lowest_axes.set_xlabel(wording.stated if i + n_columns >= len(styles) else "")
    figure.suptitle(str(table["dataset"].iloc[0]))
    present = [name for name in _SERIES if name in set(table["series"])]
    handles = [
        Line2D([], [], label=name, markersize=style.LINE_MARKER, **_SERIES[name])
        for name in present
    ]
    legend_below(figure, [*handles, Line2D([], [], label="perfect", **style.GUIDE)])
    return figure


def _curves(axes: Axes, rows: pd.DataFrame, error_label: str) -> None:
    axes.plot((0, 1), (0, 1), **style.GUIDE)
    for line, (name, own) in enumerate(_SERIES.items()):
        points = rows[rows["series"] == name]
        if points.empty:
            continue
        axes.vlines(points["stated"], points["low"], points["high"], color=own["color"], lw=0.7)
        axes.plot(
            points["stated"],
            points["observed"],
            markersize=style.SMALL_MARKER,
            lw=1,
            **own,
        )
        axes.annotate(
            f"{error_label} {points['error'].iloc[0]:.3f} {_SHORT[name]}", xy=(0.5, 1),
            xycoords="axes fraction", xytext=(0, 2 + (1 - line) * style.SMALL),
            textcoords="offset points", ha="center", color=own["color"], fontsize=style.TINY,
        )  # fmt: skip


def _shares(axes: Axes, rows: pd.DataFrame) -> None:
    """Share of the predictions in each bin: filled on the clean test set, outlined under shift."""
    for name, own in _SERIES.items():
        points = rows[rows["series"] == name]
        axes.bar(
            points["point"] / N_BINS, points["share"], width=1 / N_BINS, align="edge",
            facecolor=own["color"] if name == CLEAN else "none", alpha=0.5 if name == CLEAN else 1,
            edgecolor="none" if name == CLEAN else own["color"], linewidth=0.8,
        )  # fmt: skip
