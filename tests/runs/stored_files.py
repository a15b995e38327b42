"""Hand-made records, and processes that share a store with the test."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from made_records import made

from bench.records.schema import FileName, Record
from runs.tiny_runs import ROOT

FILES: dict[FileName, bytes] = {"predictions.npz": b"p" * 1000, "weights.safetensors": b"w" * 500}


def a_record(seed: int = 0, **values: Any) -> Record:
    return made({"config": {"seed": seed}, "temperature": 0.1, **values})


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def in_a_process(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process that has ``store``, the store below its first argument."""
    head = "import os, sys\nfrom pathlib import Path\nfrom bench.records.store import *\n"
    head += "from runs.stored_files import *\n"
    head += "store = Store(Path(sys.argv[1]))\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(code), *arguments],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
