"""Making the corrupted sets that a cache lacks: before the runs, by several processes at once."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from tqdm import tqdm

from bench.executors import fork_server
from bench.shift.corrupted_sets import CorruptedSets

_log = logging.getLogger(__name__)


def make_absent(sets: CorruptedSets, *, processes: int) -> None:
    """Make and write all sets that have no file yet, under a progress bar.

    Args:
        sets: of images that can be corrupted.
        processes: how many are used at most; 0 or 1 = this one alone.

    Raises:
        OSError: the folder can not be written.
    """
    absent = sets.absent()
    if not absent:
        return
    n_processes = min(processes, len(absent))
    made = _here(sets, absent) if n_processes < 2 else _by_others(sets, absent, n_processes)
    title = f"corrupting {sets.key}"
    for _ in tqdm(made, total=len(absent), unit="set", desc=title, leave=False):
        pass


def _here(sets: CorruptedSets, absent: Sequence[tuple[str, int]]) -> Iterator[None]:
    for name, severity in absent:
        sets.get(name, severity)
        yield


def _by_others(
    sets: CorruptedSets, absent: Sequence[tuple[str, int]], n_processes: int
) -> Iterator[None]:
    fork_server.start()
    pool = ProcessPoolExecutor(
        n_processes, multiprocessing.get_context("forkserver"), _remember, (sets,)
    )
    try:
        for future in as_completed([pool.submit(_make, *each) for each in absent]):
            future.result()
            yield
    except BrokenProcessPool:
        _log.warning(
            "a process that corrupted %s was killed (out of memory?); the runs make what is absent",
            sets.key,
        )
    finally:
        # Also after Ctrl-C: sets in progress are ended, and none is started.
        pool.shutdown(cancel_futures=True)


_SETS: list[CorruptedSets] = []  # of a process of the pool: images are sent to it once


def _remember(sets: CorruptedSets) -> None:
    _SETS[:] = [sets]
    threading.Thread(target=_end_with_the_command, daemon=True).start()


def _end_with_the_command() -> None:
    """An idle process of a pool waits forever when the command is killed: it has both pipe ends."""
    command = multiprocessing.parent_process()
    assert command is not None
    command.join()
    os._exit(1)


def _make(name: str, severity: int) -> None:
    """Write one set; it is not sent back."""
    _SETS[0].get(name, severity)
