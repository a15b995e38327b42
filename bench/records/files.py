"""The files beside a record: regular ones alone, under their SHA-256."""

import functools
import hashlib
import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

from bench.records.schema import FileName, RecordError


def regular_size(path: Path) -> int | None:
    """Bytes of a regular file; None for anything else, a link to one too."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def sha256_of(path: Path) -> str:
    """SHA-256 of a regular file.

    Raises:
        OSError: it cannot be read, or is a link.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        key = (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_dev)
        # A view reads a run several times; nothing but its bytes needs to be read again.
        known = _seen(key)
        if not known:
            known.append(hashlib.file_digest(file, "sha256").hexdigest())
        return known[0]


@functools.lru_cache(maxsize=100_000)
def _seen(_key: tuple[int, ...]) -> list[str]:
    return []


def check_files(folder: Path, files: Mapping[FileName, str], checked: Collection[str]) -> None:
    """Compare the files of a run with their digests.

    Args:
        folder: of the run.
        files: SHA-256 by name.
        checked: whose bytes are read; the others have to be there.

    Raises:
        RecordError: a file is missing, or another one than was written.
    """
    for name, digest in files.items():
        if regular_size(folder / name) is None:
            raise RecordError(f"{name} is missing or no regular file")
        if name in checked and sha256_of(folder / name) != digest:
            raise RecordError(f"{name} is not what was written (SHA-256)")
