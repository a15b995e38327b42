"""Reader of npz files in MedMNIST's layout, official or one's own: everything is checked."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.dataset import SPLITS, Dataset, Split, require_range
from bench.data.row import DatasetRow
from bench.data.targets import scaled
from bench.data.task import Task
from bench.errors import UserError, as_user_error

PARTS = ("images", "labels")


def read_medmnist_npz(path: Path, row: DatasetRow) -> Dataset:
    """Read a file in MedMNIST's layout: {train,val,test}_{images,labels}; no pickles, ever.

    Args:
        path: npz file with uint8 images (B, H, W) or (B, H, W, 1 or 3), labels (B,) or (B, 1).
            Classification: the integers 0..n_classes-1. Regression: integers or floats; those of
            train lie within the row's target_range, those of val and test may lie beyond.
        row: name, task, n_classes and target_range.

    Raises:
        UserError: the file cannot be read, lacks an array, or holds one that breaks a rule above;
            the message names file, split, bad value and rule.
    """
    arrays = read_arrays(path, [f"{split}_{part}" for split in SPLITS for part in PARTS])
    splits = {}
    for split in SPLITS:
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        with as_user_error(f"{path}: split '{split}'"):
            y_B = flat_labels(labels, row.task)
            if row.target_range is None:
                y_B = _classes(y_B, row.n_classes)
            else:
                y_B = _scaled(y_B, row.target_range, check=split == "train")
            splits[split] = Split(images_BHWQ=_channels_last(images), y_B=y_B)
    with as_user_error(path):
        return row.dataset(splits)


def read_arrays(path: Path, keys: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Read some arrays of an npz file; pickles never.

    Raises:
        UserError: the file is no intact npz, lacks one of the arrays, has one twice, or one that
            holds other bytes than its header announces.
    """
    if not path.is_file():
        raise UserError(f"{path} is not a file")
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path} is not a complete npz (zip) file: truncated or another format")
    arrays, reading = {}, "the archive"
    # Anything may go wrong in a foreign file (zip, zlib, header, memory): all of it is one error.
    try:
        with zipfile.ZipFile(path) as archive:
            found = [name.removesuffix(".npy") for name in archive.namelist()]
            for reading in keys:
                if reading in found:
                    arrays[reading] = _array(archive, reading, found.count(reading))
    except Exception as error:
        raise UserError(
            f"{path}: cannot read {reading} ({error}): the file must be an intact npz of plain "
            "arrays; object arrays (pickles) can run code and are never loaded"
        ) from error
    missing = [key for key in keys if key not in found]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}: found {', '.join(found) or 'nothing'}")
    return arrays


def _array(archive: zipfile.ZipFile, name: str, times: int) -> npt.NDArray[Any]:
    if times > 1:
        raise ValueError(f"it is there {times} times")
    with archive.open(f"{name}.npy") as file:
        array: npt.NDArray[Any] = np.lib.format.read_array(  # type: ignore[no-untyped-call]
            file, allow_pickle=False
        )
        if file.read(1):  # np.load would not look; at the end, the CRC-32 is checked too
            raise ValueError(f"there are bytes beyond the {array.shape} that its header announces")
    return array


def _channels_last(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    images_BHWQ = images[..., None] if images.ndim == 3 else images
    if images_BHWQ.ndim != 4 or images_BHWQ.shape[3] not in (1, 3):
        raise ValueError(
            f"images have shape {images.shape}: they must be (B, H, W) or (B, H, W, 1 or 3)"
        )
    return images_BHWQ


def flat_labels(labels: npt.NDArray[Any], task: Task) -> npt.NDArray[Any]:
    """Labels (B,) or (B, 1) as (B,), in the type they have.

    Raises:
        ValueError: another shape, or labels that are not integers (regression: nor floats).
    """
    if labels.ndim not in (1, 2) or (labels.ndim == 2 and labels.shape[1] != 1):
        raise ValueError(f"labels have shape {labels.shape}: they must be (B,) or (B, 1)")
    # By kind: NumPy counts durations among the integers.
    if labels.dtype.kind not in ("iuf" if task == "regression" else "iu"):
        rule = "integers or floats" if task == "regression" else "integers"
        raise ValueError(f"labels are {labels.dtype}: they must be {rule}")
    return labels.reshape(-1)


def _classes(labels_B: npt.NDArray[Any], n_classes: int) -> npt.NDArray[np.int64]:
    # Before the cast: an unsigned label too large for int64 would wrap round to another value.
    require_range(labels_B, 0, n_classes - 1, "label")
    return labels_B.astype(np.int64)


def _scaled(
    labels_B: npt.NDArray[Any], limits: tuple[float, float], *, check: bool
) -> npt.NDArray[np.float32]:
    low, high = limits
    if check:
        require_range(labels_B, low, high, "label")
    return scaled(labels_B, limits)
