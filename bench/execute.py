"""Where runs execute: in this process, or in local worker processes of one thread each.

Any ``concurrent.futures`` executor would do: the coordinator only submits, waits and counts.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.config import RunConfig
from bench.datasets import DATASETS, DatasetRow
from bench.errors import UserError
from bench.records import Store
from bench.run import failure, run_one

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What every run of a sweep shares; picklable.

    Attributes:
        results: the results folder.
        data: the data folder, or None for the default.
        device: a torch device.
        rows: own datasets by name; those of the table need no entry.
    """

    results: Path
    data: Path | None
    device: str
    rows: Mapping[str, DatasetRow] = field(default_factory=dict)

    def row(self, dataset: str) -> DatasetRow:
        """What is known of a dataset of this sweep."""
        return self.rows.get(dataset) or DATASETS[dataset]

    @property
    def cache(self) -> Path:
        """Where decoded and corrupted images are kept."""
        return self.results / ".cache"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a run: "done" or "failed" (recorded), or "busy" (another process has it)."""

    run_id: str
    status: Literal["done", "failed", "busy"]


class WorkerDied(Exception):  # noqa: N818 - it says what happened
    """A worker process ended in the middle of a run (out of memory, killed)."""


def execute(
    configs: Sequence[RunConfig], context: Context, *, workers: int
) -> Generator[Outcome, None, None]:
    """Run what the store does not have yet; yields an outcome as each run ends.

    Runs that another process is busy with come last: then this one waits for it.

    Args:
        configs: the runs.
        context: folders and device.
        workers: processes; 0 = in this process.

    Raises:
        UserError: the data or the results folder fails; no further run is started.
    """
    sweep = _sweep_here if workers == 0 else _sweep_in_workers
    busy = []
    by_id = {config.run_id: config for config in configs}
    for outcome in sweep(configs, context, workers, wait_for_others=False):
        if outcome.status == "busy":
            busy.append(by_id[outcome.run_id])
        else:
            yield outcome
    if busy:
        _log.info("waiting for %d runs of another process", len(busy))
        yield from sweep(busy, context, workers, wait_for_others=True)


def run_and_store(config: RunConfig, context: Context, *, wait_for_others: bool) -> Outcome:
    """One run under its lock, unless the store has it by now; a failure is recorded."""
    store = Store(context.results)
    with store.lock(config.run_id, wait=wait_for_others) as held:
        if not held:
            return Outcome(run_id=config.run_id, status="busy")
        record = store.load(config.run_id)
        if record is None:
            files: dict[str, bytes] = {}
            try:
                import torch

                device = torch.device(context.device)
                record, files = run_one(
                    config,
                    data=context.data,
                    cache=context.cache,
                    device=device,
                    row=context.row(config.dataset),
                )
            except UserError:
                raise  # of the data or the store, not of this run
            except Exception as error:  # whatever it is, the sweep goes on
                record = failure(config, error)
            store.save(record, files)
        return Outcome(run_id=config.run_id, status=record["status"])


def _sweep_here(
    configs: Sequence[RunConfig], context: Context, _workers: int, *, wait_for_others: bool
) -> Iterator[Outcome]:
    prepare_process()
    for config in configs:
        yield run_and_store(config, context, wait_for_others=wait_for_others)


def _sweep_in_workers(
    configs: Sequence[RunConfig], context: Context, workers: int, *, wait_for_others: bool
) -> Iterator[Outcome]:
    todo = deque(configs)
    while todo:
        suspects = yield from _in_a_pool(todo, context, workers, wait_for_others=wait_for_others)
        # Nothing says whose worker died: alone, a run can not take its neighbours with it again.
        for config in suspects:
            alone = deque([config])
            if (yield from _in_a_pool(alone, context, 1, wait_for_others=wait_for_others)):
                yield _record_death(config, context)


def _in_a_pool(
    todo: deque[RunConfig], context: Context, workers: int, *, wait_for_others: bool
) -> Generator[Outcome, None, list[RunConfig]]:
    """Take from ``todo`` until it is empty or a worker dies, which breaks the pool for good.

    Returns:
        The runs that were in progress when a worker died.
    """
    pool = ProcessPoolExecutor(
        min(workers, len(todo)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare_worker,
    )
    running: dict[Future[Outcome], RunConfig] = {}
    try:
        while todo or running:
            # One run a worker at a time, so that a dead worker's run is among few.
            while todo and len(running) < workers:
                with _ctrl_c_held():
                    future = pool.submit(
                        run_and_store, todo[0], context, wait_for_others=wait_for_others
                    )
                running[future] = todo.popleft()  # only now: a broken pool takes nothing
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                outcome = future.result()
                del running[future]
                yield outcome
    except BrokenProcessPool:
        return list(running.values())
    finally:
        _stop(pool)
    return []


@contextlib.contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Processes that are started in here never see Ctrl-C, from their first instruction on.

    It reaches the whole process group, and the coordinator alone is to answer it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _record_death(config: RunConfig, context: Context) -> Outcome:
    store = Store(context.results)
    with store.lock(config.run_id, wait=True):
        record = store.load(config.run_id)
        if record is None:
            died = WorkerDied("its worker process died twice (out of memory, killed)")
            record = failure(config, died)
            store.save(record, {})
    return Outcome(run_id=config.run_id, status=record["status"])


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers at once; a run in progress leaves nothing but a partial folder."""
    pool.shutdown(wait=False, cancel_futures=True)
    for process in multiprocessing.active_children():
        process.terminate()
    pool.shutdown(wait=True)


def prepare_process() -> None:
    """One thread, so that the same seed gives the same bits; no denormals, which crawl."""
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def _prepare_worker() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare_process()


def _end_with_parent() -> None:
    """A worker whose coordinator was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def default_device(name: str) -> str:
    """The device to use: "auto" is the first GPU where there is one.

    Raises:
        UserError: torch has no such device.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--device {name}: not usable here ({reason}); try cpu") from error
    return name
