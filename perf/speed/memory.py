"""Peak memory of a worker on pneumonia: the whole of ``bench.compare``, corruptions included."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import psutil

from perf.speed.part import Measured
from perf.speed.processes import seconds
from perf.speed.row import Row

_MIB = 2**20
_EVERY = 4  # looks at the children; adding up a process's pages takes some milliseconds
SERVER = "multiprocessing.forkserver"  # in the command line of what workers are forked from


class Peaks:
    """The most memory that each worker was seen with, in bytes by process id."""

    def __init__(self) -> None:
        self.rss: dict[int, int] = {}
        self.pss: dict[int, int] = {}
        self._looks = 0

    def look(self, parent: int) -> None:
        """Look at the workers below a process."""
        self._looks += 1
        if self._looks % _EVERY:
            return
        for worker in workers_below(parent):
            try:
                full = worker.memory_full_info()
            except psutil.Error:
                continue
            self.rss[worker.pid] = max(full.rss, self.rss.get(worker.pid, 0))
            self.pss[worker.pid] = max(full.pss, self.pss.get(worker.pid, 0))


def workers_below(parent: int) -> list[psutil.Process]:
    """The workers of a command, which are children of the fork server that is its child."""
    try:
        servers = [
            child
            for child in psutil.Process(parent).children()
            if SERVER in " ".join(child.cmdline())
        ]
        return [worker for server in servers for worker in server.children()]
    except psutil.Error:  # it has just ended
        return []


def measure(*, quick: bool) -> Measured:
    """Two workers, four seeds of the whole job."""
    peaks = Peaks()
    settings = ["sae.n_inputs=2", "sae.n_exits=2", "fc.width=128", "fc.depth=4"]
    settings.append(f"epochs={1 if quick else 10}")
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "bench.compare", "--datasets", "pneumonia", "--methods", "sae",
            "--seeds", "0,1" if quick else "0,1,2,3", "--workers", "2",
            "--results", str(Path(folder) / "results"),
            *(word for setting in settings for word in ("--set", setting)),
        ]  # fmt: skip
        wall = seconds(command, peaks.look)
    rows = [
        Row(
            quantity=f"pneumonia: peak memory of a worker, {name}", unit="MiB", remark=remark,
            value=max(found.values()) / _MIB if found else None,
        )
        for name, found, remark in (
            ("resident (RSS)", peaks.rss, "shared pages counted whole"),
            ("its share (PSS)", peaks.pss, "shared pages divided among the processes"),
        )
    ]  # fmt: skip
    return Measured(rows=rows, data={"seconds": wall})
