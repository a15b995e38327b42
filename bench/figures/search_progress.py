"""Does a search find more with more trials, and with more time? Hypervolume on validation."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import pandas as pd
from matplotlib.figure import Figure

from bench.figures import style
from bench.figures.layout import legend_below, line_handle, note_below, scale_axis
from bench.records.costs import COSTS
from bench.records.frames import Frames
from bench.records.search_budget import budget_lines
from bench.records.search_progress import read_progress

LOG = logging.getLogger(__name__)


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """One figure for each dataset that was searched, and each set of costs."""
    table = read_progress(frames.root) if frames.root is not None else pd.DataFrame()
    if table.empty:
        LOG.info("search_progress: nothing to show, the results folder has no trials of a search")
        return
    styles, spent = method_styles(frames.runs), budget_lines(frames.budgets)
    for (dataset, costs), rows in table.groupby(["dataset", "costs"], sort=True):
        figure = draw(rows, styles)
        note_below(figure, spent.get(str(dataset)))
        # FLOPs and parameters go without saying.
        suffix = "" if costs == ",".join(COSTS) else "_" + str(costs).replace(",", "_")
        yield f"search_progress_{dataset}{suffix}", figure


def method_styles(runs: pd.DataFrame) -> dict[str, style.CategoryStyle]:
    """The style of each method, where categories are not told apart.

    A method of a single category has its style; one of several (SAE) takes a spare one.

    Args:
        runs: Columns method and category.
    """
    by_method = runs.groupby("method", sort=True)["category"].agg(set)
    names = {
        str(method): min(categories) if len(categories) == 1 else str(method)
        for method, categories in by_method.items()
    }
    styles = style.category_styles(names.values())
    return {
        method: styles[names[method]]
        for method in sorted(names, key=lambda method: list(styles).index(names[method]))
    }


@style.fixed()
def draw(table: pd.DataFrame, styles: Mapping[str, style.CategoryStyle]) -> Figure:
    """Hypervolume against the number of trials (left) and core-seconds (right), a line per search.

    Args:
        table: Rows of `bench.search.progress.progress` of one dataset.
        styles: Style of each method; others take spare styles.
    """
    styles = {**styles, **style.category_styles(set(table["method"]) - set(styles))}
    figure = style.page(2.9)
    trials, seconds = figure.subplots(1, 2, sharey=True)
    handles = []
    for study in sorted(set(table["study"]), key=lambda name: _place(table, name, styles)):
        rows = table[table["study"] == study]
        method, sampler = rows["method"].iloc[0], rows["sampler"].iloc[0]
        own = styles[method]
        for axes, x in ((trials, "trial"), (seconds, "core_seconds")):
            # What was found stays until more is found.
            axes.step(rows[x], rows["hypervolume"], where="post",
                      color=own.color, linestyle=own.linestyle)  # fmt: skip
            axes.plot(rows[x].iloc[-1], rows["hypervolume"].iloc[-1], marker=own.marker,
                      color=own.color, markersize=style.LINE_MARKER)  # fmt: skip
        handles.append(line_handle(f"{method} ({sampler})", own))
    trials.set(xlabel="Trials", ylabel="Hypervolume (share of box) \N{UPWARDS ARROW}")
    trials.set_ylim(bottom=0)
    seconds.set(xlabel="Core-seconds of training and validation")
    scale_axis(seconds, "x", table["core_seconds"])
    figure.suptitle(
        f"{table['dataset'].iloc[0]}: {table['n_objectives'].iloc[0]} objectives on validation"
    )
    legend_below(figure, handles)
    return figure


def _place(
    table: pd.DataFrame, study: str, styles: Mapping[str, style.CategoryStyle]
) -> tuple[int, str]:
    """Order of the legend: by method, then by name."""
    return list(styles).index(table.loc[table["study"] == study, "method"].iloc[0]), study
