"""Expected best validation value of a search after a number of trials or core-seconds."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import pandas as pd
from matplotlib.figure import Figure

from bench.figures import style
from bench.figures.layout import legend_below, line_handle, note_below, scale_axis
from bench.figures.search_progress import method_styles
from bench.records.frames import Frames
from bench.statistics.expected_validation import expected_validation

LOG = logging.getLogger(__name__)

_NOTE = (
    "Expected best of so many random trials (Dodge et al. 2019), each configuration of the search "
    "once; band: 95% of the bests. A sampler that learns finds its own better ones late: the "
    "curve is that of random search. Seconds: mean of the method's trials."
)


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """One figure for each dataset that was searched."""
    table = expected_validation(frames)
    if table.empty:
        LOG.info("expected_validation: nothing to show, the results folder has no trials")
        return
    tasks = frames.runs.groupby("dataset")["task"].first()
    styles = method_styles(frames.runs)
    for dataset, rows in table.groupby("dataset", sort=True):
        if dataset in tasks.index:
            yield f"expected_validation_{dataset}", draw(rows, str(tasks[dataset]), styles)


@style.fixed()
def draw(table: pd.DataFrame, task: str, styles: Mapping[str, style.CategoryStyle]) -> Figure:
    """Expected validation value against trials (left) and core-seconds (right), a line per method.

    Args:
        table: rows of `bench.statistics.expected_validation.expected_validation` of one dataset.
        task: of the dataset.
        styles: of each method; others take spare styles.
    """
    present = set(table["method"])
    styles = {**styles, **style.category_styles(present - set(styles))}
    figure = style.page(2.9)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, x in zip(panels, ("trials", "core_seconds"), strict=True):
        for method in (name for name in styles if name in present):
            own, rows = styles[method], table[table["method"] == method]
            axes.fill_between(rows[x], rows["low"], rows["high"], color=own.color, **style.BAND)
            axes.plot(rows[x], rows["expected"], color=own.color, linestyle=own.linestyle)
            axes.plot(rows[x].iloc[-1], rows["expected"].iloc[-1], marker=own.marker,
                      color=own.color, markersize=style.LINE_MARKER)  # fmt: skip
        scale_axis(axes, "x", table[x])
    scale_axis(panels[0], "y", table[["low", "high"]])
    label = style.metric_label(task, str(table["metric"].iloc[0]))
    panels[0].set(xlabel="Trials", ylabel=f"Validation {label}")
    panels[1].set(xlabel="Core-seconds of training and validation")
    figure.suptitle(str(table["dataset"].iloc[0]))
    legend_below(figure, [line_handle(m, own) for m, own in styles.items() if m in present])
    note_below(figure, _NOTE)
    return figure
