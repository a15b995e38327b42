"""How SAE's settings relate to each metric: rank correlations and importances."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench.figures import style
from bench.metrics.table import metrics_for
from bench.records.frames import Frames
from bench.statistics.effects import FEWEST, SETTINGS, effects

LOG = logging.getLogger(__name__)

SIGNIFICANT = 0.05
_SCALE = Normalize(-1, 1)
_HALF = 0.48  # Half the side of a cell.
_BAR = 0.8  # Length of the bar of an importance of 1.
_NOTE = (
    "Below rho its 95% interval; bold: not 0 at 5%, corrected for all cells. Line at the foot: "
    "importance of the setting for the metric, if more than chance gives; the thin line is 1."
)
_FEW = (
    f"Of fewer than {FEWEST} configurations nothing is concluded: rho has neither an interval nor "
    "a test, and large ones come about by chance."
)


class Effect(NamedTuple):
    """One cell."""

    rho: float
    low: float
    high: float
    p_holm: float
    importance: float
    null: float
    r2: float

    @property
    def is_told(self) -> bool:
        """Is the importance more than permuted metrics have, of a forest that predicts?"""
        return self.importance > self.null and self.r2 > 0


def figures(frames: Frames) -> Iterator[tuple[str, Figure]]:
    """One figure for each dataset with SAE runs that differ in a setting."""
    tasks = frames.runs.groupby("dataset")["task"].first()
    found = effects(frames)
    for dataset in sorted(tasks.index):
        table = found[found["dataset"] == dataset] if len(found) else found
        if len(table):
            table = table[np.isfinite(table[["rho", "importance"]]).any(axis=1)]
        if table.empty:
            LOG.info("effects: nothing to show for %s, SAE's settings do not vary enough", dataset)
            continue
        yield f"effects_{dataset}", draw(table, str(tasks[dataset]))


def shown_metrics(task: str) -> list[str]:
    """Metrics in table order; temperature-scaled twins would double the columns."""
    return [metric.name for metric in metrics_for(task)]


@style.fixed()
def draw(table: pd.DataFrame, task: str) -> Figure:
    """Spearman's rho of each setting (rows) with each metric (columns).

    Colour and large number: rho; in brackets its 95% interval, bold where rho is not 0 at 5% after
    Holm's correction for all cells. The thick line at the foot of a cell is the importance of the
    setting for the metric, where it is more than chance gives; the thin one is 1. A row without
    rho is what N and K do together.

    Args:
        table: Rows of `bench.statistics.effects.effects` of one dataset.
        task: "classification" or "regression".
    """
    settings = [s for s in SETTINGS if s in set(table["setting"])]
    settings += sorted(set(table["setting"]) - set(settings))
    metrics = [m for m in shown_metrics(task) if m in set(table["metric"])]
    figure = style.page(1.25 + 0.36 * len(settings))
    axes = figure.subplots()
    colors = colormaps[style.SIGNED]
    for row in table.to_dict("records"):
        if row["metric"] in metrics and np.isfinite([row["rho"], row["importance"]]).any():
            centre = metrics.index(row["metric"]), settings.index(row["setting"])
            _cell(axes, centre, Effect(**{key: row[key] for key in Effect._fields}), colors)
    axes.set(
        xlim=(-0.5, len(metrics) - 0.5), ylim=(len(settings) - 0.5, -0.5),
        xticks=range(len(metrics)), yticks=range(len(settings)),
        title=f"{table['dataset'].iloc[0]} (SAE, n = {int(table['n'].max())} configurations)",
    )  # fmt: skip
    axes.set_xticklabels([_label(task, m) for m in metrics], rotation=35, ha="right",
                         rotation_mode="anchor")  # fmt: skip
    axes.set_yticklabels([SETTINGS.get(s, s).replace("alpha", r"$\alpha$") for s in settings])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    figure.supxlabel(_NOTE if table["low"].notna().any() else _FEW, fontsize=style.TINY)
    figure.colorbar(ScalarMappable(_SCALE, colors), ax=axes, label=r"Spearman's $\rho$", pad=0.01)
    return figure


def _cell(axes: Axes, centre: tuple[int, int], row: Effect, colors: Colormap) -> None:
    """Coloured square, its numbers, and the bar of the importance at its foot."""
    x, y = centre
    color = colors(_SCALE(row.rho if np.isfinite(row.rho) else 0.0))
    axes.add_patch(Rectangle((x - _HALF, y - _HALF), 2 * _HALF, 2 * _HALF, facecolor=color))
    ink = style.ink_on(color)
    weight = "bold" if row.p_holm < SIGNIFICANT else "normal"
    if np.isfinite(row.rho):
        axes.text(x, y - 0.16, _number(row.rho), color=ink, fontsize=style.SMALL, weight=weight,
                  ha="center", va="center")  # fmt: skip
    if np.isfinite([row.low, row.high]).all():
        axes.text(x, y + 0.15, f"[{_number(row.low)}, {_number(row.high)}]", color=ink,
                  fontsize=style.TINIEST, ha="center", va="center")  # fmt: skip
    if row.is_told:
        share = float(np.clip(row.importance, 0, 1))
        start, foot = x - _BAR / 2, y + 0.36
        axes.plot((start, start + _BAR), (foot, foot), color=ink, linewidth=0.4)
        axes.plot((start, start + share * _BAR), (foot, foot), color=ink, linewidth=2.2,
                  solid_capstyle="butt", gid="importance")  # fmt: skip


def _number(value: float) -> str:
    """Two decimals; a number below 1 has no leading zero."""
    # Adding 0 to what was rounded: there is no minus zero.
    return f"{round(value, 2) + 0.0:.2f}".replace("0.", ".", 1).replace("-", "\N{MINUS SIGN}")


def _label(task: str, metric: str) -> str:
    # Rank correlations have no unit.
    return style.metric_label(task, metric).replace(" (nats)", "")
