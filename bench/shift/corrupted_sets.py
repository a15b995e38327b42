"""All corrupted versions of a split, computed once and kept on disk: the same for every run."""

import functools
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import ModuleType

import numpy as np

from bench.shift import augmenters
from bench.shift import table as corruptions
from bench.shift.augmenters import Images
from bench.shift.table import SEVERITIES, check_images, corrupt
from bench.storage import cache as arrays

_LIBRARIES = ("imaug", "imgaug", "numpy", "opencv-python", "opencv-python-headless", "pillow")


@dataclass(frozen=True, kw_only=True, eq=False)
class CorruptedSets:
    """All corrupted versions of a split, each kept as one .npz file.

    A set is found again only if images, key, row, code and libraries are the same; several
    processes may share the folder.

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

        def make() -> arrays.Arrays:
            made = corrupt(self.images_BHWQ, name=name, severity=severity, key=self.key)
            return {"images": made}

        return arrays.kept(self._path(name, severity), make)["images"]

    def absent(self) -> list[tuple[str, int]]:
        """Name and severity of the sets that have no file yet."""
        return [each for each in _each_set() if not self._path(*each).exists()]

    def _path(self, name: str, severity: int) -> Path:
        constants = corruptions.CORRUPTIONS[name].constants
        facts = [self.key, name, severity, constants, self.images_BHWQ.shape, self._pixels]
        code = (augmenters, corruptions, *_from_outside(name))
        return arrays.path_of(self.cache, f"{name}-{severity}", facts, code, _LIBRARIES)

    @functools.cached_property
    def _pixels(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.images_BHWQ).data).hexdigest()


def _each_set() -> list[tuple[str, int]]:
    return [(name, severity) for name in corruptions.CORRUPTIONS for severity in SEVERITIES]


def code_identity() -> tuple[str, ...]:
    """Digest of the code that pixels depend on; a version number could be forgotten."""
    own = dict.fromkeys(chain.from_iterable(map(_from_outside, corruptions.CORRUPTIONS)))
    return arrays.code_identity((augmenters, corruptions, *own), _LIBRARIES)


def _from_outside(name: str) -> tuple[ModuleType, ...]:
    """The module of a row's function, where it is none of this package."""
    module = sys.modules[corruptions.CORRUPTIONS[name].build.__module__]
    return () if module in (augmenters, corruptions) else (module,)
