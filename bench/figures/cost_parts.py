"""Which part of a network costs what: FLOPs of stem, stages and exit heads."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench.figures import style
from bench.figures.layout import legend_below, scale_axis
from bench.figures.numbers.costs import by_part
from bench.records.frames import Frames

LOG = logging.getLogger(__name__)


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """One figure for each dataset with validation results."""
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        chosen = frames.chosen(runs)
        parts = frames.parts[frames.parts["config_id"].isin(chosen["config_id"])]
        if parts.empty:
            LOG.info("cost_parts: nothing to show for %s, no cost by part is known", dataset)
            continue
        labels = parts.groupby("config_id")["label"].first()
        # Cheapest first, as in the summary table.
        names = {
            config_id: f"{category}  {labels[config_id]}"
            for category, config_id in chosen.itertuples(index=False)
            if config_id in labels
        }
        table = by_part(parts).loc[list(names)].rename(index=names)
        yield f"cost_parts_{dataset}", draw(table, str(dataset))


@style.fixed()
def draw(table: pd.DataFrame, title: str) -> Figure:
    """Stacked bars: one row per configuration, one segment per part.

    Passes, tiles and members count as often as they are computed: they widen the bar.

    Args:
        table: A row a configuration with its name as index, a column a part, FLOPs of one image.
        title: The dataset.
    """
    figure = style.page(0.85 + 0.2 * len(table))
    axes = figure.subplots()
    fills = style.part_fills(len(table.columns))
    start = pd.Series(0.0, index=table.index)
    for part, fill in zip(table.columns, fills, strict=True):
        axes.barh(range(len(table)), table[part], left=start, height=0.7, label=part, **fill)
        start = start + table[part]
    axes.set(yticks=range(len(table)), xlabel=style.FLOPS_LABEL, title=title)
    axes.set_yticklabels(table.index)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    scale_axis(axes, "x", [0.0, *start])
    handles = [Patch(label=part, **fill) for part, fill in zip(table.columns, fills, strict=True)]
    legend_below(figure, handles)
    return figure
