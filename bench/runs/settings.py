"""What every run of a sweep shares."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.data.table import DATASETS, DatasetRow
from bench.records.schema import Stage
from bench.records.store import Reader, Store, search_folder


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """Folders, device, datasets and stage of a sweep; picklable.

    Attributes:
        data: the data folder, or None for the default.
        rows: own datasets by name; those of the table need no entry.
        stage: runs of a search see validation alone, and have a store of their own.
    """

    results: Path
    data: Path | None
    device: str
    rows: Mapping[str, DatasetRow] = field(default_factory=dict)
    stage: Stage = "final"

    def row(self, dataset: str) -> DatasetRow:
        """The row of a dataset of this sweep."""
        return self.rows.get(dataset) or DATASETS[dataset]

    @property
    def cache(self) -> Path:
        """Where decoded and corrupted images are kept."""
        return self.results / ".cache"

    @property
    def store(self) -> Store:
        """Where the runs of this stage are kept; creates its folder."""
        return Store(self.reader.root)

    @property
    def reader(self) -> Reader:
        """The same to read; creates nothing."""
        return Reader(self.results if self.stage == "final" else search_folder(self.results))

    @property
    def uses_gpu(self) -> bool:
        """Whether runs need a GPU."""
        return self.device.partition(":")[0] == "cuda"

    def absolute(self) -> Self:
        """The same folders from another working directory."""
        data = self.data and self.data.expanduser().resolve()
        return dataclasses.replace(self, results=self.results.resolve(), data=data)
