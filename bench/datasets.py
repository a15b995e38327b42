"""The table of datasets: one row each, loaded as three splits of uint8 images.

Module level imports are numpy and the standard library only, here and in the modules it imports:
`python -m bench.compare -h` lists the names of `DATASETS` and must not wait for torch, medmnist or
scikit-learn.
"""

from pathlib import Path

import numpy as np

from bench.dataset import SPLITS, Dataset, DatasetRow, Split
from bench.errors import UserError
from bench.medmnist_files import load_medmnist, resolve_folder

__all__ = ["DATASETS", "Dataset", "Split", "load", "resolve_folder"]

DIGITS_SPLIT_SEED = 0


def load(name: str, *, data: Path | None = None) -> Dataset:
    """Load a dataset of the table.

    Args:
        name: a key of `DATASETS`.
        data: the data folder of `--data`; None: see `resolve_folder`. Embedded data ignores it.

    Raises:
        UserError: no such dataset, or its file is not the official one.
        DataUnavailable: the file is neither in the data folder nor can it be downloaded.
    """
    if name not in DATASETS:
        raise UserError(f"unknown dataset {name!r}; choices: {', '.join(DATASETS)}")
    row = DATASETS[name]
    return row.loader(row, data)


def load_digits(row: DatasetRow, _data: Path | None) -> Dataset:
    """Load scikit-learn's digits (embedded, no network): 8x8x1, values 0..16 scaled to 0..255.

    scikit-learn has no official split: 60/20/20 % (1077/360/360), stratified, of a constant seed.
    """
    from sklearn.datasets import load_digits as sklearn_digits
    from sklearn.model_selection import train_test_split

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
    return Dataset(name=row.name, task=row.task, n_classes=row.n_classes, **splits)


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
)
DATASETS: dict[str, DatasetRow] = {row.name: row for row in _ROWS}
