"""Where runs execute: in this process, or in local worker processes of one thread each.

Any ``concurrent.futures`` executor would do: the coordinator only submits, waits and counts.
"""

from __future__ import annotations

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.config import RunConfig
from bench.errors import UserError
from bench.records import Store
from bench.run import failure, run_one

_log = logging.getLogger(__name__)

# A worker that dies takes its run with it: one retry, then the run is a recorded failure.
ATTEMPTS = 2


@dataclass(frozen=True, kw_only=True)
class Context:
    """What every run of a sweep shares; picklable.

    Attributes:
        results: the results folder.
        data: the data folder, or None for the default.
        device: a torch device.
    """

    results: Path
    data: Path | None
    device: str

    @property
    def cache(self) -> Path:
        """Where corrupted test images are kept."""
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
                    config, data=context.data, cache=context.cache, device=device
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
    todo = deque((config, 1) for config in configs)
    while todo:
        # A pool that loses a worker is broken for good: the rest goes on in a fresh one.
        pool = ProcessPoolExecutor(
            min(workers, len(todo)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_prepare_worker,
        )
        running: dict[Future[Outcome], tuple[RunConfig, int]] = {}
        try:
            while todo or running:
                # One run a worker at a time, so that a dead worker's run is among few.
                while todo and len(running) < workers:
                    config, attempt = todo.popleft()
                    future = pool.submit(
                        run_and_store, config, context, wait_for_others=wait_for_others
                    )
                    running[future] = (config, attempt)
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield future.result()
                    del running[future]
        except BrokenProcessPool:
            for config, attempt in running.values():
                if attempt < ATTEMPTS:
                    todo.appendleft((config, attempt + 1))
                else:
                    yield _record_death(config, context)
        finally:
            _stop(pool)


def _record_death(config: RunConfig, context: Context) -> Outcome:
    store = Store(context.results)
    with store.lock(config.run_id, wait=True):
        if store.load(config.run_id) is None:
            died = WorkerDied(f"its worker process died {ATTEMPTS} times (out of memory, killed)")
            store.save(failure(config, died), {})
    return Outcome(run_id=config.run_id, status="failed")


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
    # Ctrl-C reaches the whole process group: the coordinator alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
