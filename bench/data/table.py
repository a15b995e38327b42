"""The table of datasets: one row each, loaded as three splits of uint8 images.

Module level imports are the standard library only, here and in the modules it imports:
`python -m bench.compare -h` lists the names of `DATASETS` and must not wait for numpy, torch,
medmnist or scikit-learn. So a loader is imported when it is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.folder import resolve_folder
from bench.data.row import DatasetRow
from bench.data.task import Task
from bench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from bench.data.dataset import Dataset

__all__ = ["DATASETS", "DatasetRow", "find", "load", "resolve_folder"]

DIGITS_SPLIT_SEED = 0


def find(spec: str, *, task: Task | None = None) -> DatasetRow:
    """Return the row of a name, or of one's own data where the text is a path.

    Args:
        spec: a key of `DATASETS`; or a path, known by a "/" in it or ".npz" at its end.
        task: what is predicted; own data must declare it, the table's rows have their own.

    Raises:
        UserError: no such dataset, own data without a task, or see `bench.data.own`.
    """
    if spec in DATASETS:
        return DATASETS[spec]
    if "/" not in spec and "\\" not in spec and not spec.endswith(".npz"):
        raise UserError(
            f"unknown dataset {spec!r}; choices: {', '.join(DATASETS)}, or a path of your own data "
            "(a .npz file, or a folder written with a slash: ./folder)"
            + did_you_mean(spec, DATASETS)
        )
    if task is None:
        raise UserError(f"own data {spec}: its task must be declared: classification or regression")
    from bench.data.own import own_dataset

    return own_dataset(spec, task=task)


def load(
    dataset: str | DatasetRow, *, data: Path | None = None, cache: Path | None = None
) -> Dataset:
    """Load a dataset.

    Args:
        dataset: a key of `DATASETS`, or a row that `find` returned.
        data: the data folder of `--data`; None: see `resolve_folder`. Embedded and own data ignore
            it.
        cache: folder that keeps what was decoded from single image files; None decodes afresh.

    Raises:
        UserError: no such dataset, or its file is not the official one.
        DataUnavailable: the file is neither in the data folder nor can it be downloaded.
    """
    row = find(dataset) if isinstance(dataset, str) else dataset
    return row.loader(row, data, cache)


def load_medmnist(row: DatasetRow, data: Path | None, cache: Path | None) -> Dataset:
    """Load a MedMNIST file; see `bench.data.medmnist_files`."""
    from bench.data import medmnist_files

    return medmnist_files.load_medmnist(row, data, cache)


def load_tiny_imagenet(row: DatasetRow, data: Path | None, cache: Path | None) -> Dataset:
    """Load the folder or archive; see `bench.data.tiny_imagenet`."""
    from bench.data import tiny_imagenet

    return tiny_imagenet.load_tiny_imagenet(row, data, cache)


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


_MEDMNIST = "CC BY 4.0; Yang et al., MedMNIST v2, Scientific Data 10:41, 2023"
_ROWS = (
    DatasetRow(
        name="digits",
        task="classification",
        n_classes=10,
        backbone="fc",
        source="scikit-learn",
        citation="CC BY 4.0; Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, 1998",
        loader=load_digits,
    ),
    DatasetRow(
        name="pneumonia",
        task="classification",
        n_classes=2,
        backbone="fc",
        source="pneumoniamnist.npz",
        citation=_MEDMNIST,
        loader=load_medmnist,
    ),
    DatasetRow(
        name="breast",
        task="classification",
        n_classes=2,
        backbone="fc",
        source="breastmnist.npz",
        citation=_MEDMNIST,
        loader=load_medmnist,
    ),
    DatasetRow(
        name="blood",
        task="classification",
        n_classes=8,
        backbone="vgg",
        source="bloodmnist.npz",
        citation=_MEDMNIST,
        loader=load_medmnist,
        smoke=("train.epochs=1",),
        quick=("train.epochs=4", "sae.n_inputs=1,2,4", "sae.n_exits=1,2,4"),
        # 80 corrupted sets of all 3,421 images would cost more than to train on 11,959.
        shift_images=400,
    ),
    DatasetRow(
        name="retina",
        task="regression",
        n_classes=0,
        backbone="vit",
        source="retinamnist.npz",
        citation=_MEDMNIST,
        loader=load_medmnist,
        target_range=(0, 4),
        quick=("train.epochs=12",),
    ),
    DatasetRow(
        name="tinyimagenet",
        task="classification",
        n_classes=200,
        backbone="resnet",
        source="tiny-imagenet-200.zip",
        citation="research use; Le and Yang, Tiny ImageNet Visual Recognition Challenge, 2015",
        loader=load_tiny_imagenet,
        augment="crop_flip",
        # 80 corrupted sets of all 10,000 images would be 9.8 GB, and take longer than training.
        shift_images=400,
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
    ),
)
DATASETS: dict[str, DatasetRow] = {row.name: row for row in _ROWS}
