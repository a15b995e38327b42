"""Decoded splits, kept on disk: decoding tens of thousands of small files takes a while."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy.typing as npt

from bench import cache as arrays
from bench.data import dataset, file_tree, image_decoding, stratified
from bench.data.dataset import SPLITS, Split
from bench.errors import UserError

_LIBRARIES = ("pillow", "scikit-learn", "simplejpeg")

_log = logging.getLogger(__name__)


def cached_splits(
    decode: Callable[[], dict[str, Split]],
    *,
    cache: Path | None,
    name: str,
    source: Sequence[str | int],
    code: Sequence[ModuleType],
) -> dict[str, Split]:
    """Read decoded splits from the cache; decode and keep them when they are not there.

    The file is in MedMNIST's layout: {train,val,test}_{images,labels}. It is found again only if
    the source, the code and the libraries are the same; a damaged one (each array carries a CRC-32)
    is logged and replaced; several processes may share the folder.

    Args:
        decode: makes the splits.
        cache: folder of the files, made if absent; None decodes afresh.
        name: start of the file's name, for readers.
        source: identifies the encoded data and the options of the decoding.
        code: modules, besides this one's imports, that the splits depend on.

    Raises:
        UserError: the cache can not be written.
    """
    if cache is None:
        return decode()
    modules = (dataset, file_tree, image_decoding, stratified, *code)
    path = arrays.path_of(cache, name, list(source), modules, _LIBRARIES)
    splits = _read(path)
    if splits is None:
        splits = decode()
        try:
            _write(path, splits)
        except OSError as error:
            raise UserError(
                f"decoded images can not be kept in {cache}: {error.strerror or error}; make room "
                "or rights there, or pass --results FOLDER"
            ) from error
    return splits


def _read(path: Path) -> dict[str, Split] | None:
    found = arrays.read(path, mapped=True)
    if found is None:
        return None
    try:
        return {
            split: Split(images_BHWQ=found[f"{split}_images"], y_B=found[f"{split}_labels"])
            for split in SPLITS
        }
    except (KeyError, ValueError) as error:  # whole, but no splits
        _log.warning("Cached images %s are damaged (%s); decoding them again.", path, error)
        return None


def _write(path: Path, splits: dict[str, Split]) -> None:
    kept: dict[str, npt.NDArray[Any]] = {}
    for name, split in splits.items():
        kept |= {f"{name}_images": split.images_BHWQ, f"{name}_labels": split.y_B}
    arrays.write(path, kept)
