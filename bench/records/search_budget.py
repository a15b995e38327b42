"""What a search has cost: trials and core-seconds by method, from its records. No torch."""

from pathlib import Path

import pandas as pd

from bench.records.schema import FinishedRun
from bench.records.store import Reader, search_folder

COLUMNS = ("dataset", "method", "trained", "failed", "core_seconds")


def budgets(results: Path) -> pd.DataFrame:
    """Networks trained by searches, one row per dataset and method, sorted.

    Returns:
        ``COLUMNS``: networks trained (a point that is proposed twice is trained once), those that
        failed, and CPU seconds of training and validation. Empty where nothing was searched.
    """
    rows = [
        {
            "dataset": record.config.dataset,
            "method": record.config.method.name,
            "trained": 1,
            "failed": int(record.status == "failed"),
            "core_seconds": record.timings.cpu_s if isinstance(record, FinishedRun) else 0.0,
        }
        for record in Reader(search_folder(results)).records()
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.groupby(["dataset", "method"], as_index=False, sort=True).sum()


def no_budgets() -> pd.DataFrame:
    """The table of a comparison that was not searched."""
    return pd.DataFrame(columns=list(COLUMNS))


def budget_lines(found: pd.DataFrame) -> dict[str, str]:
    """A sentence per dataset on the budget of its searches, for tables and figures."""
    return {str(dataset): _line(str(dataset), rows) for dataset, rows in found.groupby("dataset")}


def _line(dataset: str, rows: pd.DataFrame) -> str:
    methods = ", ".join(
        f"{row['method']} {row['trained']} ({row['core_seconds']:,.0f} core-seconds"
        + (f", {row['failed']} failed)" if row["failed"] else ")")
        for row in rows.to_dict("records")
    )
    return f"Searched on {dataset}, on validation alone; networks trained: {methods}."
