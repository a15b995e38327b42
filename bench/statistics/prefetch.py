"""Replicates that are not kept yet, computed by several processes ahead of their use.

What a process computes follows from the run and the names of the draws alone, and goes into the
cache: tables are the same for any number of processes.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from tqdm import tqdm

from bench.errors import UserError
from bench.statistics import replicates
from bench.statistics.replicates import Split

_log = logging.getLogger(__name__)

# Counts of samples to read, see `cold_work`: some ten seconds of work, below which processes are
# not worth the seconds that they take to start.
MIN_WORK = 200_000_000


def keep_replicates(
    root: Path,
    run_ids: Collection[str],
    splits: Sequence[Split | tuple[str, ...]],
    n_resamples: int,
    *,
    workers: int | None = None,
) -> None:
    """Compute what is not kept of these runs, if that is long enough to share it out.

    Args:
        root: the results folder.
        run_ids: finished runs.
        splits: as `replicates.of_run`; of `replicates.by_severity` the keys.
        n_resamples: how many resamples.
        workers: processes; None: one a core that this process may use. Below 2, and for little
            work, nothing is done: values are then computed where they are read. So is what can not
            be computed here, for the error to come from there.
    """
    workers = len(os.sched_getaffinity(0)) if workers is None else workers
    if workers < 2:
        return
    work = {
        (run_id, place): _work(root, run_id, split, n_resamples)
        for run_id in dict.fromkeys(run_ids)
        for place, split in enumerate(splits)
    }
    missing = sorted((key for key in work if work[key]), key=lambda key: -work[key])
    if len(missing) < 2 or sum(work.values()) < MIN_WORK:
        return
    try:
        with _processes(min(workers, len(missing))) as pool:
            tasks = [
                pool.submit(_keep, root, run_id, splits[place], n_resamples)
                for run_id, place in missing
            ]
            for task in tqdm(as_completed(tasks), "resampling", len(tasks), unit="set"):
                task.result()
    except BrokenProcessPool:  # killed, or the program can not be started anew
        _log.warning("the processes that resample have ended; going on in this one")


_ENVIRONMENT = {
    # Several threads each would take each other's cores.
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    # glibc gives arrays of some MB back to the system and asks for them again: half of the time.
    "MALLOC_MMAP_THRESHOLD_": str(2**26), "MALLOC_TRIM_THRESHOLD_": str(2**28),
}  # fmt: skip


@contextlib.contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Fresh processes, which read their environment as they start."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def _work(root: Path, run_id: str, split: Split | tuple[str, ...], n_resamples: int) -> int:
    with contextlib.suppress(UserError):
        return replicates.cold_work(root, run_id, split, n_resamples)
    return 0


def _keep(root: Path, run_id: str, split: Split | tuple[str, ...], n_resamples: int) -> None:
    with contextlib.suppress(UserError):
        if isinstance(split, tuple):
            replicates.by_severity(root, run_id, split, n_resamples)
        else:
            replicates.of_run(root, run_id, split, n_resamples)
