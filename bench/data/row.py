"""A row of the table of datasets: the facts of a dataset that are needed before it is loaded.

Module level imports are the standard library only: see `bench.data.table`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.data.task import Task, require_task

if TYPE_CHECKING:
    from bench.data.dataset import Dataset, Split

Loader = Callable[["DatasetRow", Path | None, Path | None], "Dataset"]
"""Turns a row, the data folder (`--data`) and the cache folder into a Dataset."""

_CLASS_NAME = re.compile(r"[^\x00-\x1f\x7f]{0,299}")  # what a record can have

DEDUPLICATED = "-dedup"
"""Ends the name of a dataset without the duplicates of its test images."""

Augmentation = Literal["none", "flip", "crop_flip"]
"""Kinds of training augmentation: see `bench.training.augment`."""


@dataclass(frozen=True, kw_only=True)
class DatasetRow:
    """The facts of a dataset that are needed before it is loaded; it can be pickled and hashed.

    Attributes:
        n_classes: number of classes; 0 for regression.
        backbone: default backbone, the paper's pairing.
        source: file in the data folder, the package that embeds the data, or a path of one's own.
        target_range: regression only: the constants that are scaled to [0, 1].
        resize: height and width that all images of one's own folder are scaled to.
        drop_duplicates: images of train and val that occur in test are removed.
        augment: default augmentation of the training images.
        smoke, quick: settings of these presets on this dataset, written as for ``--set`` with
            their group, where the preset's own would take hours.
        shift_images: number of test images that are corrupted; None: all of them.
        size: pixels a side, where they are known before loading.

    Raises:
        ValueError: task, n_classes, class_names and target_range disagree.
    """

    name: str
    task: Task
    n_classes: int
    backbone: str
    source: str
    citation: str
    loader: Loader
    target_range: tuple[float, float] | None = None
    class_names: tuple[str, ...] = ()
    resize: int | None = None
    drop_duplicates: bool = False
    augment: Augmentation = "none"
    smoke: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    shift_images: int | None = None
    size: int | None = None

    def __post_init__(self) -> None:
        require_task(self.task, self.n_classes)
        if (self.target_range is None) != (self.task == "classification"):
            raise ValueError(
                f"target_range is {self.target_range} for {self.task}: regression takes "
                "(low, high), classification none"
            )

        if self.class_names and len(self.class_names) != self.n_classes:
            raise ValueError(f"{len(self.class_names)} class names for {self.n_classes} classes")
        for name in self.class_names:
            if not _CLASS_NAME.fullmatch(name):
                raise ValueError(f"class name {name!a}: must be one line of at most 299 letters")

    @property
    def base(self) -> DatasetRow:
        """The row with all images."""
        name = self.name.removesuffix(DEDUPLICATED)
        return replace(self, name=name, drop_duplicates=False)

    def deduplicated(self) -> DatasetRow:
        """The row without those images of train and val that occur in test."""
        return replace(self, name=f"{self.base.name}{DEDUPLICATED}", drop_duplicates=True)

    def preset_settings(self, preset: str | None) -> tuple[str, ...]:
        """Settings of a preset on this dataset instead of its own grid."""
        return {"smoke": self.smoke, "quick": self.quick}.get(preset or "", ())

    def dataset(self, splits: Mapping[str, Split]) -> Dataset:
        """Return the dataset of this row that has these splits."""
        from bench.data.dataset import Dataset

        return Dataset(
            name=self.name,
            task=self.task,
            n_classes=self.n_classes,
            train=splits["train"],
            val=splits["val"],
            test=splits["test"],
            target_range=self.target_range,
            shift_images=self.shift_images,
            class_names=self.class_names,
        )
