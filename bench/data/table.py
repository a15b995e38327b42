"""The table of datasets: one row each, loaded as three splits of uint8 images.

Module level imports are the standard library only, here and in the modules it imports:
`python -m bench.compare -h` lists the names of `DATASETS` and must not wait for numpy, torch,
medmnist or scikit-learn. So a loader is imported when it is called.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.medmnist_rows import MULTI_LABEL, SIZES, info_table, medmnist_names, medmnist_rows
from bench.data.row import DEDUPLICATED, DatasetRow
from bench.data.task import Task
from bench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from bench.data.dataset import Dataset

__all__ = ["DATASETS", "DatasetRow", "choices", "find", "load"]

DIGITS_SPLIT_SEED = 0


def find(spec: str, *, task: Task | None = None, resize: int | None = None) -> DatasetRow:
    """Return the row of a name, or of one's own data where the text is a path.

    Args:
        spec: a key of `DATASETS`, with "-dedup" at its end without the duplicates of test images;
            or a path, known by a "/" in it or ".npz" at its end.
        task: what is predicted; own data must declare it, the table's rows have their own.
        resize: of one's own folder: height and width that all images are scaled to.

    Raises:
        UserError: no such dataset, own data without a task, or see `bench.data.own`.
    """
    base = spec.removesuffix(DEDUPLICATED)
    if base in DATASETS:
        return DATASETS[base] if base == spec else DATASETS[base].deduplicated()
    if "/" not in spec and "\\" not in spec and not spec.endswith(".npz"):
        raise _unknown(spec)
    if task is None:
        raise UserError(f"own data {spec}: its task must be declared: classification or regression")
    from bench.data.own import own_dataset

    return own_dataset(spec, task=task, resize=resize)


def _unknown(spec: str) -> UserError:
    if spec.partition("_")[0] == MULTI_LABEL:
        n_labels = len(info_table()[f"{MULTI_LABEL}mnist"]["label"])
        return UserError(
            f"dataset {spec!r} is multi-label ({n_labels} findings, any number of them per image): "
            "not supported, as every metric here is of one class or one number per image"
        )
    return UserError(
        f"unknown dataset {spec!r}; choices: {choices()}, or a path of your own data "
        "(a .npz file, or a folder written with a slash: ./folder)" + did_you_mean(spec, DATASETS)
    )


def choices() -> str:
    """The names of the table in a line; larger sizes of MedMNIST by their rule."""
    larger = {name for size in SIZES[1:] for name in medmnist_names(size)}
    names = ", ".join(name for name in DATASETS if name not in larger)
    return f"{names}; MedMNIST's also at {', '.join(map(str, SIZES[1:]))} px, as pneumonia_64"


def load(
    dataset: str | DatasetRow, *, data: Path | None = None, cache: Path | None = None
) -> Dataset:
    """Load a dataset.

    Args:
        dataset: a key of `DATASETS`, or a row that `find` returned.
        data: the data folder of `--data`; None: see `bench.data.folder`. Embedded and own data
            ignore it.
        cache: folder that keeps what was decoded from single image files; None decodes afresh.

    Raises:
        UserError: no such dataset, or its file is not the official one.
        DataUnavailable: the file is neither in the data folder nor can it be downloaded.
    """
    row = find(dataset) if isinstance(dataset, str) else dataset
    loaded = row.loader(row.base, data, cache)
    if not row.drop_duplicates:
        return loaded
    from bench.data.inspection import without_duplicates

    return without_duplicates(loaded, name=row.name)


@dataclass(frozen=True)
class LoaderOf:
    """The function ``load`` of a module, which is imported when it is called."""

    module: str

    def __call__(self, row: DatasetRow, data: Path | None, cache: Path | None) -> Dataset:
        loaded: Dataset = importlib.import_module(self.module).load(row, data, cache)
        return loaded


def load_digits(row: DatasetRow, _data: Path | None, _cache: Path | None) -> Dataset:
    """Load scikit-learn's digits (embedded, no network): 8x8x1, values 0..16 scaled to 0..255.

    scikit-learn has no official split: 60/20/20 % (1077/360/360), stratified, of a constant seed.
    """
    import numpy as np
    from sklearn.datasets import load_digits as sklearn_digits
    from sklearn.model_selection import train_test_split

    from bench.data.dataset import SPLITS, Split

    raw = sklearn_digits()
    images_BHWQ = np.round(raw.images * (255 / 16)).astype(np.uint8)[..., None]
    y_B = raw.target.astype(np.int64)

    rest, test = train_test_split(
        np.arange(len(y_B)), test_size=0.2, stratify=y_B, random_state=DIGITS_SPLIT_SEED
    )
    train, val = train_test_split(
        rest, test_size=0.25, stratify=y_B[rest], random_state=DIGITS_SPLIT_SEED
    )
    splits = {
        split: Split(images_BHWQ=images_BHWQ[rows], y_B=y_B[rows])
        for split, rows in zip(SPLITS, (train, val, test), strict=True)
    }
    return row.dataset(splits)


# Photographs of many classes, whose presets are small in every way.
_resnet_row = partial(
    DatasetRow,
    task="classification",
    backbone="resnet",
    augment="crop_flip",
    smoke=("train.epochs=1", "resnet.width=4"),
    quick=(
        "train.epochs=2",
        "train.batch_size=64",
        "resnet.width=4",
        "ensemble.n_members=2",
        "batch_ensemble.n_members=2",
        "mc_dropout.rate=0.1",
        "sae.n_inputs=1,2",
        "sae.n_exits=1,2,4",
    ),
)
_ROWS = (
    DatasetRow(
        name="digits",
        task="classification",
        n_classes=10,
        class_names=tuple("0123456789"),
        backbone="fc",
        source="scikit-learn",
        citation="CC BY 4.0; Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, 1998",
        loader=load_digits,
        size=8,
        # 9 steps per epoch: after the preset's 5, SE has half the standard NN's accuracy; after 30,
        # in 20 core-seconds for all methods, the same.
        smoke=("train.epochs=30",),
    ),
    *medmnist_rows(LoaderOf("bench.data.medmnist_files")),
    *(
        _resnet_row(
            name=name,
            n_classes=n_classes,
            source="tiny-imagenet-200.zip",
            citation="research use; Le and Yang, Tiny ImageNet Visual Recognition Challenge, 2015",
            loader=LoaderOf("bench.data.tiny_imagenet"),
            # 80 corrupted sets of 10,000 images would be 9.8 GB, and take longer than training.
            shift_images=400,
            size=64,
        )
        for name, n_classes in (("tinyimagenet", 200), ("tinyimagenet40", 40))
    ),
    *(
        _resnet_row(
            name=f"cifar{n_classes}",
            n_classes=n_classes,
            source=folder,
            citation="research use; Krizhevsky, Learning Multiple Layers of Features, 2009",
            loader=LoaderOf("bench.data.cifar"),
            shift_images=1000,
            size=32,
        )
        for n_classes, folder in ((10, "cifar-10-batches-py"), (100, "cifar-100-python"))
    ),
)
DATASETS: dict[str, DatasetRow] = {row.name: row for row in _ROWS}
