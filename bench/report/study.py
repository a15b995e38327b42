"""What the report is made from: the frames, and what they leave out of the records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bench.records.frames import Frames, completed, frames_of
from bench.records.schema import Config, FinishedRun, Record
from bench.records.selection import SELECTION_METRIC
from bench.records.store import Reader


@dataclass(frozen=True, kw_only=True)
class Study:
    """All records of a results folder, read once.

    Attributes:
        frames: the flat tables.
        records: all of them, without their predictions and weights.
    """

    frames: Frames
    records: tuple[Record, ...]

    @property
    def datasets(self) -> list[str]:
        """Datasets with finished runs, sorted."""
        return sorted(map(str, self.frames.runs["dataset"].unique()))

    def runs(self, dataset: str) -> pd.DataFrame:
        """The runs frame of one dataset."""
        runs = self.frames.runs
        return runs[runs["dataset"] == dataset]

    def configs(self) -> dict[str, Config]:
        """Each configuration as its record has it, by config_id; the seed is that of one run."""
        return {record.config_id: record.config for record in self.records}

    def finished(self, dataset: str | None = None) -> list[FinishedRun]:
        """The records of finished runs, of one dataset or of all."""
        done = [record for record in self.records if isinstance(record, FinishedRun)]
        return [record for record in done if dataset in (None, record.config.dataset)]


def read_study(results: Path, select: str = SELECTION_METRIC) -> Study:
    """Read every record below ``results``, what was measured and what a search has spent."""
    study = study_of(Reader(results).records())
    return replace(study, frames=completed(study.frames, results, select))


def study_of(records: Iterable[Record]) -> Study:
    """The same of records at hand."""
    read = tuple(records)
    return Study(frames=frames_of(read), records=read)
