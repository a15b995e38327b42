"""A Dask scheduler in this process, and worker processes of one thread each on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dask
from distributed import Client, Nanny, Scheduler, SpecCluster

from bench.executors import dashboard, fork_server
from bench.executors.cluster import GPU, Cluster, quieten

_log = logging.getLogger(__name__)

_CONFIG = {
    "distributed.worker.multiprocessing-method": "forkserver",  # that of fork_server
    # Runs are timed: no sampling of their stacks, and memory is kept rather than given back.
    "distributed.worker.profile.enabled": False,
    # Each of its ticks takes the interpreter from the run: 50 a second by default.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "1 hour",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.work-stealing": False,
    # A worker is lost when its process is, not when a laptop sleeps or a restart takes long.
    "distributed.scheduler.worker-ttl": None,
    "distributed.deploy.lost-worker-timeout": "1 hour",
}


@contextlib.contextmanager
def local(n_workers: int, gpus: Sequence[str]) -> Iterator[Cluster]:
    """A scheduler in this process and ``n_workers`` worker processes, ended with the block.

    See :func:`worker_options`. The workers end by themselves if this process is killed.
    """
    quieten()
    fork_server.start()
    with contextlib.ExitStack() as stack:
        # Dask's own files: neither in the working nor in the results folder.
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="sae-bench-", ignore_cleanup_errors=True)
        )
        stack.enter_context(dask.config.set({**_CONFIG, "temporary-directory": folder}))
        with fork_server.ctrl_c_held():
            nodes = _start(worker_options(n_workers, gpus), Path(folder))
            stack.callback(_end, nodes)
            assert nodes.scheduler is not None
            dashboard.offer(nodes.scheduler)
            client = Client(nodes, set_as_default=False)  # type: ignore[no-untyped-call]
            cluster = Cluster(client, nodes.scheduler_address, uses_gpu=bool(gpus))
            stack.callback(cluster.close)
        _log.info("dashboard of the runs in progress: %s", nodes.dashboard_link)
        yield cluster


def worker_options(n_workers: int, gpus: Sequence[str]) -> list[dict[str, Any]]:
    """Keyword arguments of the nannies of ``n_workers`` one-thread worker processes.

    Args:
        n_workers: how many.
        gpus: values of CUDA_VISIBLE_DEVICES, dealt to the workers in turn; none: no GPU is used.
    """
    # The environment of now: that of the process they are forked from is older.
    env = dict(os.environ)
    # No memory limit: Dask's would stop runs that the machine has room for.
    options: dict[str, Any] = {
        "nthreads": 1, "memory_limit": 0, "silence_logs": logging.CRITICAL, "env": env
    }  # fmt: skip
    if not gpus:
        return [options] * n_workers
    visible = [gpus[i % len(gpus)] for i in range(n_workers)]
    return [
        {**options, "resources": GPU, "env": {**env, "CUDA_VISIBLE_DEVICES": gpu}}
        for gpu in visible
    ]


def _start(options: Sequence[Mapping[str, Any]], folder: Path) -> SpecCluster:
    here = "127.0.0.1"  # not the network's: who reaches a Dask port can run code
    with warnings.catch_warnings():
        # Then Dask takes a free one, which is all there is to it.
        warnings.filterwarnings("ignore", "Port 8787 is already in use", UserWarning)
        return SpecCluster(  # type: ignore[no-untyped-call]
            scheduler={
                "cls": Scheduler,
                "options": {
                    "host": here,
                    "port": 0,
                    "dashboard": False,  # for now: see bench.executors.dashboard
                    "dashboard_address": f"{here}:8787",
                    "allowed_failures": 0,  # the second attempt is Cluster.call's
                },
            },
            workers={
                i: {
                    "cls": Nanny,
                    "options": {
                        **each, "host": here, "dashboard": False, "local_directory": str(folder)
                    },
                }
                for i, each in enumerate(options)
            },
        )  # fmt: skip


def _end(nodes: SpecCluster) -> None:
    """End the workers at once; a run in progress leaves nothing but a partial folder."""
    for nanny in nodes.workers.values():
        nanny.close_gracefully()  # it starts no other worker
        if nanny.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)
    nodes.close()
