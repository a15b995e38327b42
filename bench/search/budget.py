"""What a search has cost: trials and core-seconds by method, from its records. No torch."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.records import Store, search_folder

COLUMNS = ("dataset", "method", "trained", "failed", "core_seconds")


def budgets(results: Path) -> pd.DataFrame:
    """What was trained to search, one row a dataset and method, sorted.

    Args:
        results: the results folder, of which the search's records are a part.

    Returns:
        ``COLUMNS``: networks trained (a point that is proposed twice is trained once), those that
        failed, and CPU seconds of training and validation. Empty where nothing was searched.
    """
    folder = search_folder(results)
    records = Store(folder).records() if folder.is_dir() else ()
    rows = [
        {
            "dataset": record["config"]["dataset"],
            "method": record["config"]["method"]["name"],
            "trained": 1,
            "failed": int(record["status"] == "failed"),
            "core_seconds": sum(
                seconds
                for name, seconds in record.get("timings", {}).items()
                if name.endswith("_cpu_s")
            ),
        }
        for record in records
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.groupby(["dataset", "method"], as_index=False, sort=True).sum()


def budget_lines(results: Path) -> list[str]:
    """A sentence a dataset for tables and captions; none where nothing was searched."""
    lines = []
    found = budgets(results)
    for dataset in sorted(set(found["dataset"].astype(str))):
        rows = found[found["dataset"] == dataset].to_dict("records")
        methods = ", ".join(
            f"{row['method']} {row['trained']} ({row['core_seconds']:,.0f} core-seconds"
            + (f", {row['failed']} failed)" if row["failed"] else ")")
            for row in rows
        )
        lines.append(f"Searched on {dataset}, on validation alone; networks trained: {methods}.")
    return lines
