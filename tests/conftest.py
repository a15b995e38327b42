"""Every test process computes on one thread, as a worker of the benchmark does."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch or NumPy is imported
