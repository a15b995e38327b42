"""A trained method again, from its record, its weights and its data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import safetensors.torch
import torch

from bench.data.dataset import Dataset
from bench.data.table import DatasetRow, find
from bench.errors import UserError
from bench.records.schema import WEIGHTS, FinishedRun
from bench.records.store import Reader
from bench.runs.config import RunConfig
from bench.runs.loaded import load_dataset
from bench.runs.run import build
from bench.training.inputs import Normalise
from methods.core.backbone import ImageShape
from methods.core.method import Method


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The trained method of a finished run.

    Attributes:
        method: the full trained method on the CPU, in evaluation mode.
        row: what is known of them.
        normalise: images to network inputs, by the statistics of the training split.
    """

    record: FinishedRun
    method: Method[Any]
    dataset: Dataset
    row: DatasetRow
    normalise: Normalise

    @classmethod
    def load(
        cls, store: Reader, record: FinishedRun, *, data: Path | None, own: str | None
    ) -> Self:
        """Build the method of a finished run and give it its weights."""
        row = _row(record, own)
        dataset = load_dataset(row, data, store.root / ".cache")
        return cls.of(store, record, dataset, row)

    @classmethod
    def of(cls, store: Reader, record: FinishedRun, dataset: Dataset, row: DatasetRow) -> Self:
        """The same with the data at hand.

        Raises:
            UserError: the data are not those of the run.
        """
        expected = record.dataset.fingerprint
        if dataset.fingerprint != expected:
            raise UserError(
                f"dataset {row.name}: fingerprint {dataset.fingerprint[:12]}, but run "
                f"{record.run_id} was trained on {expected[:12]}; point --data to those"
            )
        method = build(RunConfig.recorded(record.config), dataset)
        weights = store.folder(record.run_id) / WEIGHTS
        method.load_state_dict(safetensors.torch.load_file(weights))
        normalise = Normalise(dataset, torch.device("cpu"))
        return cls(
            record=record, method=method.eval(), dataset=dataset, row=row, normalise=normalise
        )

    @property
    def shape(self) -> ImageShape:
        """The shape of one image as the network's input."""
        height, width, channels = self.dataset.image_shape
        return ImageShape(channels, height, width)


def _row(record: FinishedRun, own: str | None) -> DatasetRow:
    name, task = record.config.dataset, record.dataset.task
    try:
        row = find(own or name, task=task, resize=record.dataset.resize if own else None)
        row = row.deduplicated() if record.dataset.drop_duplicates else row
    except UserError as error:
        if own is not None:
            raise
        raise UserError(
            f"run {record.run_id} was trained on your own data {name!r}: say where they are "
            "with --own PATH"
        ) from error
    if row.name != name:
        raise UserError(f"--own {own}: is {row.name!r}, but the run was trained on {name!r}")
    return row
