"""Results that take long, kept below the results folder under a digest of all they depend on."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from bench.metrics.predictive import FloatArray
from bench.storage import cache

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
        compute: the work: arrays of one shape, by name.
    """
    path = path_of(root, stem, facts, code)
    found = cache.read(path)
    if found is None:
        _announce(path.parent)
        made = compute()
        # One array, and not hundreds that each have a header. Half the space of float64; 7 digits
        # are more than an interval can tell.
        found = {"names": np.array(list(made)), "values": np.array(list(made.values()), np.float32)}
        try:
            cache.write(path, found)
        except OSError as error:  # results may be read-only: then nothing is kept
            _log.debug("%s is not kept: %s", path, error)
    return dict(zip(found["names"].tolist(), found["values"].astype(np.float64), strict=True))


@functools.cache
def _announce(folder: Path) -> None:
    """A line at the first of them, which may take a while for all."""
    _log.info("computing what intervals are made of; it is kept in %s", folder)


def path_of(root: Path, stem: str, facts: object, code: tuple[ModuleType, ...]) -> Path:
    """Where `cached` keeps the result of these arguments."""
    folder, here = root / ".cache" / "statistics", sys.modules[__name__]
    return cache.path_of(folder, stem, facts, (*code, here), ("numpy", "scipy", "scikit-learn"))
