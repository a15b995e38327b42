"""Decoded splits, kept on disk: decoding tens of thousands of small files takes a while."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy.typing as npt

from bench.data import dataset, file_tree, image_decoding, stratified
from bench.data.dataset import SPLITS, Split
from bench.errors import UserError
from bench.storage import cache as arrays

_LIBRARIES = ("pillow", "scikit-learn", "simplejpeg")


def cached_splits(
    decode: Callable[[], dict[str, Split]],
    *,
    cache: Path | None,
    name: str,
    source: Sequence[str | int],
    code: Sequence[ModuleType],
) -> dict[str, Split]:
    """Read decoded splits from the cache; decode and keep them when they are not there.

    They are found again only if the source, the code and the libraries are the same.

    Args:
        decode: makes the splits.
        cache: folder of the files, made if absent; None decodes afresh.
        name: start of the file's name, for readers.
        source: identifies the encoded data and the options of the decoding.
        code: modules, besides this one's imports, that the splits depend on.
    """
    if cache is None:
        return decode()

    def make() -> arrays.Arrays:
        kept: dict[str, npt.NDArray[Any]] = {}
        for split, found in decode().items():
            kept |= {f"{split}_images": found.images_BHWQ, f"{split}_labels": found.y_B}
        return kept

    modules = (dataset, file_tree, image_decoding, stratified, *code)
    path = arrays.path_of(cache, name, list(source), modules, _LIBRARIES)
    try:
        found = arrays.kept(path, make)
    except OSError as error:
        raise UserError(
            f"decoded images cannot be kept in {cache}: {error.strerror or error}; make room "
            "or rights there, or pass --results FOLDER"
        ) from error
    return {
        split: Split(images_BHWQ=found[f"{split}_images"], y_B=found[f"{split}_labels"])
        for split in SPLITS
    }
