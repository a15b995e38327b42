"""Test sets that others have corrupted: CIFAR-10-C, CIFAR-100-C and Tiny-ImageNet-C, as published.

Hendrycks and Dietterich, ICLR 2019, arXiv 1903.12261. Their constants are not those of
`bench.shift.table`, although some names are the same.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.file_tree import FileTree, is_hidden, open_tree
from bench.data.image_decoding import decode_images
from bench.errors import UserError

SEVERITIES = (1, 2, 3, 4, 5)
LABELS = "labels"
_NAME = re.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # what a record can have

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadyShift:
    """Corrupted images that are there already.

    Attributes:
        names: of the corruptions, ascending.
        y_B: labels of the images of every set, in the order of `read`.
        read: the images of some rows (name, severity, rows), uint8 (B, H, W, Q).
        identity: digest of names and sizes, and what it is; for records.
    """

    names: tuple[str, ...]
    y_B: npt.NDArray[np.int64]
    read: Callable[[str, int, Rows], npt.NDArray[np.uint8]]
    identity: tuple[str, str]


def cifar_c(folder: Path, test_y_B: npt.NDArray[np.int64]) -> ReadyShift:
    """Read a folder of <corruption>.npy and labels.npy: five severities of the test images each.

    Args:
        folder: of the files.
        test_y_B: labels of the test split, whose images these are, in its order.

    Raises:
        UserError: a file is unreadable or of another shape, or the labels are not those of test.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.npy")) if not is_hidden(path.name)}
    labels = _array(files.pop(LABELS, folder / f"{LABELS}.npy"))
    n = len(test_y_B)
    if not np.array_equal(labels, np.tile(test_y_B, len(SEVERITIES))):
        raise UserError(f"{folder}/{LABELS}.npy must have the {n} test labels, once per severity")
    for path in files.values():
        images = _array(path)
        if images.dtype != np.uint8 or images.shape != (n * len(SEVERITIES), 32, 32, 3):
            raise UserError(
                f"{path} is {images.dtype} of shape {images.shape}: it must be uint8 of shape "
                f"({n * len(SEVERITIES)}, 32, 32, 3)"
            )

    def read(name: str, severity: int, rows_X: Rows) -> npt.NDArray[np.uint8]:
        return np.ascontiguousarray(_array(files[name])[(severity - 1) * n + rows_X])

    sizes = {name: path.stat().st_size for name, path in files.items()}
    return _shift(folder, sizes, test_y_B, read)


def tiny_imagenet_c(folder: Path, wnids: tuple[str, ...]) -> ReadyShift:
    """Read a folder of <corruption>/<severity>/<wnid>/*.JPEG, which are images of their own.

    Raises:
        UserError: another layout, or a class that is none.
    """
    kinds = sorted(path.name for path in folder.iterdir() if (path / "1").is_dir())
    if not kinds:
        raise UserError(f"{folder} must have folders <corruption>/<severity>/<wnid>")
    with open_tree(folder / kinds[0] / "1") as first:
        names = sorted(name for name in first.stamps if name.count("/") == 1)
    label = {wnid: k for k, wnid in enumerate(wnids)}
    unknown = [name for name in names if name.split("/")[0] not in label]
    if unknown or not names:
        raise UserError(f"{first.where}: {(unknown or ['nothing'])[0]} is in no folder of a class")

    def read(name: str, severity: int, rows_X: Rows) -> npt.NDArray[np.uint8]:
        where = folder / name / str(severity)
        tree = FileTree(
            where=where, stamps=first.stamps, content=lambda file: (where / file).read_bytes()
        )
        return decode_images(tree, [names[row] for row in rows_X], size=(64, 64))

    y_B = np.array([label[name.split("/")[0]] for name in names], np.int64)
    return _shift(folder, dict.fromkeys(kinds, len(names)), y_B, read)


def _shift(
    folder: Path,
    sizes: dict[str, int],
    y_B: npt.NDArray[np.int64],
    read: Callable[[str, int, Rows], npt.NDArray[np.uint8]],
) -> ReadyShift:
    if not sizes:
        raise UserError(f"{folder} has no corrupted images")
    for name in sizes:
        if not _NAME.fullmatch(name):
            raise UserError(f"{folder}: {name!a} is no name of a corruption: {_NAME.pattern}")
    digest = hashlib.sha256(json.dumps(sorted(sizes.items())).encode()).hexdigest()
    return ReadyShift(
        names=tuple(sorted(sizes)), y_B=y_B, read=read,
        identity=(digest, f"{folder.name}, {len(sizes)} kinds"),
    )  # fmt: skip


def _array(path: Path) -> npt.NDArray[Any]:
    """An array of a .npy file, mapped and not read."""
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        raise UserError(f"cannot read {path}: {error}") from error
    return array
