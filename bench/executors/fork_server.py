"""The process that local workers are forked from: it imports what a call needs once, for all.

Importing torch takes longer than many a run. The server does so while the command that will need
workers still plans; a worker, also one in place of a lost one, is then there at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import multiprocessing.util
import os
import signal
import tempfile
from collections.abc import Iterator

from bench.executors import scratch

# They start no thread and touch no GPU when imported: such a process can be forked.
_PRELOADED = ["bench.runs.execute", "bench.runs.run"]
# Of a library's own pool, which would live in the server: a worker has one thread.
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
# The coordinator alone answers them; they reach the whole process group.
_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A socket's path has 108 bytes at most (unix(7)), with /pymp-xxxxxxxx/listener-xxxxxxxx in it.
_LONGEST_FOLDER = 108 - 40


def start() -> None:
    """Start the server, unless it runs; comes back at once, whatever there is to import."""
    scratch.sweep()
    _make_room_for_its_socket()
    multiprocessing.forkserver.set_forkserver_preload(_PRELOADED)
    before = dict(os.environ)
    os.environ.update(_ONE_THREAD | before)
    try:
        with signals_held():
            multiprocessing.forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _make_room_for_its_socket() -> None:
    """Have multiprocessing choose its folder now, and not below a TMPDIR too deep for a socket."""
    usual = tempfile.gettempdir()
    if len(os.fsencode(usual)) > _LONGEST_FOLDER:
        tempfile.tempdir = "/tmp"  # noqa: S108 - it makes a folder for this user alone in it
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
