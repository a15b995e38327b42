"""Which categories rank better over datasets and metrics, and is that more than chance?

A critical-difference diagram (Demsar 2006): average ranks on a line; bars join what cannot be told
apart. Where blocks are too few, the figure has a note and no bars.
"""

from __future__ import annotations

import dataclasses
import logging
import textwrap
from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.figures import style
from bench.metrics.table import label_of
from bench.records.frames import Frames
from bench.records.selection import metric_of
from bench.statistics.friedman import RankTest, blocks, rank_test
from bench.statistics.improvement import improvements

LOG = logging.getLogger(__name__)

_ROW = 0.2  # Inches between the lines of two names.
_LETTERS = 120  # That fit the page in the size of the note.


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """Ranks over all datasets and metrics, and the probability of improvement."""
    tested = set(frames.runs.loc[frames.runs["split"] == "test", "dataset"])
    runs = frames.runs[frames.runs["dataset"].isin(tested)]
    test = rank_test(blocks(dataclasses.replace(frames, runs=runs))) if tested else None
    if test is None or test.ranks.notna().sum() < 2:
        LOG.info("ranks: nothing to show, no two categories have test results in common")
        return
    yield "ranks", draw(test)
    table = improvements(frames)
    if len(table):
        task = str(frames.runs["task"].iloc[0])
        metric = label_of(task, metric_of(task, frames.select)).replace(" (nats)", "")
        yield "improvement", draw_improvements(table, metric)


def cliques(ranks: pd.Series, critical_difference: float) -> list[tuple[float, float]]:
    """The widest spans of ranks that lie no further apart than the critical difference.

    Args:
        ranks: Average rank of each category.
        critical_difference: Of the test.

    Returns:
        First and last rank of each span with two or more categories; none lies within another.
    """
    ordered = sorted(map(float, ranks))
    spans: list[tuple[float, float]] = []
    reached = -1  # Last place of the former span.
    for first, rank in enumerate(ordered):
        last = max(i for i, other in enumerate(ordered) if other - rank <= critical_difference)
        if last > max(first, reached):
            spans.append((rank, ordered[last]))
            reached = last
    return spans


@style.fixed()
def draw(test: RankTest) -> Figure:
    """Average ranks on a line, 1 is best; thick bars join what the test does not tell apart.

    Args:
        test: As `bench.statistics.friedman.rank_test` returns it.
    """
    ranks = test.ranks.dropna().sort_values(kind="stable")
    n_left = (len(ranks) + 1) // 2
    difference = test.critical_difference if test.enough else None
    spans = [] if difference is None else cliques(ranks, difference)
    below = 0.35 + 0.12 * len(spans)  # Room between the line and the first name.
    note = textwrap.wrap(_note(test), _LETTERS)
    depth = below + _ROW * n_left

    figure = style.page(0.75 + depth + 0.13 * len(note))
    axes = figure.subplots()
    axes.set(xlim=(1, len(ranks)), ylim=(-depth, 0.25))
    axes.set_axis_off()
    _scale(axes, len(ranks))
    for i, (first, last) in enumerate(spans):
        y = -0.16 - 0.12 * i
        axes.plot((first - 0.03, last + 0.03), (y, y), color=style.INK, linewidth=2.5,
                  clip_on=False, solid_capstyle="butt", gid="clique")  # fmt: skip
    styles = style.category_styles(ranks.index)
    for i, (category, rank) in enumerate(ranks.items()):
        left = i < n_left
        row = i if left else len(ranks) - 1 - i
        _name(axes, str(category), float(rank), styles[str(category)],
              y=-below - _ROW * row, left=left, n=len(ranks))  # fmt: skip
    if difference is not None:
        _critical_difference(axes, difference)
    figure.supxlabel("\n".join(note), fontsize=style.SMALL)
    return figure


@style.fixed()
def draw_improvements(table: pd.DataFrame, metric: str) -> Figure:
    """Probability that a run of a category beats one of the reference, one line per category.

    Args:
        table: As `bench.statistics.improvement.improvements` returns it.
        metric: Label of the metric that is compared.
    """
    styles = style.category_styles(table["category"])
    rows = table.set_index("category").loc[list(styles)]
    n_datasets, unit = int(table["n_datasets"].max()), str(table["unit"].iloc[0])
    known = table["low"].notna().any()
    interval = f"Bars: 95% over {unit}s." if known else "Too few seeds for an interval."
    if known and unit == "seed":
        interval += " They do not say what another dataset would show."
    of_what = f"{n_datasets} dataset{'s' * (n_datasets != 1)}"
    note = textwrap.wrap(
        f"Test {metric}, pairs of runs of the chosen configurations, mean over {of_what}. "
        f"{interval}",
        _LETTERS // 2,
    )
    figure = style.column(0.85 + _ROW * len(rows) + 0.13 * len(note))
    axes = figure.subplots()
    axes.axvline(0.5, **style.GUIDE)
    for y, (category, own) in enumerate(styles.items()):
        row = rows.loc[category]
        axes.hlines(y, row["low"], row["high"], color=own.color, linewidth=1.2)
        axes.plot(row["probability"], y, marker=own.marker, color=own.color,
                  markersize=style.MARKER, linestyle="none", clip_on=False,
                  **style.OUTLINED)  # fmt: skip
    reference = table["reference"].iloc[0]
    axes.set(yticks=range(len(rows)), yticklabels=list(styles), xlim=(0, 1),
             xlabel=f"P(better than the {reference})")  # fmt: skip
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    figure.supxlabel("\n".join(note), fontsize=style.TINY)
    return figure


def _note(test: RankTest) -> str:
    blocks_of = f"{test.n_blocks} block{'s' * (test.n_blocks != 1)} (dataset and metric)"
    start = f"Average rank over {blocks_of}, 1 is best."
    end = f" Not ranked, a value is missing: {', '.join(test.left_out)}." if test.left_out else ""
    if not test.enough:
        return f"{start} No difference is claimed: {test.message}.{end}"
    return (
        f"{start} Friedman: χ² = {test.statistic:.2f}, p = {test.p:.2g}. Bars join categories that "
        "differ by no more than the critical difference (CD, Nemenyi, 5%). Metrics of one dataset "
        f"are not independent ({test.n_datasets} datasets here): p and CD are too small.{end}"
    )


def _scale(axes: Axes, n: int) -> None:
    axes.plot((1, n), (0, 0), color=style.INK, linewidth=0.8, clip_on=False)
    for rank in range(1, n + 1):
        axes.plot((rank, rank), (0, 0.05), color=style.INK, linewidth=0.8, clip_on=False)
        axes.text(rank, 0.07, str(rank), fontsize=style.SMALL, ha="center", va="bottom")


def _name(
    axes: Axes,
    category: str,
    rank: float,
    own: style.CategoryStyle,
    *,
    y: float,
    left: bool,
    n: int,
) -> None:
    """An elbow from the rank down to the name at the nearer edge."""
    edge = 1 - 0.02 * n if left else n + 0.02 * n
    axes.plot((rank, rank, edge), (0, y, y), color=style.DARK_GREY, linewidth=0.7, clip_on=False)
    # At the name, not on the line: there, equal ranks would hide each other.
    axes.plot(edge, y, marker=own.marker, color=own.color, markersize=style.MARKER,
              clip_on=False, label=category, **style.OUTLINED)  # fmt: skip
    text = f"{category}  {rank:.2f}" if left else f"{rank:.2f}  {category}"
    axes.text(edge - 0.018 * n * (1 if left else -1), y, text, ha="right" if left else "left",
              va="center", fontsize=style.SMALL)  # fmt: skip


def _critical_difference(axes: Axes, width: float) -> None:
    y = 0.23
    axes.plot((1, 1 + width), (y, y), color=style.INK, linewidth=1.2, marker="|",
              markersize=style.MARKER, clip_on=False, gid="critical difference")  # fmt: skip
    axes.text(1 + width / 2, y + 0.03, f"CD = {width:.2f}", fontsize=style.SMALL, ha="center")
