"""The process that local workers are forked from: it imports what a run needs once, for all.

Importing torch takes longer than many a run. The server does so while the command that will need
workers still plans; a worker, also one in place of a lost one, is then there at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
from collections.abc import Iterator

# They start no thread and touch no GPU when imported: such a process can be forked.
_PRELOADED = ["distributed", "bench.runs.execute", "bench.runs.run"]
# Of a library's own pool, which would live in the server: a worker has one thread.
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}


def start() -> None:
    """Start the server, unless it runs; comes back at once, whatever there is to import."""
    multiprocessing.forkserver.set_forkserver_preload(_PRELOADED)
    before = dict(os.environ)
    os.environ.update(_ONE_THREAD | before)
    try:
        with ctrl_c_held():
            multiprocessing.forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def ctrl_c_held() -> Iterator[None]:
    """Processes that this block starts, and theirs, never see Ctrl-C: not even at their start.

    It reaches the whole process group, and the coordinator alone is to answer it. Threads inherit
    the mask: those of Dask start the workers.
    """
    # Python starts this process's tracker with the first lock, and unblocks the signal after that.
    multiprocessing.resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
