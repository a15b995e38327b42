"""Fresh processes, timed: start-up included, with the defaults that a user would have."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[2]
# Threads are left to each side: none inherits what this shell sets for tests.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_POLL_S = 0.05


def seconds(command: Sequence[str], watch: Callable[[int], None] | None = None) -> float:
    """Wall time of a command from its start to its end.

    Args:
        command: program and arguments; the working directory is the repository.
        watch: called with its process id some times a second.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    environment = {key: value for key, value in os.environ.items() if key not in _THREADS}
    start = time.perf_counter()
    with subprocess.Popen(
        command, cwd=_ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        said = b""
        while True:
            try:
                _, said = process.communicate(timeout=_POLL_S if watch else None)
                break
            except subprocess.TimeoutExpired:
                if watch:
                    watch(process.pid)
        taken = time.perf_counter() - start
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {said.decode(errors='replace')[-2000:]}")
    return taken
