"""Which method is best at equal cost; the cost to match an ensemble; ensemble equivalents."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from bench.formatting import cells
from bench.formatting.table import Table
from bench.metrics.table import label_of
from bench.records.frames import Frames
from bench.records.selection import metric_of, rule
from bench.statistics.budget import MULTIPLES, equal_cost, references
from bench.statistics.cost_to_match import N_MEMBERS, cost_to_match
from bench.statistics.ensemble_equivalent import ensemble_equivalents
from bench.statistics.selection import warnings_of
from bench.tables.summary import COLUMNS

LOG = logging.getLogger(__name__)

# What bounds the budgets of the tables; measured latency where bench.latency was run.
COSTS = {"flops": "FLOPs", "params": "parameters", "eager_latency_ms": "latency (eager)"}
_HEADS = {multiple: f"{multiple:g}x" for multiple in MULTIPLES}


def tables(frames: Frames) -> Iterator[Table]:
    """The equal-cost table per dataset and cost; then matches and equivalents."""
    bases, warned = references(frames), warnings_of(frames)
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        if str(dataset) not in bases or not (runs["split"] == "test").any():
            LOG.info("budget: nothing to show for %s, it has no tested standard NN", dataset)
            continue
        task = str(runs["task"].iloc[0])
        metrics = list(dict.fromkeys(metric for _, metric in COLUMNS[task]))
        found = equal_cost(
            frames_of(frames, str(dataset)),
            select=metric_of(task, frames.select),
            metrics=metrics,
            costs=list(COSTS),
        )
        warning = [warned[str(dataset)]] if str(dataset) in warned else []
        for cost in [key for key in COSTS if key in set(found["cost"])]:
            rows = found[found["cost"] == cost]
            yield Table(
                stem=f"budget_{dataset}" + ("" if cost == "flops" else f"_{cost}"),
                caption=f"{dataset}: what each method reaches within budgets of {COSTS[cost]}.",
                numbers=rows,
                cells=_cells(rows, task),
                notes=(bases[str(dataset)].text, _note(task, frames.select), *warning),
            )
    yield from _match(frames)
    yield from _equivalents(frames)


def frames_of(frames: Frames, dataset: str) -> Frames:
    """The same frames with the runs of one dataset alone."""
    return replace(frames, runs=frames.runs[frames.runs["dataset"] == dataset])


def _note(task: str, select: str) -> str:
    return (
        f"In each cell: the method's configuration of the {rule(task, select)} among those with "
        "all seeds that cost no more than the budget, and its test (ID) or corrupted test (OOD) "
        "value with its 95% interval over seeds and examples. * no other method of the budget is "
        "shown to be better on ID test (5%, corrected for the number of methods); with fewer than "
        "three seeds nothing can be told apart. The CSV names the configurations."
    )


def _cells(rows: pd.DataFrame, task: str) -> pd.DataFrame:
    lines = []
    for (metric, category), some in rows.groupby(["metric", "category"], sort=False):
        by_multiple = {row["multiple"]: row for row in some.to_dict("records")}
        for split, head in (("test", "ID"), ("ood", "OOD")):
            line = {"Metric": label_of(task, str(metric)), "Split": head, "Method": str(category)}
            for multiple, name in _HEADS.items():
                line[name] = cells.MISSING
                if row := by_multiple.get(multiple):
                    text = cells.interval(row[split], row[f"{split}_low"], row[f"{split}_high"])
                    marked = split == "test" and bool(row["among_best"])
                    line[name] = f"{text} *" if marked else text
            lines.append(line)
    order = {metric: place for place, metric in enumerate(dict.fromkeys(rows["metric"]))}
    labels = {label_of(task, str(metric)): place for metric, place in order.items()}
    return pd.DataFrame(lines).sort_values(
        ["Metric", "Split"], kind="stable", key=lambda names: names.replace(labels)
    )


def _match(frames: Frames) -> Iterator[Table]:
    found = cost_to_match(frames)
    if found.empty:
        LOG.info("budget: no cost to match, no ensemble of %d has test results", N_MEMBERS)
        return
    found = found[found["cost"].isin(list(COSTS))]
    tasks = frames.runs.groupby("dataset")["task"].first()
    yield Table(
        stem="match",
        caption=f"The least cost at which each method matches the ensemble of {N_MEMBERS}.",
        numbers=found,
        cells=pd.DataFrame(
            {
                "Dataset": found["dataset"],
                "Cost": found["cost"].map(COSTS),
                "Metric": [
                    f"{label_of(str(tasks[one['dataset']]), one['metric'])} within {one['margin']}"
                    for one in found.to_dict("records")
                ],
                "Method": found["category"],
                "Configuration": [label or "none shown to match" for label in found["label"]],
                "Cost of it": [cells.cost(value) for value in found["cost_value"]],
                "Saving": [
                    cells.MISSING if math.isnan(value) else f"{value:.2f}x"
                    for value in found["saving"]
                ],
                "Difference": list(
                    map(cells.interval, found["difference"], found["low"], found["high"])
                ),
            }
        ),
        notes=(
            (
                "A match is shown where the 95% interval of the difference to the ensemble on "
                "test lies within the margin. Candidates are each method's front on validation, "
                "from the best one down; saving is the ensemble's cost over that of the match."
            ),
        ),
    )


def _equivalents(frames: Frames) -> Iterator[Table]:
    found = ensemble_equivalents(frames, select=frames.select)
    if found.empty:
        LOG.info("budget: no ensemble equivalents, no family of ensembles has test results")
        return
    yield Table(
        stem="equivalents",
        caption="How many networks of a naive ensemble have each method's calibrated NLL.",
        numbers=found,
        cells=pd.DataFrame(
            {
                "Dataset": found["dataset"],
                "Method": found["category"],
                "Configuration": found["label"],
                "NLL, temperature-scaled": [cells.number(value) for value in found["nll"]],
                "Equivalent": [_networks(*row) for row in found[
                    ["equivalent", "low", "high", "most"]].itertuples(index=False)],
                "Ensembles of": found["family"],
            }
        ),
        notes=(
            ("Deep-ensemble equivalent (Ashukha et al. 2020): the size, interpolated, of the "
            "ensemble with the same NLL on test after temperature scaling; brackets: the sizes "
            "from which it cannot be told at 5%."),
        ),
    )  # fmt: skip


def _networks(value: float, low: float, high: float, most: int) -> str:
    if math.isnan(value):
        return cells.MISSING

    def text(size: float) -> str:
        return f"> {most}" if math.isinf(size) else "< 1" if size < 1 else f"{size:.1f}"

    return f"{text(value)} [{text(low)}, {text(high)}]"
