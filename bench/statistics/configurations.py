"""The configurations that a statistic is about, with their runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from bench.metrics.table import keys_for
from bench.records import seeds
from bench.records.frames import Frames
from bench.statistics.influence import Split


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One configuration in a dataset: its rows of `Frames.runs`, all splits."""

    dataset: str
    task: str
    config_id: str
    category: str
    label: str
    rows: pd.DataFrame

    @property
    def facts(self) -> dict[str, Any]:
        """The columns that name it in every table."""
        names = ("dataset", "config_id", "category", "label")
        return {name: getattr(self, name) for name in names}

    def of_split(self, split: str) -> pd.DataFrame:
        """Its rows of a split, by seed."""
        return self.rows[self.rows["split"] == split].set_index("seed").sort_index()


def configurations(frames: Frames, config_ids: Collection[str]) -> list[Configuration]:
    """The configurations of these ids, in the order of the ids.

    Raises:
        ValueError: no finished run has one of the ids.
    """
    runs = frames.runs
    found = []
    for config_id in dict.fromkeys(config_ids):
        rows = runs[runs["config_id"] == config_id]
        if rows.empty:
            raise ValueError(f"config_id {config_id!r} has no finished run in these frames")
        for dataset, of_dataset in rows.groupby("dataset", sort=True):
            first = of_dataset.iloc[0]
            found.append(
                Configuration(
                    dataset=str(dataset),
                    task=str(first["task"]),
                    config_id=config_id,
                    category=str(first["category"]),
                    label=str(first["label"]),
                    rows=of_dataset,
                )
            )
    return found


def expected_seeds(runs: pd.DataFrame) -> dict[str, int]:
    """How many seeds the most complete configuration of each dataset has."""
    return {str(dataset): seeds.expected_seeds(rows) for dataset, rows in runs.groupby("dataset")}


def results_folder(frames: Frames) -> Path:
    """Where the predictions of these frames are.

    Raises:
        ValueError: the frames were not read from a folder.
    """
    if frames.root is None:
        raise ValueError("these frames have no results folder (root), whose predictions to read")
    return frames.root


def known_splits(splits: Sequence[Split]) -> Sequence[Split]:
    """The splits themselves.

    Raises:
        ValueError: an unknown split.
    """
    unknown = [split for split in splits if split not in get_args(Split)]
    if unknown:
        raise ValueError(f"split is {unknown[0]!r}; choose one of {', '.join(get_args(Split))}")
    return splits


def keys_among(task: str, metrics: Collection[str] | None) -> list[str]:
    """The keys of a task's metrics that are among these (None: all), in the order of the table."""
    return [key for key in keys_for(task) if metrics is None or key in metrics]
