"""Leaderboards: each category's chosen configuration, with intervals and differences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import pandas as pd

from bench.figures.style import metric_label
from bench.formatting import cells
from bench.metrics.table import direction_of
from bench.records.costs import COSTS
from bench.report.rounding import decimals
from bench.report.study import Study
from bench.report.tables import Cell, Row, Table
from bench.statistics.differences import differences
from bench.statistics.influence import Split
from bench.statistics.intervals import intervals
from bench.tables.summary import COLUMNS

SPLITS: tuple[Split, ...] = ("test", "ood")
# Whom the others are compared with: the network alone, and what hardware-efficient ones imitate.
REFERENCES = ("Standard NN", "NN Ensemble")
VALUES = "values"
SIGNIFICANT = 0.05


@dataclass(frozen=True, kw_only=True)
class Board:
    """One leaderboard: which choices it answers to, and its table."""

    dataset: str
    split: str
    view: str
    table: Table


def leaderboards(study: Study, dataset: str) -> Iterator[Board]:
    """For each split the values, and the differences to each reference that was run."""
    runs = study.runs(dataset)
    chosen = study.frames.chosen(runs)
    ids = list(chosen["config_id"])
    for split in SPLITS:
        rows = intervals(study.frames, ids, splits=(split,), metrics=_metrics(runs, split))
        if not rows.empty:
            yield _board(runs, chosen, rows, split, VALUES)
    for reference in REFERENCES:
        if reference not in set(chosen["category"]):
            continue
        reference_id = chosen.set_index("category")["config_id"][reference]
        others = [config_id for config_id in ids if config_id != reference_id]
        if not others:
            continue
        for split in SPLITS:
            metrics = _metrics(runs, split)
            rows = differences(study.frames, others, reference_id, splits=(split,), metrics=metrics)
            if not rows.empty:
                yield _board(runs, chosen, rows, split, reference)


def _metrics(runs: pd.DataFrame, split: str) -> list[str]:
    return [metric for of, metric in COLUMNS[str(runs["task"].iloc[0])] if of == split]


def _board(
    runs: pd.DataFrame, chosen: pd.DataFrame, numbers: pd.DataFrame, split: str, view: str
) -> Board:
    dataset, task = str(runs["dataset"].iloc[0]), str(runs["task"].iloc[0])
    metrics = _metrics(runs, split)
    by_metric = {
        metric: numbers[numbers["metric"] == metric].set_index("config_id") for metric in metrics
    }
    columns = {
        metric: _values(task, metric, rows) if view == VALUES else _gaps(task, metric, rows)
        for metric, rows in by_metric.items()
    }
    labels = [metric_label(task, metric).replace(" (nats)", "") for metric in metrics]
    what = {"test": "Test split", "ood": "Under shift"}[split]
    versus = "" if view == VALUES else f", difference to {view}"
    return Board(
        dataset=dataset,
        split=split,
        view=view,
        table=Table(
            caption=f"{what} of {dataset}{versus}",
            heads=(*labels, "FLOPs", "Parameters"),
            rows=tuple(_rows(runs, chosen, columns)),
        ),
    )


def _rows(
    runs: pd.DataFrame, chosen: pd.DataFrame, columns: Mapping[str, Mapping[str, Cell]]
) -> Iterator[Row]:
    """One row per chosen configuration: its cells of each metric, and its costs."""
    costs = runs.groupby("config_id")[list(COSTS)].mean()
    by_category = dict(zip(chosen["category"], chosen["config_id"], strict=True))
    standard = by_category.get(REFERENCES[0])
    base = None if standard is None else cast("pd.Series[float]", costs.loc[str(standard)])
    labels = runs.drop_duplicates("config_id").set_index("config_id")["label"]
    seeds = runs.groupby("config_id")["seed"].nunique()
    for category, config_id in chosen.itertuples(index=False):
        measured = [cells_of.get(config_id) for cells_of in columns.values()]
        if not any(measured):
            continue  # the reference itself
        yield Row(
            category=category,
            config_id=config_id,
            label=str(labels[config_id]),
            seeds=f"{seeds[config_id]} of {seeds.max()}",
            cells=(
                *(cell or Cell(text=cells.MISSING, value=math.nan) for cell in measured),
                *(_cost(costs.loc[config_id], base, name) for name in COSTS),
            ),
        )


def _values(task: str, metric: str, rows: pd.DataFrame) -> dict[str, Cell]:
    """Estimates with their intervals; the best one, as printed, is marked."""
    digits = decimals(rows["estimate"])
    texts = [cells.number(value, digits) for value in rows["estimate"]]
    known = rows["estimate"].dropna()
    best = ""
    if len(known):
        top = known.max() if direction_of(task, metric) == "higher" else known.min()
        best = cells.number(float(top), digits)
    return {
        str(config_id): Cell(
            text=text,
            value=row["estimate"],
            below=cells.between(row["low"], row["high"], digits),
            best=text == best,
        )
        for text, (config_id, row) in zip(texts, rows.iterrows(), strict=True)
    }


def _gaps(task: str, metric: str, rows: pd.DataFrame) -> dict[str, Cell]:
    """Differences with their intervals; a word where Holm's correction leaves one standing."""
    digits = decimals(rows["estimate"])
    sign = 1 if direction_of(task, metric) == "higher" else -1
    found = {}
    for config_id, row in rows.iterrows():
        gap, p_holm = float(row["estimate"]), float(row["p_holm"])
        word = ""
        if p_holm < SIGNIFICANT:
            word = "better" if sign * gap > 0 else "worse"
        found[str(config_id)] = Cell(
            text=_signed(gap, digits),
            value=gap,
            below=cells.between(row["low"], row["high"], digits),
            mark=word,
            hint=f"p = {row['p']:.2g}, after Holm's correction {p_holm:.2g}",
        )
    return found


def _signed(value: float, digits: int) -> str:
    text = cells.number(value, digits)
    return f"+{text}" if value > 0 else text


def _cost(costs: pd.Series[float], base: pd.Series[float] | None, name: str) -> Cell:
    """A cost, and how many times that of the standard NN it is."""
    times = "" if base is None else f"{costs[name] / base[name]:.2f}\N{MULTIPLICATION SIGN}"
    return Cell(text=cells.cost(costs[name]), value=float(costs[name]), below=times)


def views(boards: Sequence[Board]) -> list[str]:
    """What there is to choose from, the values first."""
    present = {board.view for board in boards}
    return [view for view in (VALUES, *REFERENCES) if view in present]
