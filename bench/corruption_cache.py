"""All corrupted versions of a split, computed once and kept on disk: the same for every run."""

import functools
import hashlib
import json
import logging
import zipfile
import zlib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np

from bench import augmenters, corruptions
from bench.augmenters import Images
from bench.corruptions import SEVERITIES, check_images, corrupt
from bench.npz_file import write_npz

_log = logging.getLogger(__name__)


def corrupted(
    images_BHWQ: Images, *, key: str, cache: Path | None
) -> Iterator[tuple[str, int, Images]]:
    """Corrupt images by every row of the table at every severity, one set at a time.

    Args:
        images_BHWQ: as in `corrupt`.
        key: as in `corrupt`.
        cache: folder that keeps each set as one .npz file, made if absent; None computes afresh.
            A set is found again only if images, key, row, code and libraries are the same;
            a damaged file is logged and replaced; several processes may share the folder.

    Returns:
        An iterator over (name, severity, images), in the order of the table, severity ascending.

    Raises:
        ValueError: at once, for images of another type or shape than `corrupt` takes.
    """
    check_images(images_BHWQ)
    sets = ((name, severity) for name in corruptions.CORRUPTIONS for severity in SEVERITIES)
    if cache is None:
        return (
            (name, severity, corrupt(images_BHWQ, name=name, severity=severity, key=key))
            for name, severity in sets
        )
    pixels = hashlib.sha256(np.ascontiguousarray(images_BHWQ).data).hexdigest()

    def cached(name: str, severity: int) -> Images:
        facts = [
            key,
            name,
            severity,
            corruptions.CORRUPTIONS[name].constants,
            images_BHWQ.shape,
            pixels,
        ]
        identity = json.dumps([*facts, code_identity()]).encode()
        path = cache / f"{name}-{severity}-{hashlib.sha256(identity).hexdigest()}.npz"
        found_BHWQ = _read(path)
        if found_BHWQ is None:
            found_BHWQ = corrupt(images_BHWQ, name=name, severity=severity, key=key)
            write_npz(path, images=found_BHWQ)
        return found_BHWQ

    return ((name, severity, cached(name, severity)) for name, severity in sets)


@functools.cache
def code_identity() -> tuple[str, ...]:
    """What the pixels depend on besides the arguments; a version number could be forgotten."""
    libraries = ("imaug", "imgaug", "numpy", "opencv-python", "opencv-python-headless", "pillow")
    found = [f"{item.name} {item.version}" for name in libraries
             for item in metadata.distributions(name=name)]  # fmt: skip
    code = b"".join(Path(str(m.__file__)).read_bytes() for m in (augmenters, corruptions))
    return hashlib.sha256(code).hexdigest(), *found


def _read(path: Path) -> Images | None:
    """Read a cached set; None if it is absent or damaged (the archive carries a CRC-32)."""
    if not path.exists():
        return None
    # What zipfile raises depends on which byte is damaged.
    damage = (ValueError, KeyError, EOFError, RuntimeError, OSError, zipfile.BadZipFile, zlib.error)
    try:
        # np.load by path would leave the file open if it is no whole archive.
        with path.open("rb") as file:
            images_BHWQ: Images = np.load(file, allow_pickle=False)["images"]
    except damage as error:
        _log.warning("Cached corruption %s is damaged (%s); computing it again.", path, error)
        return None
    return images_BHWQ
