"""Every test process computes on one thread, as a worker of the benchmark does."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch or NumPy is imported

# A shell starts what runs in its background deaf to Ctrl-C, `nohup` deaf to a hang-up, and commands
# that tests start inherit it; what these signals do to them is tested.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

_HERE = Path(__file__).parent
# Their numbers come from kernels that PyTorch chooses by the CPU's instruction set.
NUMERIC = [
    _HERE / name
    for name in (
        "backbones", "methods", "metrics", "export/test_exporting.py", "runs/test_clipped_adam.py",
        "runs/test_four_problems.py", "runs/test_regression_runs.py", "runs/test_run.py",
        "runs/test_shifted_runs.py", "runs/test_steps.py", "runs/test_train.py",
        "test_augment.py", "test_cost.py",
    )
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is run once more under each instruction set."""
    for item in items:
        if any(item.path.is_relative_to(path) for path in NUMERIC):
            item.add_marker(pytest.mark.numeric)
