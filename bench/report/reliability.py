"""Do stated probabilities come true? The curves, and how much of an ECE its finite sample makes."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.figures.reliability import CLEAN, WORDING, curves
from bench.formatting import cells
from bench.metrics.table import label_of
from bench.report.rounding import compact
from bench.report.study import Study
from bench.report.tables import Cell, Row, Table
from bench.statistics.calibration_floor import ece_report

_NAMES = {CLEAN: "clean"}


def diagrams(study: Study, dataset: str) -> dict[str, Any]:
    """The reliability diagram of each category's chosen configuration.

    Returns:
        ``stated``, ``observed`` (axes), ``error`` (name of the calibration error), ``panels``:
        dicts with category and series: name, error (its value) and the points: stated, observed,
        low, high, share.
    """
    runs = study.runs(dataset)
    task = str(runs["task"].iloc[0])
    wording, table = WORDING[task], curves(study.frames, runs)
    panels = []
    if not table.empty:
        for category in study.frames.chosen(runs)["category"]:
            rows = table[table["category"] == category]
            series = [_series(str(name), some) for name, some in rows.groupby("series", sort=True)]
            panels.append({"category": category, "series": series})
    return {
        "stated": wording.stated,
        "observed": wording.observed,
        "error": label_of(task, wording.error),
        "panels": compact(panels),
    }


def _series(name: str, rows: pd.DataFrame) -> dict[str, Any]:
    columns = ("stated", "observed", "low", "high", "share")
    points = {column: rows[column].tolist() for column in columns}
    short = _NAMES.get(name, "under shift")
    return {"name": short, "error": float(rows["error"].iloc[0]), **points}


def ece_table(study: Study, dataset: str) -> Table | None:
    """ECE with its interval, without its bias, and what a perfectly calibrated model would have."""
    runs = study.runs(dataset)
    if str(runs["task"].iloc[0]) != "classification" or study.frames.root is None:
        return None
    report = ece_report(study.frames, list(study.frames.chosen(runs)["config_id"]))
    if report.empty:
        return None
    rows = [
        Row(
            category=row["category"],
            config_id=row["config_id"],
            label=row["label"],
            cells=(
                Cell(
                    text=cells.number(row["ece"]),
                    value=row["ece"],
                    below=cells.between(row["low"], row["high"]),
                ),
                Cell(text=cells.number(row["debiased"]), value=row["debiased"]),
                Cell(text=cells.number(row["floor"]), value=row["floor"]),
                Cell(text=cells.number(row["floor_high"]), value=row["floor_high"]),
            ),
        )
        for row in report.to_dict("records")
    ]
    heads = ("ECE", "Without bias", "Floor", "Floor, 95%")
    return Table(caption=f"ECE on the test split of {dataset}", heads=heads, rows=tuple(rows))
