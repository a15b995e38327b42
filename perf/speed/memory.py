"""Peak memory of ``bench.compare`` on two workers, corruptions included."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from perf.speed.part import Measured
from perf.speed.processes import seconds
from perf.speed.row import Row

_MIB = 2**20
_EVERY = 12  # polls per look: adding up the pages of a process takes milliseconds
SERVER = "multiprocessing.forkserver"  # in the command line of what workers are forked from


class Peaks:
    """The most memory that each worker was seen with, in bytes by process id."""

    def __init__(self) -> None:
        self.rss: dict[int, int] = {}
        self.pss: dict[int, int] = {}
        self.all_pss = 0  # at one time, of the command and everything below it
        self._looks = 0

    def look(self, parent: int) -> None:
        """Look at the workers below a process."""
        self._looks += 1
        if self._looks % _EVERY:
            return
        workers = {worker.pid for worker in workers_below(parent)}
        total = 0
        for process in _and_below(parent):
            try:
                full = process.memory_full_info()
            except psutil.Error:
                continue
            total += full.pss
            if process.pid in workers:
                self.rss[process.pid] = max(full.rss, self.rss.get(process.pid, 0))
                self.pss[process.pid] = max(full.pss, self.pss.get(process.pid, 0))
        self.all_pss = max(self.all_pss, total)


def _and_below(parent: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(parent)
        return [process, *process.children(recursive=True)]
    except psutil.Error:  # it has just ended
        return []


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


@dataclass(frozen=True, kw_only=True)
class _Study:
    """What is run: SAE with N = K = 2 on a data set, over seeds on two workers."""

    seeds: int
    epochs: int
    settings: tuple[str, ...]


_STUDIES = {
    "pneumonia": _Study(seeds=4, epochs=10, settings=("fc.width=128", "fc.depth=4")),
    "tinyimagenet": _Study(seeds=2, epochs=1, settings=("resnet.width=8", "resnet.depth=4")),
}


def measure(*, quick: bool) -> Measured:
    """Two workers, the whole job, on the smallest and on the largest images."""
    rows, data = [], {}
    for dataset, study in _STUDIES.items():
        if quick and dataset != "pneumonia":
            continue
        peaks = Peaks()
        epochs = 1 if quick else study.epochs
        settings = ["sae.n_inputs=2", "sae.n_exits=2", f"epochs={epochs}", *study.settings]
        seeds = ",".join(str(seed) for seed in range(2 if quick else study.seeds))
        with tempfile.TemporaryDirectory() as folder:
            command = [
                sys.executable, "-m", "bench.compare", "--datasets", dataset, "--methods", "sae",
                "--seeds", seeds, "--workers", "2", "--results", str(Path(folder) / "results"),
                *(word for setting in settings for word in ("--set", setting)),
            ]  # fmt: skip
            data[dataset] = seconds(command, peaks.look)
        rows += _rows(dataset, peaks)
    return Measured(rows=rows, data={"seconds": data})


def _rows(dataset: str, peaks: Peaks) -> list[Row]:
    """Peaks of a worker and of all processes together."""
    worker = "peak memory of a worker"
    return [
        Row(quantity=f"{dataset}: {what}", value=value / _MIB, unit="MiB", remark=remark)
        for what, value, remark in (
            (f"{worker}, resident (RSS)", max(peaks.rss.values()), "shared pages counted whole"),
            (f"{worker}, its share (PSS)", max(peaks.pss.values()), "shared pages divided"),
            ("peak memory of all processes (PSS)", peaks.all_pss, "the command and two workers"),
        )
    ]
