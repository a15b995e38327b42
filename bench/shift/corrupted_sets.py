"""All corrupted versions of a split, computed once and kept on disk: the same for every run."""

import functools
import hashlib
import json
import logging
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from bench.cache import write_npz
from bench.shift import augmenters
from bench.shift import table as corruptions
from bench.shift.augmenters import Images
from bench.shift.table import SEVERITIES, check_images, corrupt

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class CorruptedSets:
    """All corrupted versions of a split, each kept as one .npz file.

    A set is found again only if images, key, row, code and libraries are the same; several
    processes may share the folder.

    Attributes:
        images_BHWQ: as in `corrupt`.
        key: as in `corrupt`.
        cache: the folder, made if absent.

    Raises:
        ValueError: at once, for images of another type or shape than `corrupt` takes.
    """

    images_BHWQ: Images
    key: str
    cache: Path

    def __post_init__(self) -> None:
        check_images(self.images_BHWQ)

    def __iter__(self) -> Iterator[tuple[str, int, Images]]:
        return ((name, severity, self.get(name, severity)) for name, severity in _each_set())

    def get(self, name: str, severity: int) -> Images:
        """One set from its file; made and written if it is absent, or damaged (which is logged)."""
        path = self._path(name, severity)
        found_BHWQ = _read(path)
        if found_BHWQ is None:
            found_BHWQ = corrupt(self.images_BHWQ, name=name, severity=severity, key=self.key)
            write_npz(path, images=found_BHWQ)
        return found_BHWQ

    def absent(self) -> list[tuple[str, int]]:
        """Name and severity of the sets that have no file yet."""
        return [each for each in _each_set() if not self._path(*each).exists()]

    def _path(self, name: str, severity: int) -> Path:
        constants = corruptions.CORRUPTIONS[name].constants
        facts = [self.key, name, severity, constants, self.images_BHWQ.shape, self._pixels]
        identity = json.dumps([*facts, code_identity()]).encode()
        return self.cache / f"{name}-{severity}-{hashlib.sha256(identity).hexdigest()}.npz"

    @functools.cached_property
    def _pixels(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.images_BHWQ).data).hexdigest()


def corrupted(
    images_BHWQ: Images, *, key: str, cache: Path | None
) -> Iterator[tuple[str, int, Images]]:
    """Corrupt images by every row of the table at every severity, one set at a time.

    Args:
        images_BHWQ: as in `corrupt`.
        key: as in `corrupt`.
        cache: folder of `CorruptedSets`; None computes afresh.

    Returns:
        An iterator over (name, severity, images), in the order of the table, severity ascending.

    Raises:
        ValueError: at once, for images of another type or shape than `corrupt` takes.
    """
    if cache is not None:
        return iter(CorruptedSets(images_BHWQ=images_BHWQ, key=key, cache=cache))
    check_images(images_BHWQ)
    return (
        (name, severity, corrupt(images_BHWQ, name=name, severity=severity, key=key))
        for name, severity in _each_set()
    )


def _each_set() -> list[tuple[str, int]]:
    return [(name, severity) for name in corruptions.CORRUPTIONS for severity in SEVERITIES]


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
