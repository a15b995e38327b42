"""CIFAR-10 and CIFAR-100 from the folders that torchvision unpacks, in the "python version".

Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. The official test images
are the test split, a stratified tenth of the official training images is the validation split.
"""

import logging
import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.dataset import Dataset, Split
from bench.data.folder import DATA_VARIABLE, folder_and_origin
from bench.data.medmnist_npz import flat_labels
from bench.data.ready_shift import cifar_c
from bench.data.row import DatasetRow
from bench.data.stratified import stratified_rows
from bench.errors import DataUnavailable, UserError, as_user_error

VAL_SHARE = 0.1
VAL_SEED = 0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Layout:
    train: tuple[str, ...]
    test: str
    meta: str
    labels: str
    names: str
    corrupted: str


_LAYOUTS = {
    "cifar-10-batches-py": _Layout(
        train=tuple(f"data_batch_{k}" for k in range(1, 6)), test="test_batch",
        meta="batches.meta", labels="labels", names="label_names", corrupted="CIFAR-10-C",
    ),
    "cifar-100-python": _Layout(
        train=("train",), test="test", meta="meta", labels="fine_labels",
        names="fine_label_names", corrupted="CIFAR-100-C",
    ),
}  # fmt: skip


def load(row: DatasetRow, data: Path | None, _cache: Path | None) -> Dataset:
    """Load the folder; the shifts are CIFAR-10-C's or CIFAR-100-C's where their folder is there.

    Raises:
        UserError: a file is missing, unreadable or of another layout.
        DataUnavailable: there is no such folder.
    """
    folder, origin = folder_and_origin(data)
    top, layout = folder / row.source, _LAYOUTS[row.source]
    if not top.is_dir():
        raise DataUnavailable(
            f"dataset '{row.name}' is not available: looked for {row.source} in {folder} (from "
            f"{origin}); it is not downloaded automatically: unpack the python version from "
            "https://www.cs.toronto.edu/~kriz/cifar.html there, or pass --data FOLDER, or set "
            f"{DATA_VARIABLE}"
        )
    names = tuple(map(str, _read(top / layout.meta, layout.names)[0]))
    images, labels = zip(*(_batch(top / name, layout) for name in layout.train), strict=True)
    whole = _split(top, np.concatenate(images), np.concatenate(labels))
    size = round(len(whole.y_B) * VAL_SHARE)
    with as_user_error(top):
        val_rows = stratified_rows(whole.y_B, size, seed=VAL_SEED)
        rest = np.setdiff1d(np.arange(len(whole.y_B)), val_rows)
        splits = {
            "train": whole.rows(rest), "val": whole.rows(val_rows),
            "test": _split(top, *_batch(top / layout.test, layout)),
        }  # fmt: skip
        dataset = replace(row, class_names=names).dataset(splits)
    corrupted = folder / layout.corrupted
    if not corrupted.is_dir():
        return dataset
    _log.info("dataset %s: shifts are those of %s", row.name, corrupted)
    return replace(dataset, shift=cifar_c(corrupted, dataset.test.y_B.astype(np.int64)))


def _split(top: Path, pixels_BX: npt.NDArray[np.uint8], y_B: npt.NDArray[np.int64]) -> Split:
    images_BHWQ = pixels_BX.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    with as_user_error(top):
        return Split(images_BHWQ=np.ascontiguousarray(images_BHWQ), y_B=y_B)


def _batch(path: Path, layout: _Layout) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    pixels_BX, labels = _read(path, "data", layout.labels)
    with as_user_error(path):
        y_B = flat_labels(np.asarray(labels), "classification")
    if (
        not isinstance(pixels_BX, np.ndarray)
        or pixels_BX.dtype != np.uint8
        or pixels_BX.shape != (len(y_B), 3072)
    ):
        raise UserError(f"{path}: data must be uint8 of shape ({len(y_B)}, 3072)")
    return pixels_BX, y_B.astype(np.int64)


def _read(path: Path, *keys: str) -> list[Any]:
    try:
        with path.open("rb") as file:
            content = _ArraysAlone(file, encoding="latin1").load()
        return [content[key] for key in keys]
    except Exception as error:  # a foreign file
        reason = f"lacks {error}" if isinstance(error, KeyError) else error
        raise UserError(f"cannot read {path}: {reason}") from error


_RECONSTRUCT = np.empty(0).__reduce__()[0]
_KNOWN = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): lambda text, _encoding: text.encode("latin1"),
}


class _ArraysAlone(pickle.Unpickler):
    """Reads plain values and arrays; a pickle that names anything else, as code, is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}: only arrays are read")
        return _KNOWN[module, name]
