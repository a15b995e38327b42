"""Decoded splits, kept on disk: decoding tens of thousands of small files takes a while."""

import hashlib
import json
import logging
import zipfile
import zlib
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.cache import write_npz
from bench.data import dataset, file_tree, image_decoding, stratified
from bench.data.dataset import SPLITS, Split
from bench.errors import UserError

# What zipfile and the checks of a split raise depends on which byte is damaged.
_DAMAGE = (ValueError, KeyError, EOFError, RuntimeError, OSError, zipfile.BadZipFile, zlib.error)

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
    facts = json.dumps([*source, *_code_identity(code)]).encode()
    path = cache / f"{name}-{hashlib.sha256(facts).hexdigest()}.npz"
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


def _code_identity(code: Sequence[ModuleType]) -> list[str]:
    modules = (dataset, file_tree, image_decoding, stratified, *code)
    source = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    libraries = [
        f"{name} {metadata.version(name)}" for name in ("torchvision", "pillow", "scikit-learn")
    ]
    return [hashlib.sha256(source).hexdigest(), *libraries]


def _read(path: Path) -> dict[str, Split] | None:
    if not path.exists():
        return None
    try:
        # np.load by path would leave the file open if it is no whole archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {
                split: Split(images_BHWQ=arrays[f"{split}_images"], y_B=arrays[f"{split}_labels"])
                for split in SPLITS
            }
    except _DAMAGE as error:
        _log.warning("Cached images %s are damaged (%s); decoding them again.", path, error)
        return None


def _write(path: Path, splits: dict[str, Split]) -> None:
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, split in splits.items():
        arrays |= {f"{name}_images": split.images_BHWQ, f"{name}_labels": split.y_B}
    write_npz(path, **arrays)
