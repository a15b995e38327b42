"""The whole job beside a busy process: against its fair share of the cores."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from perf.speed.job import Job
from perf.speed.part import Measured
from perf.speed.row import Row
from perf.speed.whole_job import OURS, WORKERS, run_side


def measure(*, quick: bool) -> Measured:
    """With and without a neighbour, in turns."""
    job = Job(problem="pneumonia", epochs=1 if quick else 20, seeds=4)
    alone, beside = [], []
    cpu_alone_s = cpu_beside_s = 0.0
    for _ in range(1 if quick else 3):
        busy_s = _busy_s()
        alone.append(run_side(OURS, job)[0])
        cpu_alone_s += _busy_s() - busy_s
        with _busy_process() as neighbour:
            busy_s = _busy_s() - _cpu_s(neighbour)
            beside.append(run_side(OURS, job)[0])
            cpu_beside_s += _busy_s() - _cpu_s(neighbour) - busy_s
    cores = len(os.sched_getaffinity(0))
    # Two workers and the neighbour divide the cores equally; a spare core is nobody's loss.
    share = min(1.0, cores / (WORKERS + 1))
    ratios = [b * share / a for a, b in zip(alone, beside, strict=True)]
    row = Row(
        quantity="whole job on pneumonia beside one busy process / its fair share",
        value=statistics.median(ratios),
        unit="x",
        target=1.05,
        remark=f"{cores} cores, {WORKERS} workers and the neighbour: {1 / share:.2f}x would be "
        f"fair, {statistics.median(beside) / statistics.median(alone):.2f}x was measured",
        binds=f"beside the neighbour the job took {cpu_beside_s / cpu_alone_s:.2f} times the CPU "
        f"seconds of the job alone, and had {cpu_beside_s / sum(beside):.2f} cores (alone "
        f"{cpu_alone_s / sum(alone):.2f}); {cores * share:.2f} would be fair",
    )
    return Measured(rows=[row], data={"alone": alone, "beside": beside})


def _busy_s() -> float:
    """CPU seconds of all processes since the machine started: our workers are no one's children."""
    used = psutil.cpu_times()
    return float(used.user + used.nice + used.system)


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


@contextmanager
def _busy_process() -> Iterator[psutil.Process]:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()
