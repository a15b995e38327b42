"""Start-up: ``-h``, imports, and a whole command of the least work, in fresh processes."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from perf.speed.job import Job
from perf.speed.part import Measured
from perf.speed.processes import seconds
from perf.speed.row import Row

STANDARD = "argparse, dataclasses, importlib.util, logging, pathlib, pkgutil, typing, warnings"
COMMANDS = {
    "python alone": ["-c", "pass"],
    "python with what -h needs of the standard library": ["-c", f"import {STANDARD}"],
    "python -m bench.compare -h": ["-m", "bench.compare", "-h"],
    "python -m bench.search -h": ["-m", "bench.search", "-h"],
    "import torch": ["-c", "import torch"],
    "import of what a run needs": ["-c", "import bench.runs.run"],
}
HELP = "python -m bench.compare -h"


def measure(*, quick: bool) -> Measured:
    """Every command in turns, medians."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(2 if quick else 7):
        for name, arguments in COMMANDS.items():
            taken[name].append(seconds([sys.executable, *arguments]))
    middle = {name: statistics.median(values) for name, values in taken.items()}
    floor_s = middle["python with what -h needs of the standard library"]
    binds = (
        f"Python alone takes {middle['python alone']:.3f} s of it, with the standard library "
        f"{floor_s:.3f} s; no other library is imported"
    )
    rows = [
        Row(quantity=f"start-up: {name}", value=value, unit="s",
            target=0.2 if name == HELP else None, binds=binds if name == HELP else "",
            remark=f"median of {len(taken[name])} processes")
        for name, value in middle.items()
    ]  # fmt: skip
    taken["least job"] = [_least_job() for _ in range(1 if quick else 3)]
    rows.append(
        Row(quantity="start-up: command to records, 2 workers, 2 networks of 1 epoch",
            value=statistics.median(taken["least job"]), unit="s",
            remark="SAE-FC on pneumonia; nearly all of it is start-up")
    )  # fmt: skip
    return Measured(rows=rows, data={"seconds": taken})


def _least_job() -> float:
    job = Job(problem="pneumonia", epochs=1, seeds=2, workers=2)
    with tempfile.TemporaryDirectory() as folder:
        return seconds(job.command("perf.speed.our_job", Path(folder) / "answer.json"))
