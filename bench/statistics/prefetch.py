"""Replicates that are not kept yet, computed by several processes ahead of their use.

What a process computes follows from the run and the names of the draws alone, and goes into the
cache: tables are the same for any number of processes.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from tqdm import tqdm

from bench.errors import UserError
from bench.executors.allocator import keep_freed_memory
from bench.executors.local import local
from bench.executors.workers import WorkerDied, call_each
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
    tasks = [(root, run_id, splits[place], n_resamples) for run_id, place in missing]
    try:
        with local(min(workers, len(missing)), preload=[__name__]) as processes:
            done = call_each(processes, _keep, tasks)
            for _ in tqdm(done, "resampling", len(tasks), unit="set"):
                pass
    except WorkerDied:
        _log.warning("the processes that resample have ended; going on in this one")


def _work(root: Path, run_id: str, split: Split | tuple[str, ...], n_resamples: int) -> int:
    with contextlib.suppress(UserError):
        return replicates.cold_work(root, run_id, split, n_resamples)
    return 0


def _keep(task: tuple[Path, str, Split | tuple[str, ...], int]) -> None:
    root, run_id, split, n_resamples = task
    keep_freed_memory()  # half of the time goes into getting arrays of some MB anew
    with contextlib.suppress(UserError):
        if isinstance(split, tuple):
            replicates.by_severity(root, run_id, split, n_resamples)
        else:
            replicates.of_run(root, run_id, split, n_resamples)
