"""Start-up: ``-h``, imports, and a whole command of the least work, in fresh processes."""

from __future__ import annotations

import statistics
import sys

from perf.speed.job import Job
from perf.speed.part import Measured
from perf.speed.processes import seconds
from perf.speed.row import Row
from perf.speed.whole_job import OURS, run_side

COMMANDS = {
    "python alone": ["-c", "pass"],
    "python -m bench.compare -h": ["-m", "bench.compare", "-h"],
    "import torch": ["-c", "import torch"],
    "import of what a run needs": ["-c", "import bench.runs.run"],
}


def measure(*, quick: bool) -> Measured:
    """Every command in turns, medians."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(2 if quick else 7):
        for name, arguments in COMMANDS.items():
            taken[name].append(seconds([sys.executable, *arguments]))
    least = "command to records, 2 workers, 2 networks of 1 epoch"
    job = Job(problem="pneumonia", epochs=1, seeds=2)
    taken[least] = [run_side(OURS, job)[0] for _ in range(1 if quick else 3)]
    rows = [
        Row(quantity=f"start-up: {name}", value=statistics.median(values), unit="s",
            remark=f"median of {len(values)} processes")
        for name, values in taken.items()
    ]  # fmt: skip
    return Measured(rows=rows, data={"seconds": taken})
