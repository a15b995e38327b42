"""Results that take long, kept below the results folder under a digest of all they depend on."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import zipfile
import zlib
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType

import numpy as np

from bench.cache import write_npz
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
        code: the modules that compute it: their source is part of the digest, since a version
            number could be forgotten.
        compute: the work; its keys are names of arrays.
    """
    path = path_of(root, stem, facts, code)
    found = _read(path)
    if found is None:
        _log.info("computing %s", path.stem)
        # Half the space of float64; 7 digits are more than 1,000 resamples can tell.
        write_npz(path, **{key: array.astype(np.float32) for key, array in compute().items()})
        found = _read(path)
        assert found is not None, "an archive that was just written"
    return found


def path_of(root: Path, stem: str, facts: object, code: tuple[ModuleType, ...]) -> Path:
    """Where `cached` keeps the result of these arguments."""
    identity = json.dumps([facts, code_identity(code)]).encode()
    name = f"{stem}-{hashlib.sha256(identity).hexdigest()[:24]}.npz"
    return root / ".cache" / "statistics" / name


@functools.cache
def code_identity(modules: tuple[ModuleType, ...]) -> tuple[str, ...]:
    """A digest of the modules' source, and the libraries' versions."""
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    libraries = [f"{name} {metadata.version(name)}" for name in ("numpy", "scipy", "optuna")]
    return hashlib.sha256(code).hexdigest(), *libraries


def _read(path: Path) -> dict[str, FloatArray] | None:
    """Read arrays; None if they are absent or damaged (the archive carries a CRC-32)."""
    if not path.exists():
        return None
    # What zipfile raises depends on which byte is damaged.
    damage = (ValueError, KeyError, EOFError, RuntimeError, OSError, zipfile.BadZipFile, zlib.error)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {key: arrays[key].astype(np.float64) for key in arrays}
    except damage as error:
        _log.warning("Cached statistics %s are damaged (%s); computing again.", path, error)
        return None
