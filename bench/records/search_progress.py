"""What a search had found after each of its trials, as the search wrote it. No torch."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.records.store import search_folder

COLUMNS = (
    "dataset", "study", "method", "sampler", "trial", "core_seconds", "hypervolume", "n_objectives",
    "costs",
)  # fmt: skip


def path_of(results: Path) -> Path:
    """The file in a results folder."""
    return search_folder(results) / "progress.csv"


def read_progress(results: Path) -> pd.DataFrame:
    """The rows of `bench.search.progress.progress`; none where nothing was searched."""
    path = path_of(results)
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=list(COLUMNS))
