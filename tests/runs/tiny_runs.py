"""The smallest runs that are whole: a narrow network, one epoch, digits. Imports no torch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np

from bench.records.schema import FileName, FinishedRun, Record

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.runs.config import RunConfig

# What the fixtures of the same names do.
Run = Callable[..., tuple[FinishedRun, dict[FileName, bytes]]]
Cli = Callable[..., tuple[int, str, str]]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FEW_CORRUPTIONS = ("brightness", "contrast")
TINY = ("--preset", "smoke", "--set", "epochs=1", "--set", "width=8", "--set", "depth=2")


def config(
    method: str = "standard",
    *,
    seed: int = 0,
    width: int = 8,
    depth: int = 2,
    training: dict[str, Any] | None = None,
    **settings: Any,
) -> RunConfig:
    """A run on digits that takes a fraction of a second; one epoch unless ``training`` says."""
    from bench.runs.config import RunConfig

    return RunConfig.from_dict(
        {
            "dataset": "digits",
            "method": {"name": method, "settings": settings},
            "backbone": {"name": "fc", "settings": {"width": width, "depth": depth}},
            "training": {"epochs": 1, **(training or {})},
            "seed": seed,
        }
    )


def toy_dataset(n_rows: int = 8) -> Dataset:
    """Random 2x2 images of two classes."""
    from bench.data.dataset import Dataset, Split

    rng = np.random.default_rng(0)

    def split() -> Split:
        images = rng.integers(0, 256, (n_rows, 2, 2, 1)).astype(np.uint8)
        return Split(images_BHWQ=images, y_B=np.arange(n_rows) % 2)

    return Dataset(
        name="toy", task="classification", n_classes=2, train=split(), val=split(), test=split()
    )


def start(
    *arguments: str, script: Path | None = HERE / "sweep_driver.py", **environment: str
) -> subprocess.Popen[str]:
    """A real command line in a process group of its own; ``script=None``: bench.compare itself."""
    command = ["-m", "bench.compare"] if script is None else [str(script)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, *command, *arguments],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def without_circumstances(record: Record | None) -> dict[str, Any]:
    """A record without what differs from one execution to the next, and without its files."""
    fields = msgspec.to_builtins(record, str_keys=True)
    return {k: fields[k] for k in fields if k not in {"timings", "environment", "digest", "files"}}


def folder_bytes(folder: Path) -> dict[FileName, bytes]:
    """A run's predictions and weights."""
    stored = [path for path in sorted(folder.iterdir()) if path.suffix != ".json"]
    return {cast("FileName", path.name): path.read_bytes() for path in stored}
