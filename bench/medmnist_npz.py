"""Reader of npz files in MedMNIST's layout, official or one's own: everything is checked."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.dataset import SPLITS, Dataset, Split, Task, require_range, require_task
from bench.errors import UserError


def read_medmnist_npz(
    path: Path,
    *,
    name: str,
    task: Task,
    n_classes: int,
    target_range: tuple[int, int] | None = None,
) -> Dataset:
    """Read a file in MedMNIST's layout: {train,val,test}_{images,labels}; no pickles, ever.

    Args:
        path: npz file with uint8 images (B, H, W) or (B, H, W, 1 or 3), labels (B,) or (B, 1).
        name: name of the dataset.
        task: what is predicted.
        n_classes: labels are the integers 0..n_classes-1; 0 for regression.
        target_range: regression only: constants (low, high) of the labels, scaled to [0, 1].

    Raises:
        UserError: the file cannot be read, lacks an array, or holds one that breaks a rule above;
            the message names file, split, bad value and rule.
    """
    require_task(task, n_classes)
    if (target_range is None) != (task == "classification"):
        raise ValueError(
            f"target_range is {target_range} for {task}: regression takes (low, high), "
            "classification none"
        )
    arrays = _read_arrays(path)
    splits = {}
    for split in SPLITS:
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        try:
            y_B = _targets(labels, target_range or (0, n_classes - 1), scale=task == "regression")
            splits[split] = Split(images_BHWQ=_channels_last(images), y_B=y_B)
        except ValueError as error:
            raise UserError(f"{path}: split '{split}': {error}") from error
    try:
        return Dataset(name=name, task=task, n_classes=n_classes, **splits)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error


def _read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    keys = [f"{split}_{part}" for split in SPLITS for part in ("images", "labels")]
    if not path.is_file():
        raise UserError(f"{path} is not a file")
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path} is not a complete npz (zip) file: truncated or another format")
    arrays, reading = {}, "the archive"
    # Anything may go wrong in a foreign file (zip, zlib, header, memory): all of it is one error.
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = list(archive.files)
            for reading in keys:
                if reading in found:
                    arrays[reading] = np.asarray(archive[reading])
    except Exception as error:
        raise UserError(
            f"{path}: cannot read {reading} ({error}): the file must be an intact npz of plain "
            "arrays; object arrays (pickles) can run code and are never loaded"
        ) from error
    missing = [key for key in keys if key not in found]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}: found {', '.join(found) or 'nothing'}")
    return arrays


def _channels_last(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    images_BHWQ = images[..., None] if images.ndim == 3 else images
    if images_BHWQ.ndim != 4 or images_BHWQ.shape[3] not in (1, 3):
        raise ValueError(
            f"images have shape {images.shape}: they must be (B, H, W) or (B, H, W, 1 or 3)"
        )
    return images_BHWQ


def _targets(
    labels: npt.NDArray[Any], limits: tuple[int, int], *, scale: bool
) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
    if labels.ndim not in (1, 2) or (labels.ndim == 2 and labels.shape[1] != 1):
        raise ValueError(f"labels have shape {labels.shape}: they must be (B,) or (B, 1)")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels are {labels.dtype}: they must be integers")
    low, high = limits
    # Before the cast: an unsigned label too large for int64 would wrap round to another value.
    require_range(labels, low, high, "label")
    y_B = labels.reshape(-1)
    return ((y_B - float(low)) / (high - low)).astype(np.float32) if scale else y_B.astype(np.int64)
