"""Every test process computes on one thread, as a worker of the benchmark does."""

from __future__ import annotations

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch or NumPy is imported

# A shell starts what runs in its background deaf to Ctrl-C, and commands that tests start inherit
# it; what Ctrl-C does to them is tested.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
