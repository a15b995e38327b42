"""What killed commands leave behind in a results folder, swept by the next that has it alone."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bench.records.store import Store, search_folder, storage_errors
from bench.storage import atomic
from bench.storage.atomic import SUFFIX


@contextlib.contextmanager
def in_use(results: Path) -> Iterator[None]:
    """Hold a results folder as one of its users; the first sweeps it, and so does the last.

    Workers that a signal has ended leave half-written runs too. The operating system frees the lock
    of a process that dies.
    """
    store = Store(results)
    with storage_errors(results), (results / ".locks" / "in-use").open("a") as file:
        _sweep_if_alone(store, file)
        fcntl.flock(file, fcntl.LOCK_SH)
        try:
            yield
        finally:
            _sweep_if_alone(store, file)


def _sweep_if_alone(store: Store, lock: IO[str]) -> None:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sweep(store)


def sweep(store: Store) -> None:
    """Remove half-written runs, arrays and files."""
    results = store.root
    for root in (results, search_folder(results)):
        if (root / ".partial").is_dir():
            _sweep_runs(Store(root))
    for partial in (results / ".cache").rglob(f"*{SUFFIX}"):
        partial.unlink(missing_ok=True)
    # A command that only reads runs holds nothing, and may be writing its table.
    atomic.sweep(results)


def _sweep_runs(store: Store) -> None:
    for folder in (store.root / ".partial").iterdir():
        # A worker of a cluster may have outlived its command.
        with store.lock(folder.name.removesuffix("-removed"), wait=False) as held:
            if held:
                shutil.rmtree(folder, ignore_errors=True)
