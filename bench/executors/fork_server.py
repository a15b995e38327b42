"""The process that local workers are forked from: it imports what a call needs once, for all.

Importing torch takes longer than many a run. The server does so while the command that will need
workers still plans; a worker, also one in place of a lost one, is then there at once.
"""

import contextlib
import functools
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import multiprocessing.util
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.executors import scratch

# They start no thread and touch no GPU when imported: such a process can be forked.
_PRELOADED = ["bench.runs.execute", "bench.runs.run"]
# Of a library's own pool, which would live in the server: a worker has one thread.
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
# The coordinator alone answers them; they reach the whole process group.
_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A socket's path has 108 bytes at most (unix(7)), with
# /sae-bench-xxxxxxxx/pymp-xxxxxxxx/listener-xxxxxxxx in it.
_LONGEST_FOLDER = 108 - 60


def start() -> None:
    """Start the server, unless it runs; comes back at once, whatever there is to import."""
    scratch.sweep()
    _have_a_folder()
    multiprocessing.forkserver.set_forkserver_preload(_PRELOADED)
    before = dict(os.environ)
    os.environ.update(_ONE_THREAD | before)
    try:
        with signals_held():
            multiprocessing.forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


@functools.cache
def _have_a_folder() -> None:
    """Have multiprocessing make its folder in one of ours, and not below too deep a TMPDIR.

    Ours is swept by the next command if this process is killed.
    """
    usual = tempfile.gettempdir()
    deep = len(os.fsencode(usual)) > _LONGEST_FOLDER
    until_exit = contextlib.ExitStack()
    # After multiprocessing has removed its own (priority -100), lower being later.
    multiprocessing.util.Finalize(None, until_exit.close, exitpriority=-101)
    # In /tmp it is for this user alone.
    place = until_exit.enter_context(scratch.scratch_folder(Path("/tmp") if deep else None))  # noqa: S108
    tempfile.tempdir = str(place)
    try:
        multiprocessing.util.get_temp_dir()
    finally:
        tempfile.tempdir = usual


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Processes that this block starts, and theirs, never see Ctrl-C: not even at their start.

    Nor SIGTERM and SIGHUP. Threads inherit the mask: they start the workers.
    """
    # Python starts this process's tracker with the first lock, and unblocks the signal after that.
    multiprocessing.resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
