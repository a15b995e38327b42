"""What killed commands leave behind in a results folder, swept by the next that has it alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.atomic import SUFFIX
from bench.records.store import Store, search_folder, storage_errors

# As `bench.atomic` names a file that is being written.
_BEING_WRITTEN = re.compile(rf"\..+\.(\d+){re.escape(SUFFIX)}")


@contextlib.contextmanager
def in_use(results: Path) -> Iterator[None]:
    """Hold a results folder as one of its users, after sweeping it if there is no other.

    The operating system frees the lock of a process that dies.

    Raises:
        StorageError: the folder cannot be created or written.
    """
    store = Store(results)
    with storage_errors(results), (results / ".locks" / "in-use").open("a") as file:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sweep(store)
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def sweep(store: Store) -> None:
    """Remove half-written runs, arrays and files."""
    results = store.root
    for root in (results, search_folder(results)):
        if (root / ".partial").is_dir():
            _sweep_runs(Store(root))
    for partial in (results / ".cache").rglob(f"*{SUFFIX}"):
        partial.unlink(missing_ok=True)
    for path in results.glob(".*"):
        writer = _BEING_WRITTEN.fullmatch(path.name)
        # A command that only reads runs holds nothing, and may be writing its table.
        if writer and path.is_file() and not _runs(int(writer[1])):
            path.unlink(missing_ok=True)


def _sweep_runs(store: Store) -> None:
    for folder in (store.root / ".partial").iterdir():
        # A worker of a cluster may have outlived its command.
        with store.lock(folder.name.removesuffix("-removed"), wait=False) as held:
            if held:
                shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
