"""Which number of inputs N and exits K works: the paper's Figure 3."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from scipy.stats import t as student_t

from bench.figures import style
from bench.figures.layout import legend_below, note_below, three_digits
from bench.figures.numbers.pairs import Pair, measured_pairs, metric_pairs, stem_of
from bench.metrics.table import direction_of
from bench.records.frames import Frames
from bench.records.pareto import quality_of, seed_means
from bench.records.search_budget import budget_lines

Color: TypeAlias = tuple[float, float, float, float]

LOG = logging.getLogger(__name__)

_COLUMNS = 4  # The paper's range of N; a study with more inputs widens it.
_CELL = 0.82  # Side of a cell; the gap leaves room for the outlines of two regions.
_REGION = 0.455  # Half side of an outline around one cell: outside the cell, inside the pitch.


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """The cells of each dataset with runs that have N and K, in its main metrics.

    On test where configurations were tested, and of a search's trials on validation.
    """
    return _figures(frames, lambda task: [quality_of(task)])


def figures_in_all_pairs(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """The same for every pair of metrics."""
    return _figures(frames, metric_pairs)


def _figures(
    frames: Frames, pairs_of: Callable[[str], Iterable[Pair]]
) -> Iterator[tuple[str, Figure]]:
    runs, spent = frames.runs, budget_lines(frames.budgets)
    for dataset, rows in runs.groupby("dataset", sort=True):
        sae = rows[rows["n_inputs"].notna() & rows["n_exits"].notna()]
        tested = sae["run_id"].isin(sae.loc[sae["split"] == "test", "run_id"])
        if sae.empty:
            LOG.info("heatmap: nothing to show for %s, it has no SAE run with N and K", dataset)
            continue
        task = str(rows["task"].iloc[0])
        for pair in measured_pairs(sae, pairs_of(task)):
            stem = stem_of("heatmap", str(dataset), pair, task)
            for name, some in ((stem, sae[tested]), (f"{stem}_trials", sae[~tested])):
                if len(some):
                    figure = draw(some, pair)
                    note_below(figure, _note(some, pair[0], spent.get(str(dataset))))
                    yield name, figure


def _note(runs: pd.DataFrame, metric: str, spent: str | None) -> str:
    on_test = (runs["split"] == "test").any()
    split = "the test split" if on_test else "validation, of a search's trials"
    pooled = "widths and depths" if len(set(runs["depth"])) > 1 else "widths"
    text = (
        f"Mean over configurations on {split}; in brackets how many, {pooled} pooled. Best cell: "
        "on validation."
    )
    noise = cells(runs, metric)["noise"].iloc[0]
    if np.isfinite(noise):
        text += (
            " A colour scale is no narrower than what chance over seeds does to a cell (95%: "
            "\N{PLUS-MINUS SIGN} in its label)."
        )
    else:
        text += " One seed: what chance does to a cell is not known."
    return f"{text} {spent}" if spent else text


def cells(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """What each cell shows, index (K, N).

    Configurations without a value of the metric (undefined, or not finite) are not counted; a
    warning has their number.

    Args:
        runs: val and test rows, or val rows alone, of runs of one dataset with N and K.
        metric: key of the metric.

    Returns:
        Columns ``mean`` over configurations (of their mean over seeds) on test (without test rows
        on validation), ``count`` of configurations, ``val`` (the mean on validation) and ``noise``,
        the same for all cells: half the width of a 95% interval of a mean over seeds, from the
        variance over seeds within cells; NaN with a single seed.
    """
    shown = "test" if (runs["split"] == "test").any() else "val"
    keys = ["n_exits", "n_inputs"]
    tables = {}
    for split in (shown, "val"):
        rows = runs[runs["split"] == split]
        place = rows.groupby("config_id")[keys].first()
        means = place.join(seed_means(rows, [metric]).droplevel("dataset"))
        if split == shown and (missing := int(means[metric].isna().sum())):
            LOG.warning("heatmap: %d configurations have no value of %s", missing, metric)
        tables[split] = means.groupby(keys, sort=True)[metric].agg(["mean", "count"])
    table = tables[shown].assign(
        val=tables["val"]["mean"], noise=_noise(runs[runs["split"] == shown], metric)
    )
    return table[table["count"] > 0]


def _noise(rows: pd.DataFrame, metric: str) -> float:
    """The half width of a cell's interval over seeds, from the pooled variance within cells."""
    by_seed = rows.groupby(["n_exits", "n_inputs", "seed"])[metric].mean()
    over_seeds = by_seed[np.isfinite(by_seed)].groupby(["n_exits", "n_inputs"])
    freedom = (over_seeds.size() - 1).clip(lower=0)
    if freedom.sum() == 0:
        return float("nan")
    squares = (over_seeds.var() * freedom).sum() / freedom.sum()
    error = np.sqrt(squares / over_seeds.size().max())
    return float(student_t.ppf(0.975, freedom.sum()) * error)


def scale_of(table: pd.DataFrame) -> Normalize:
    """The colour scale of cells: their range, widened to twice what chance does to one cell.

    Without it the full range of colours would stand for differences that another seed turns over.
    """
    finite = table["mean"][np.isfinite(table["mean"])]
    if finite.empty:
        return Normalize(0.0, 1.0)
    middle, half = (finite.max() + finite.min()) / 2, (finite.max() - finite.min()) / 2
    half = np.nanmax([half, 2 * table["noise"].iloc[0]])
    return Normalize(middle - half, middle + half)


def regions(columns: int, depth: int) -> dict[str, tuple[int, int, int, int]]:
    """The points of the SAE space as blocks of cells: first N, last N, first K, last K.

    Args:
        columns: Largest N.
        depth: D, the largest K. With D = 1 MIMO and MIMMO are one region, here called MIMO.
    """
    blocks = {
        "SE NN": (1, 1, 1, 1),
        "EE": (1, 1, 2, depth),
        "MIMO": (2, columns, 1, 1),
        "MIMMO": (2, columns, max(depth, 2), depth),
        "I/B": (2, columns, 2, depth - 1),
    }
    return {
        name: block
        for name, block in blocks.items()
        if block[0] <= block[1] and block[2] <= block[3]
    }


@style.fixed()
def draw(runs: pd.DataFrame, metrics: tuple[str, str] | None = None) -> Figure:
    """Mean metric of SAE's configurations for each N (columns) and K (rows), two metrics.

    Below the mean, in brackets, the number of configurations; an empty white cell has none. The
    cell that is best on validation is hatched, and yellow is the better end of both colour bars.
    All widths and depths share a cell, as in the paper; the outlines are those of the largest
    depth.

    Args:
        runs: Val and test rows (or val alone) of one dataset that have n_inputs and n_exits.
        metrics: Two metric keys; None takes the task's performance and calibration.

    Raises:
        ValueError: A metric that the task does not have.
    """
    task = str(runs["task"].iloc[0])
    depth = int(runs["depth"].max())
    columns = max(_COLUMNS, int(runs["n_inputs"].max()))
    blocks = regions(columns, depth)
    styles = style.category_styles(blocks)

    figure = style.page(1.1 + 0.48 * max(depth, 2))
    for axes, metric in zip(figure.subplots(1, 2), metrics or quality_of(task), strict=True):
        _panel(axes, cells(runs, metric), higher=direction_of(task, metric) == "higher",
               label=style.metric_label(task, metric))  # fmt: skip
        axes.set(
            xlim=(0.5, columns + 0.5), ylim=(0.5, depth + 0.5),
            xticks=range(1, columns + 1), yticks=range(1, depth + 1),
            xlabel="Inputs N", ylabel="Active exits K",
        )  # fmt: skip
        for name, block in blocks.items():
            axes.add_patch(_outline(block, styles[name]))
    depths = ", ".join(str(int(d)) for d in sorted(runs["depth"].unique()))
    split = "test" if (runs["split"] == "test").any() else "validation, trials of a search"
    figure.suptitle(f"{runs['dataset'].iloc[0]}, {split} (D = {depths})")
    handles = [
        Patch(
            facecolor="none",
            edgecolor=own.color,
            linestyle=own.linestyle,
            linewidth=1.5,
            label=name,
        )
        for name, own in styles.items()
    ]
    handles.append(Patch(facecolor="none", edgecolor="black", hatch=style.HATCH,
                         label="best on validation"))  # fmt: skip
    legend_below(figure, handles)
    return figure


def _panel(axes: Axes, table: pd.DataFrame, *, higher: bool, label: str) -> None:
    """Coloured cells with their numbers, and the colour bar."""
    # A mean NLL can be infinite: such a cell shows "inf" but sets neither the scale nor the best.
    finite = table["val"][np.isfinite(table["val"])]
    ranked = finite.sort_values(ascending=not higher, kind="stable")
    best = ranked.index[0] if len(ranked) else None
    scale, noise = scale_of(table), table["noise"].iloc[0] if len(table) else np.nan
    if np.isfinite(noise):
        label = f"{label} (\N{PLUS-MINUS SIGN} {noise:.2g})"
    colors = colormaps[style.HIGHER_IS_BETTER if higher else style.LOWER_IS_BETTER]
    for (k, n), mean, count in table[["mean", "count"]].itertuples():
        color = colors(scale(mean))
        _cell(axes, (n, k), color, hatch=style.HATCH if (k, n) == best else None)
        _number(axes, (n, k), f"{three_digits(mean)}\n({count})", color)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.figure.colorbar(ScalarMappable(scale, colors), ax=axes, label=label)


def _cell(axes: Axes, centre: tuple[int, int], color: Color, hatch: str | None) -> None:
    axes.add_patch(Rectangle(
        (centre[0] - _CELL / 2, centre[1] - _CELL / 2), _CELL, _CELL,
        facecolor=color, edgecolor="black" if hatch else "none", hatch=hatch,
    ))  # fmt: skip


def _number(axes: Axes, centre: tuple[int, int], text: str, color: Color) -> None:
    # The box keeps a hatch from crossing the digits.
    axes.text(
        *centre, text, color=style.ink_on(color), fontsize=style.SMALL,
        ha="center", va="center", linespacing=1.1,
        bbox={"facecolor": color, "edgecolor": "none", "pad": 0.8},
    )  # fmt: skip


def _outline(block: tuple[int, int, int, int], own: style.CategoryStyle) -> Rectangle:
    first_n, last_n, first_k, last_k = block
    return Rectangle(
        (first_n - _REGION, first_k - _REGION),
        last_n - first_n + 2 * _REGION,
        last_k - first_k + 2 * _REGION,
        facecolor="none", edgecolor=own.color, linestyle=own.linestyle, linewidth=1.5,
    )  # fmt: skip
