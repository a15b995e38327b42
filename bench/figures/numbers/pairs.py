"""Which pairs of metrics a figure of two metrics can show."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bench.metrics.table import metrics_for
from bench.records.pareto import quality_of

Pair = tuple[str, str]


def metric_pairs(task: str) -> list[Pair]:
    """The task's main pair, then every other (performance, calibration) pair in table order.

    Temperature-scaled twins are left out: they would double the pages and are in summary.csv.

    Raises:
        ValueError: An unknown task.
    """
    of_kind = {
        kind: [metric.name for metric in metrics_for(task) if metric.kind == kind]
        for kind in ("performance", "calibration")
    }
    main = quality_of(task)
    every = [(x, y) for x in of_kind["performance"] for y in of_kind["calibration"]]
    return [main, *(pair for pair in every if pair != main)]


def measured_pairs(runs: pd.DataFrame, pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that some run has a value of: older records lack newer metrics."""
    known = {str(key) for key in runs.columns if runs[key].notna().any()}
    return [pair for pair in pairs if set(pair) <= known]


def stem_of(figure: str, dataset: str, pair: Pair, task: str) -> str:
    """The file stem: the main pair goes without saying."""
    return "_".join([figure, dataset, *(pair if pair != quality_of(task) else ())])
