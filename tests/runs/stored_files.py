"""Hand-made records, and processes that share a store with the test."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from bench.records.store import FORMAT
from runs.tiny_runs import ROOT

FILES = {"predictions.npz": b"p" * 1000, "weights.safetensors": b"w" * 500}


def a_record(run_id: str = "digits-standard-0123-s0", **values: Any) -> dict[str, Any]:
    return {"format": FORMAT, "run_id": run_id, "status": "done", "value": 0.1, **values}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def in_a_process(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process that has ``store``, the store below its first argument."""
    head = "import os, sys\nfrom pathlib import Path\nfrom bench.records.store import *\n"
    head += "store = Store(Path(sys.argv[1]))\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(code), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
