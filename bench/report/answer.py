"""The answer that the page opens with: sentences, quality against cost, the equal-cost table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from bench.figures.budget import shown_metrics
from bench.figures.numbers.budget_curves import curves
from bench.formatting import cells
from bench.metrics.table import label_of
from bench.records.costs import COSTS
from bench.records.selection import metric_of
from bench.report.rounding import compact
from bench.report.study import Study
from bench.report.tables import Cell, Row, Table
from bench.statistics.budget import MULTIPLES, equal_cost
from bench.statistics.expected_validation import expected_validation
from bench.statistics.reference import reference
from bench.statistics.selection import selection_quality
from bench.tables.answers import answers

_COST = "flops"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One dataset's answer.

    Attributes:
        dataset: its name.
        sentences: of `bench.tables.answers`, the warning apart.
        warning: if validation does not select, else "".
        within: what each category reaches within budgets of FLOPs, in the metric that chooses;
            None without a reference network.
        selection: how well each metric selects.
        search: what so many trials are expected to reach on validation; None without a search.
    """

    dataset: str
    sentences: Sequence[str]
    warning: str
    within: Table | None
    selection: Table | None
    search: Table | None


def answer_of(study: Study) -> list[Answer]:
    """The answers of the datasets that were tested."""
    quality, expected = selection_quality(study.frames), expected_validation(study.frames)
    found = []
    for dataset, sentences in answers(study.frames).items():
        warned = sentences[-1].startswith("Warning:")
        found.append(
            Answer(
                dataset=dataset,
                sentences=sentences[:-1] if warned else sentences,
                warning=sentences[-1] if warned else "",
                within=_within(study, dataset),
                selection=_selection(quality[quality["dataset"] == dataset], study, dataset),
                search=_search(expected[expected["dataset"] == dataset], study, dataset),
            )
        )
    return found


def lines(study: Study, dataset: str) -> dict[str, Any]:
    """The plot of quality against cost.

    Returns:
        ``metrics`` (keys), ``marks`` (cost -> the budgets' values), ``multiples``, ``curves``:
        metric -> cost -> category -> cost, mean, low, high, label and id of each step.
    """
    runs = study.runs(dataset)
    task = str(runs["task"].iloc[0])
    base = reference(runs, COSTS)
    tested = (runs["split"] == "test").any()
    first = metric_of(task, study.frames.select)
    metrics = tuple(dict.fromkeys((first, *shown_metrics(task)))) if tested else ()
    return {
        "metrics": metrics,
        "multiples": MULTIPLES,
        "marks": {cost: [m * base.costs[cost] for m in MULTIPLES] for cost in COSTS if base},
        "curves": compact(
            {
                metric: {
                    cost: _by_category(curves(study.frames, runs, metric, cost)) for cost in COSTS
                }
                for metric in metrics
            }
        ),
    }


def _by_category(table: pd.DataFrame) -> Mapping[str, Any]:
    names = ("cost", "mean", "low", "high", "label", "config_id")
    return {
        str(category): {name: rows[name].tolist() for name in names}
        for category, rows in table.groupby("category", sort=True)
    }


def _within(study: Study, dataset: str) -> Table | None:
    runs = study.runs(dataset)
    task = str(runs["task"].iloc[0])
    metric = metric_of(task, study.frames.select)
    frames = replace(study.frames, runs=runs)
    found = equal_cost(frames, select=metric, metrics=[metric], costs=[_COST], ood=False)
    if found.empty:
        return None
    reached = [multiple for multiple in MULTIPLES if (found["multiple"] == multiple).any()]
    rows = []
    for category, of_category in found.groupby("category", sort=True):
        by_multiple = {row["multiple"]: row for _, row in of_category.iterrows()}
        cells_of = [
            _cell(by_multiple[multiple]) if multiple in by_multiple else _NOTHING
            for multiple in reached
        ]
        rows.append(Row(category=str(category), cells=tuple(cells_of)))
    label = label_of(task, metric).replace(" (nats)", "")
    return Table(
        caption=f"Test {label} of {dataset} within budgets of FLOPs",
        heads=tuple(f"{multiple:g}\N{MULTIPLICATION SIGN}" for multiple in reached),
        rows=tuple(rows),
    )


_NOTHING = Cell(text=cells.MISSING, value=float("nan"))


def _cell(row: pd.Series[Any]) -> Cell:
    interval = cells.interval(row["test"], row["test_low"], row["test_high"])
    text, _, between = interval.partition(" ")
    return Cell(text=text, value=float(row["test"]), below=between, best=bool(row["among_best"]))


def _selection(found: pd.DataFrame, study: Study, dataset: str) -> Table | None:
    if found.empty:
        return None
    task = str(study.runs(dataset)["task"].iloc[0])
    rows = [
        Row(
            category=label_of(task, str(row["metric"])),
            cells=(
                Cell(text=cells.number(row["rho"], 2), value=float(row["rho"])),
                Cell(text=f"{row['category']} {row['label']}"),
                Cell(text=cells.number(row["chosen"]), value=float(row["chosen"])),
                Cell(text=cells.number(row["regret"]), value=float(row["regret"])),
                Cell(text=f"{row['rank']} of {row['n']}", value=float(row["rank"])),
            ),
        )
        for row in found.to_dict("records")
    ]
    heads = ("Correlation", "Chosen on validation", "Its test value", "Regret", "Rank on test")
    return Table(
        caption=f"How well validation selects on {dataset}", heads=heads, rows=tuple(rows),
        first="Metric",
    )  # fmt: skip


def _search(found: pd.DataFrame, study: Study, dataset: str) -> Table | None:
    if found.empty:
        return None
    task, metric = str(study.runs(dataset)["task"].iloc[0]), str(found["metric"].iloc[0])
    counts = [2**power for power in range(int(found["trials"].max()).bit_length())]
    rows = []
    for method, of_method in found.groupby("method", sort=True):
        by_count = {row["trials"]: row for row in of_method.to_dict("records")}
        each = float(by_count[1]["core_seconds"])
        values = [
            Cell(
                text=cells.number(row["expected"]),
                value=row["expected"],
                below=cells.between(row["low"], row["high"]),
            )
            if (row := by_count.get(count))
            else _NOTHING
            for count in counts
        ]
        rows.append(
            Row(category=str(method), cells=(Cell(text=f"{each:.3g}", value=each), *values))
        )
    return Table(
        caption=f"Expected best validation {label_of(task, metric)} of so many trials on {dataset}",
        heads=("Core-seconds per trial", "1 trial", *(f"{count} trials" for count in counts[1:])),
        rows=tuple(rows),
        first="Method",
    )
