"""Results that take long, kept below the results folder under a digest of all they depend on."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from bench import cache
from bench.metrics.predictive import FloatArray

_log = logging.getLogger(__name__)

Arrays = Mapping[str, FloatArray]


def cached(
    root: Path,
    stem: str,
    facts: object,
    code: tuple[ModuleType, ...],
    compute: Callable[[], Arrays],
) -> Arrays:
    """What ``compute`` gives, rounded to float32; computed only if it is not known.

    Args:
        root: the results folder; files are in ``.cache/statistics`` below it.
        stem: how the file's name begins.
        facts: what the result depends on, as JSON.
        code: the modules that compute it, whose syntax trees are part of the digest.
        compute: the work; its keys are names of arrays.
    """
    path = path_of(root, stem, facts, code)
    found = cache.read(path)
    if found is None:
        _announce(path.parent)
        # Half the space of float64; 7 digits are more than an interval can tell.
        found = {key: array.astype(np.float32) for key, array in compute().items()}
        try:
            cache.write(path, found)
        except OSError as error:  # results may be read-only: then nothing is kept
            _log.debug("%s is not kept: %s", path, error)
    return {key: array.astype(np.float64) for key, array in found.items()}


@functools.cache
def _announce(folder: Path) -> None:
    """A line at the first of them, which may take a while for all."""
    _log.info("computing what intervals are made of; it is kept in %s", folder)


def path_of(root: Path, stem: str, facts: object, code: tuple[ModuleType, ...]) -> Path:
    """Where `cached` keeps the result of these arguments."""
    folder = root / ".cache" / "statistics"
    return cache.path_of(folder, stem, facts, code, ("numpy", "scipy", "scikit-learn"))
