"""Making all corrupted test images of pneumonia, and reading them from the cache."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from bench.executors import fork_server
from bench.runs.execute import prepare_process
from bench.runs.loaded import load_dataset
from bench.shift.augmenters import Images
from bench.shift.corrupted_sets import CorruptedSets
from bench.shift.parallel import make_absent
from perf.speed.part import Measured
from perf.speed.row import Row

PROCESSES = 2


def measure(*, quick: bool) -> Measured:
    """All 80 sets: made before a command's first run, and read again."""
    prepare_process()
    images_BHWQ = load_dataset("pneumonia", None).shift_test.images_BHWQ
    fork_server.start()
    with tempfile.TemporaryDirectory() as folder:  # so that nobody waits for the server
        _make(images_BHWQ, Path(folder))
    made, read = [], []
    for _ in range(1 if quick else 3):
        with tempfile.TemporaryDirectory() as folder:
            made.append(_make(images_BHWQ, Path(folder)))
            start = time.perf_counter()
            for _ in CorruptedSets(images_BHWQ=images_BHWQ, key="speed", cache=Path(folder)):
                pass
            read.append(time.perf_counter() - start)
    what = f"pneumonia, {len(images_BHWQ)} images: 80 corrupted sets"
    rows = [
        Row(quantity=f"{what}, made and written by {PROCESSES} processes", unit="s",
            value=statistics.median(made), remark="with their start and the import of imgaug"),
        Row(quantity=f"{what} from the cache", value=statistics.median(read), unit="s",
            remark="files in the page cache; within a process they are kept"),
    ]  # fmt: skip
    return Measured(rows=rows, data={"made": made, "read": read})


def _make(images_BHWQ: Images, cache: Path) -> float:
    start = time.perf_counter()
    sets = CorruptedSets(images_BHWQ=images_BHWQ, key="speed", cache=cache)
    make_absent(sets, processes=PROCESSES)
    return time.perf_counter() - start
