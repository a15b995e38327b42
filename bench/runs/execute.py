"""Where runs execute: in this process, in local worker processes, or on a cluster.

Runs are submitted and waited for as ``concurrent.futures`` does it, wherever they are.
"""

import contextlib
import functools
import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from typing import Literal

from bench.errors import UserError
from bench.executors.allocator import keep_freed_memory
from bench.executors.device import gpus
from bench.executors.local import local
from bench.executors.workers import InThisProcess, WorkerDied, Workers, waiting_threads
from bench.records.schema import FileName, Record, RecordError
from bench.records.store import Store
from bench.runs.config import RunConfig
from bench.runs.settings import SweepSettings

_log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 5.0  # for workers that have joined a cluster meanwhile


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """The status of a run.

    Attributes:
        status: "done" or "failed" (recorded), or "busy" (another process has it).
        unmeasured: why its speed could not be measured, where a search measures it.
    """

    run_id: str
    status: Literal["done", "failed", "busy"]
    unmeasured: str | None = None


# Makes a run that is missing, as `run_and_store` does.
Run = Callable[..., RunStatus]


class Engine:
    """Where runs are submitted, and how many can be in progress at once."""

    def __init__(
        self, run: Run, sweep: SweepSettings, executor: Executor, workers: Workers | InThisProcess
    ) -> None:
        self._run, self._sweep, self._executor, self._workers = run, sweep, executor, workers

    @property
    def slots(self) -> int:
        """How many runs can be in progress at once, at least 1; grows as workers join a cluster."""
        return max(1, self._workers.slots)

    def submit(self, config: RunConfig, *, wait_for_others: bool = True) -> Future[RunStatus]:
        """Run what the store does not have yet; more than ``slots`` runs wait in line.

        Args:
            config: the run.
            wait_for_others: wait for a run that another process is busy with, rather than come
                back with the outcome "busy".

        Returns:
            The outcome to come; its exception is a UserError if the data or the results folder
            fails.
        """
        return self._executor.submit(
            self._run, config, self._sweep, wait_for_others=wait_for_others
        )


@contextlib.contextmanager
def engine(
    sweep: SweepSettings, *, workers: int, scheduler: str | None = None, run: Run | None = None
) -> Iterator[Engine]:
    """Where runs execute; at the end of the block, those in progress are dropped.

    Args:
        sweep: folders and device.
        workers: processes of this machine; 0 = in this process, at once when submitted.
        scheduler: address of a running Dask scheduler, whose workers are used instead.
        run: a function of a module, called instead of `run_and_store` and as it is.
    """
    if workers == 0 and scheduler is None:
        prepare_process()
        here = InThisProcess()
        yield Engine(run or run_and_store, sweep, here, here)
        return
    sweep = sweep.absolute()  # a worker may have another working directory
    with _workers(sweep, workers, scheduler) as there, waiting_threads(there) as threads:
        yield Engine(functools.partial(_run_on, there, run=run), sweep, threads, there)


def _workers(
    sweep: SweepSettings, workers: int, scheduler: str | None
) -> contextlib.AbstractContextManager[Workers]:
    if scheduler is None:
        return local(workers, gpus(sweep.device))
    # Imported here: Dask is an extra, and takes half a second.
    from bench.executors.cluster import remote

    return remote(scheduler, uses_gpu=sweep.uses_gpu)


def execute(
    configs: Sequence[RunConfig],
    sweep: SweepSettings,
    *,
    workers: int,
    scheduler: str | None = None,
) -> Generator[RunStatus, None, None]:
    """Run what the store does not have yet; yields an outcome as each run ends.

    Runs that another process is busy with come last: then this one waits for it.
    """
    if not configs:
        return
    by_id = {config.run_id: config for config in configs}
    with engine(sweep, workers=min(workers, len(configs)), scheduler=scheduler) as chosen:
        busy = []
        for outcome in _sweep(configs, chosen, wait_for_others=False):
            if outcome.status == "busy":
                busy.append(by_id[outcome.run_id])
            else:
                yield outcome
        if busy:
            _log.info("waiting for %d runs of another process", len(busy))
            yield from _sweep(busy, chosen, wait_for_others=True)


def _sweep(
    configs: Sequence[RunConfig], chosen: Engine, *, wait_for_others: bool
) -> Iterator[RunStatus]:
    todo = deque(configs)
    running: set[Future[RunStatus]] = set()
    while todo or running:
        # No more than can run: after an error of the user's, none is started.
        while todo and len(running) < chosen.slots:
            running.add(chosen.submit(todo.popleft(), wait_for_others=wait_for_others))
        done, running = wait(running, timeout=_LOOK_AGAIN_S, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


def run_and_store(
    config: RunConfig,
    sweep: SweepSettings,
    *,
    wait_for_others: bool,
    death: WorkerDied | None = None,
) -> RunStatus:
    """One run under its lock, unless the store has it by now; failures and deaths are recorded."""
    store = sweep.store
    with store.lock(config.run_id, wait=wait_for_others) as held:
        if not held:
            return RunStatus(run_id=config.run_id, status="busy")
        record = store.claim(config.run_id)
        if record is None:
            record = _save(store, config, *_made(config, sweep, death))
        return RunStatus(run_id=config.run_id, status=record.status)


def _save(
    store: Store, config: RunConfig, record: Record, files: Mapping[FileName, bytes]
) -> Record:
    """Write a run; as a failure, if a method of one's own has given what no record can have."""
    try:
        return store.save(record, files)
    except RecordError as error:
        from bench.runs.run import failure

        return store.save(failure(config, error), {})


def _made(
    config: RunConfig, sweep: SweepSettings, death: WorkerDied | None
) -> tuple[Record, Mapping[FileName, bytes]]:
    # Imported here, with scipy and fvcore: a command whose workers run need not wait for them.
    import torch

    from bench.runs.run import failure, run_one

    if death is not None:
        return failure(config, death), {}
    try:
        return run_one(
            config,
            data=sweep.data,
            cache=sweep.cache,
            device=torch.device(sweep.device),
            row=sweep.row(config.dataset),
            stage=sweep.stage,
        )
    except UserError:
        raise  # of the data or the store, not of this run
    except (Exception, SystemExit) as error:  # whatever it is, the sweep goes on
        return failure(config, error), {}


def _run_on(
    workers: Workers,
    config: RunConfig,
    sweep: SweepSettings,
    *,
    wait_for_others: bool,
    run: Run | None,
) -> RunStatus:
    """One run in a worker; a death of two workers is recorded as the run's failure."""
    try:
        task = functools.partial(run_in_worker, run=run)
        return workers.call(task, config, sweep, wait_for_others=wait_for_others)
    except WorkerDied as death:
        return run_and_store(config, sweep, wait_for_others=True, death=death)


def run_in_worker(
    config: RunConfig, sweep: SweepSettings, *, wait_for_others: bool, run: Run | None = None
) -> RunStatus:
    """Prepare the worker's thread, to which flushing of denormals is bound, and run."""
    prepare_process()
    return (run or run_and_store)(config, sweep, wait_for_others=wait_for_others)


def prepare_process() -> None:
    """One thread, so that the same seed gives the same bits; no denormals, which crawl.

    And memory that is kept: see ``bench.executors.allocator``.
    """
    import torch

    keep_freed_memory()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
