"""Describe the machine: a time means nothing without it."""

import importlib.metadata
import os
import platform
from typing import Any

from bench.runs.environment import processor

_PACKAGES = ("torch", "onnxruntime", "numpy")


def machine(threads: int) -> dict[str, Any]:
    """The machine as JSON values; ``threads`` is how many a network was given."""
    return {
        "cpu": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        # Runnable processes: well above 0 beside one's own means that the times are of a busy
        # machine.
        "load": round(os.getloadavg()[0], 2),
    }
