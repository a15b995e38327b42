"""What the report is made from: the frames, and what they leave out of the records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from bench.records.frames import Frames, completed, frames_of
from bench.records.selection import SELECTION_METRIC
from bench.records.store import Record, Store

_FACTS = ("run_id", "config_id", "status", "config", "dataset", "environment")


@dataclass(frozen=True, kw_only=True)
class Study:
    """All records of a results folder, read once.

    Attributes:
        frames: the flat tables.
        facts: of every record, failed ones too, the keys that no frame has: its configuration,
            data and environment (a failed run has the first alone).
    """

    frames: Frames
    facts: tuple[Mapping[str, Any], ...]

    @property
    def datasets(self) -> list[str]:
        """Datasets with finished runs, sorted."""
        return sorted(map(str, self.frames.runs["dataset"].unique()))

    def runs(self, dataset: str) -> pd.DataFrame:
        """The runs frame of one dataset."""
        runs = self.frames.runs
        return runs[runs["dataset"] == dataset]

    def configs(self) -> dict[str, Mapping[str, Any]]:
        """Each configuration as its record has it, by config_id; the seed is that of one run."""
        return {fact["config_id"]: fact["config"] for fact in self.facts}

    def finished(self, dataset: str) -> list[Mapping[str, Any]]:
        """The facts of a dataset's finished runs."""
        done = (fact for fact in self.facts if fact["status"] == "done")
        return [fact for fact in done if fact["config"]["dataset"] == dataset]


def read_study(results: Path, select: str = SELECTION_METRIC) -> Study:
    """Read every record below ``results``, what was measured and what a search has spent."""
    study = study_of(Store(results).records())
    return replace(study, frames=completed(study.frames, results, select))


def study_of(records: Iterable[Record]) -> Study:
    """The same of records at hand."""
    facts: list[Mapping[str, Any]] = []

    def noted() -> Iterator[Record]:
        for record in records:
            facts.append({key: record[key] for key in _FACTS if key in record})
            yield record

    frames = frames_of(noted())
    return Study(frames=frames, facts=tuple(facts))
